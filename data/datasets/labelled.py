"""Any labelled folder of pictures: WIDER FACE's or RetinaFace's text, or COCO's JSON."""

import json
import os
import pathlib
import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from data.archives import ArchiveError, PictureError, check_name, inside, shown
from data.checks import INSIDE, as_text, check_turn, share_inside
from data.datasets.retinaface import is_retinaface, parse_points
from data.datasets.wider_face import ATTRIBUTES, parse_annotations
from data.lines import FARTHEST, read_text
from data.records import Picture
from mtcnn_jax.images import Shape, read_shape

_INVALID = ATTRIBUTES.index("invalid")


class Labels(NamedTuple):
    """The labels of one picture; see `data.records.Picture`.

    Attributes:
        place: the file and line (or entry) that name the picture.
        size: height and width that the labels say the picture has; None where they do not.
        places: the file and line (or entry) of each face.
    """

    name: str
    boxes: np.ndarray
    ignored: np.ndarray
    landmarks: np.ndarray
    place: str
    size: tuple[int, int] | None = None
    places: tuple[str, ...] = ()

    def picture(self, encoded: bytes = b"") -> Picture:
        """The labels with the bytes of their picture's file."""
        return Picture(self.name, encoded, self.boxes, self.ignored, self.landmarks, True)


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
        labels = _coco(path, text)
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
        ignored = (one.attributes[:, _INVALID] == 1) | _without_area(one.boxes)
        unknown = np.full((len(one.boxes), 5, 2), np.nan, np.float32)
        labels.append(Labels(one.name, one.boxes, ignored, unknown, one.place, None, one.places))
    return labels


def _retinaface(path: pathlib.Path, text: str) -> list[Labels]:
    return [
        Labels(
            one.name,
            one.boxes,
            _without_area(one.boxes),
            one.landmarks,
            one.place,
            None,
            one.places,
        )
        for one in parse_points(str(path), text)
    ]


def _without_area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)


def _coco(path: pathlib.Path, text: str) -> list[Labels]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, Mapping) or not all(
        isinstance(content.get(part), list) for part in ("images", "annotations")
    ):
        raise ArchiveError(f"{path}: accepted is COCO's object with images and annotations")
    if not content["images"]:
        raise ArchiveError(f"{path} has no images; accepted is one or more")
    images, faces = {}, {}
    for number, image in enumerate(content["images"]):
        place = f"{path}, images[{number}]"
        try:
            key, name = image["id"], check_name(image["file_name"], place)
            again = key in images
        except (AttributeError, KeyError, TypeError):
            raise ArchiveError(f"{place}: accepted is an object with id and file_name") from None
        if again:
            raise ArchiveError(f"{place}: an image before it has the id {key!r} already")
        images[key], faces[key] = (name, place, _coco_size(image, place)), []
    for number, entry in enumerate(content["annotations"]):
        place = f"{path}, annotations[{number}]"
        image, face = _coco_face(entry, place)
        if not isinstance(image, Hashable) or image not in faces:
            raise ArchiveError(f"{place}: no image has the id {image!r}")
        faces[image].append((*face, place))
    labels = []
    for image, (name, place, size) in images.items():
        columns = zip(*faces[image], strict=True) if faces[image] else ((), (), (), ())
        boxes, crowds, points, places = columns
        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        points = np.array(points, np.float32).reshape(-1, 5, 2)
        ignored = np.array(crowds, bool) | _without_area(boxes)
        labels.append(Labels(name, boxes, ignored, points, place, size, tuple(places)))
    return labels


def _coco_size(image: Mapping[str, Any], place: str) -> tuple[int, int] | None:
    sides = [image.get(side) or 0 for side in ("height", "width")]
    if not all(isinstance(side, int | float) and 0 <= side <= FARTHEST for side in sides):
        raise ArchiveError(
            f"{place}: height and width are {shown(str(sides))}; accepted are pixels up to "
            f"{FARTHEST}, or neither"
        )
    return (int(sides[0]), int(sides[1])) if all(sides) else None


def _coco_face(entry: Any, place: str) -> tuple[Any, tuple[list[float], bool, np.ndarray]]:
    try:
        image, (x, y, width, height) = entry["image_id"], map(float, list(entry["bbox"]))
        points = np.array(entry.get("keypoints", ()), np.float64)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise ArchiveError(
            f"{place}: accepted is an object with image_id and a bbox of 4 numbers"
        ) from None
    known, five = np.zeros((0, 2)), np.full((5, 2), np.nan)
    if points.shape == (15,):
        visible = points[2::3] > 0
        five[visible] = known = points.reshape(5, 3)[visible, :2]
    for what, values in (("bbox", (x, y, width, height)), ("keypoints", known)):
        if not (np.abs(values) <= FARTHEST).all():  # A NaN is not.
            raise ArchiveError(
                f"{place}: {what} is {shown(str(entry[what]))}; accepted are finite numbers of "
                f"pixels from -{FARTHEST} to {FARTHEST}"
            )
    ignored = bool(entry.get("iscrowd", 0)) or bool(entry.get("ignore", 0))
    return image, ([x, y, x + width, y + height], ignored, five)


def check_size(one: Labels, shape: Shape) -> None:
    """Makes sure that labels are on their picture as it is shown, as far as that can be told.

    Sizes that the labels give have to be the picture's. Without them EXIF data that lays the
    picture on its side may show by the boxes.

    Raises:
        PictureError: naming the line (or entry) of the picture.
    """
    if one.size not in (None, shape.shown):
        turned = shape.stored != shape.shown and one.size == shape.stored
        why = ", as it is stored; its EXIF data turns it to" if turned else "; the file has"
        raise PictureError(
            f"{one.place}: {one.name} has {as_text(one.size)}{why} {as_text(shape.shown)}; "
            "accepted are labels on the picture as it is shown, or a picture without EXIF data"
        )
    if one.size is None:
        about = f"the boxes of {one.name}, which {one.place} names,"
        check_turn(one.boxes[~one.ignored], shape, about)


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
