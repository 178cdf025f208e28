"""Pictures of one's own with labels, as a data set to train on.

Labels are any that `data.datasets.labelled` reads. Pictures for validation are named by labels of
their own, or chosen by their names, so that a picture stays where it is when others come or go.
What is left out, or becomes a box to ignore, is counted, and the first of each kind named.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow_datasets as tfds

from data.archives import ArchiveError, PictureArchive, PictureError, inside
from data.checks import INSIDE, Named, points_are_far, share_inside
from data.datasets.builder import ArchiveBuilder
from data.datasets.labelled import read_labels
from data.datasets.labels import Labels, check_size
from data.datasets.wider_face import SUFFIXES
from mtcnn_jax.images import Shape


@dataclasses.dataclass(frozen=True)
class Folder:
    """A labelled folder, its labels read and split.

    Attributes:
        splits: of "train" and "validation" the folder of pictures and their labels.
        origin: a digest of the labels, the split and the sizes of the pictures' files.
        unlabelled: pictures in the folders that no label names, sorted.
    """

    splits: dict[str, tuple[pathlib.Path, list[Labels]]]
    origin: str
    unlabelled: list[pathlib.Path]


def share_of(name: str) -> float:
    """A number from 0 to 1 by the hash of a picture's name, the same wherever the picture lies."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def split_by_name(
    labels: Sequence[Labels], validation_share: float
) -> tuple[list[Labels], list[Labels]]:
    """Labels for training and for validation, by the pictures' names; never none of either.

    Raises:
        ValueError: if the share is not between 0 and 1, or there is one picture alone.
    """
    if not 0 < validation_share < 1:
        raise ValueError(f"validation_share is {validation_share:g}; accepted is above 0, below 1")
    if len(labels) < 2:
        raise ArchiveError(
            f"{labels[0].place}: {labels[0].name} is the only picture; accepted are two or more, "
            "of which some are for validation"
        )
    order = sorted(labels, key=lambda one: share_of(one.name))
    count = sum(share_of(one.name) < validation_share for one in labels)
    chosen = {one.name for one in order[: min(max(count, 1), len(labels) - 1)]}
    return (
        [one for one in labels if one.name not in chosen],
        [one for one in labels if one.name in chosen],
    )


def read_folder(
    pictures: str | os.PathLike,
    labels: str | os.PathLike,
    *,
    validation_labels: str | os.PathLike = "",
    validation_pictures: str | os.PathLike = "",
    validation_share: float = 0.1,
) -> Folder:
    """Reads the labels of a folder and splits them.

    Args:
        pictures: the folder that the labels' names are below.
        labels: a file as `read_labels` takes it.
        validation_labels: another for validation; without it `labels` are split.
        validation_pictures: the folder of the latter's pictures, where it is another.
        validation_share: about which share of the pictures is for validation, in a split.

    Raises:
        ArchiveError: naming file and line of what is malformed, or named for both.
        FileNotFoundError: if there is no such file or folder.
    """
    root, other = pathlib.Path(pictures), pathlib.Path(validation_pictures or pictures)
    for folder in (root, other):
        if not folder.is_dir():
            raise FileNotFoundError(f"no such folder: {folder}; accepted is one of pictures")
    train = read_labels(labels)
    if not train:
        raise ArchiveError(f"{labels} names no picture; accepted is one or more")
    if validation_labels:
        validation = read_labels(validation_labels)
        places = {root / one.name: one.place for one in train}
        for one in validation:
            if other / one.name in places:
                raise ArchiveError(
                    f"{one.place}: {one.name} is for training by {places[other / one.name]}; "
                    "accepted are other pictures for validation"
                )
    else:
        train, validation = split_by_name(train, validation_share)
    splits = {"train": (root, train), "validation": (other, validation)}
    named = {folder / one.name for folder, part in splits.values() for one in part}
    found = sorted({path for folder in (root, other) for path in _pictures_below(folder)})
    return Folder(splits, _origin(splits), [path for path in found if path not in named])


def _pictures_below(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    for path in folder.rglob("*"):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path


def _origin(splits: dict[str, tuple[pathlib.Path, list[Labels]]]) -> str:
    """A digest of all labels and of the sizes of the pictures' files; not of where these lie."""
    digest = hashlib.sha256()
    for split, (folder, labels) in splits.items():
        for one in labels:
            path = inside(folder, one.name, one.place)
            size = path.stat().st_size if path.is_file() else None
            digest.update(f"{split} {one.name} {size} {one.size} ".encode())
            for field in (one.boxes, one.ignored, one.landmarks):
                digest.update(field.tobytes())
    return digest.hexdigest()[:16]


class OwnFolder(ArchiveBuilder):
    """A labelled folder as a data set."""

    def __init__(self, *, folder: Folder, **settings):
        """See `ArchiveBuilder` for the settings."""
        self.folder = folder
        super().__init__(manual_dir=folder.splits["train"][0], **settings)

    def _info(self) -> tfds.core.DatasetInfo:
        faces = {
            "bbox": tfds.features.Tensor(shape=(4,), dtype=np.float32),
            "ignored": tfds.features.Scalar(dtype=np.bool_),
            "landmarks": tfds.features.Tensor(shape=(5, 2), dtype=np.float32),
        }
        return self.info_of(
            description=__doc__,
            features={"faces": tfds.features.Sequence(faces)},
            metadata=tfds.core.MetadataDict(origin=self.folder.origin),
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        what = "pictures that no label names, left out"
        for path in self.folder.unlabelled:
            self.checks.count(what, f"is {path}")
        return {name: self._generate_examples(*part) for name, part in self.folder.splits.items()}

    def _generate_examples(self, folder: pathlib.Path, labels: Sequence[Labels]) -> Iterator:
        named = []
        for one in labels:
            if inside(folder, one.name, one.place).is_file():
                named.append(Named(one, one.name, one.place))
            else:
                why = f"{folder} holds no {one.name}, which {one.place} names"
                self.checks.broken(PictureError(why))
        for (one, _, _), encoded, shape in self.checks.pictures(PictureArchive(folder), named):
            try:
                check_size(one, shape)
            except PictureError as error:
                self.checks.broken(error)
                continue
            faces = self._faces(one, shape)
            yield one.name, {"image": encoded, "image/filename": one.name, "faces": faces}

    def _faces(self, one: Labels, shape: Shape) -> list[dict]:
        """The faces of a picture; what is wrong with them is counted."""
        faces = []
        share = share_inside(one.boxes, shape.shown)
        for row, (box, points) in enumerate(zip(one.boxes, one.landmarks, strict=True)):
            about = f"{one.places[row]}, of {one.name}"
            ignored = bool(one.ignored[row])
            if (box[2:] <= box[:2]).any():
                self.checks.count("boxes without area, to ignore", about)
            elif not ignored and share[row] < INSIDE:
                ignored = True
                self.checks.count("boxes outside their picture, marked as to ignore", about)
            elif not ignored and points_are_far(points, box, shape.shown):
                points = np.full((5, 2), np.nan, np.float32)
                self.checks.count("points far outside their box or picture, left out", about)
            faces.append({"bbox": box, "ignored": ignored, "landmarks": points})
        return faces
