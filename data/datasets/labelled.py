"""Any labelled folder of pictures: WIDER FACE's or RetinaFace's text, or COCO's JSON."""

import os
import pathlib
import warnings
from collections.abc import Sequence

import numpy as np

from data.archives import ArchiveError, inside
from data.checks import INSIDE, as_text, share_inside
from data.datasets.coco import parse_coco
from data.datasets.labels import Labels, check_size, without_area
from data.datasets.retinaface import is_retinaface, parse_points
from data.datasets.wider_face import ATTRIBUTES, parse_annotations
from data.lines import read_text
from data.records import Picture
from mtcnn_jax.images import Shape, read_shape

_INVALID = ATTRIBUTES.index("invalid")


def read_labels(path: str | os.PathLike) -> list[Labels]:
    """Reads labels, of WIDER FACE's or RetinaFace's format from a .txt file, COCO's from a .json.

    COCO's crowds are ignored boxes; its key points are read where there are five for each face, in
    the order of `mtcnn_jax.cascade.boxes`.

    Raises:
        FileNotFoundError: if there is no such file.
        ArchiveError: naming file and line (or entry), if it is malformed or names a picture again.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}; accepted is a .txt or .json of labels")
    if path.suffix.lower() not in (".json", ".txt"):
        raise ArchiveError(f"{path}; accepted are .txt (WIDER FACE, RetinaFace) and .json (COCO)")
    text = read_text(path)
    if path.suffix.lower() == ".json":
        labels = parse_coco(path, text)
    else:
        labels = (_retinaface if is_retinaface(text) else _wider)(path, text)
    places: dict[str, str] = {}
    for one in labels:
        if one.name in places:
            raise ArchiveError(f"{one.place}: {one.name} was on {places[one.name]} already")
        places[one.name] = one.place
    return labels


def _wider(path: pathlib.Path, text: str) -> list[Labels]:
    labels = []
    for one in parse_annotations(str(path), text):
        ignored = (one.attributes[:, _INVALID] == 1) | without_area(one.boxes)
        unknown = np.full((len(one.boxes), 5, 2), np.nan, np.float32)
        labels.append(Labels(one.name, one.boxes, ignored, unknown, one.place, None, one.places))
    return labels


def _retinaface(path: pathlib.Path, text: str) -> list[Labels]:
    return [
        Labels(
            one.name,
            one.boxes,
            without_area(one.boxes),
            one.landmarks,
            one.place,
            None,
            one.places,
        )
        for one in parse_points(str(path), text)
    ]


def check_shape(one: Labels, shape: Shape) -> None:
    """`check_size`, and that a box that counts lies in the picture with a tenth of its area.

    Raises:
        ArchiveError: naming the line (or entry) of the picture.
    """
    check_size(one, shape)
    counted = one.boxes[~one.ignored]
    far = share_inside(counted, shape.shown) < INSIDE
    if far.any():
        raise ArchiveError(
            f"{one.place}: the box {counted[far][0].tolist()} (x1, y1, x2, y2) lies outside "
            f"{one.name}, which has {as_text(shape.shown)}; accepted are boxes of which a tenth or "
            "more lies within, and ones to ignore"
        )


class Pictures(Sequence):
    """Labelled pictures of a folder, read from their files as they are asked for."""

    def __init__(self, folder: str | os.PathLike, annotations: str | os.PathLike):
        """Reads the labels, and makes sure that their pictures are there and are theirs.

        Where EXIF data turns pictures in a way that the labels' sizes do not tell, there is a
        warning.

        Raises:
            ArchiveError: if a picture is missing or none, or `check_shape` refuses its labels;
                naming the line (or entry) of the annotations.
        """
        self._root = pathlib.Path(folder)
        self.labels = read_labels(annotations)
        unsure = []
        for one in self.labels:
            path = inside(self._root, one.name, one.place)
            if not path.is_file():
                raise ArchiveError(f"{self._root} holds no {one.name}, which {one.place} names")
            try:
                shape = read_shape(path)
            except ValueError as error:
                raise ArchiveError(f"{one.place}: {error}") from error
            check_shape(one, shape)
            told = one.size is not None and shape.stored != shape.shown
            if shape.orientation != 1 and not told:
                unsure.append(one.name)
        if unsure:
            warnings.warn(
                f"{len(unsure)} of {len(self.labels)} pictures are turned by their EXIF data, the "
                f"first is {unsure[0]}; their labels are taken to be on them as they are shown",
                UserWarning,
                stacklevel=2,
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Picture:
        one = self.labels[index]
        return one.picture((self._root / one.name).read_bytes())
