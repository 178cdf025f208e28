"""Any labelled folder of pictures: boxes in WIDER FACE's text format, or COCO's JSON."""

import json
import os
import pathlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from data.archives import FARTHEST, ArchiveError, check_name, inside, read_text, shown
from data.datasets.wider_face import ATTRIBUTES, parse_annotations
from data.records import Picture

_INVALID = ATTRIBUTES.index("invalid")


class Labels(NamedTuple):
    """The labels of one picture; see `data.records.Picture`."""

    name: str
    boxes: np.ndarray
    ignored: np.ndarray
    landmarks: np.ndarray
    place: str


def read_labels(path: str | os.PathLike) -> list[Labels]:
    """Reads labels, of WIDER FACE's format from a .txt file and COCO's from a .json file.

    COCO's crowds are ignored boxes; its key points are read where there are five for each face, in
    the order of `mtcnn_jax.cascade.boxes`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming file and line (or entry), if it is malformed.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}; accepted is a .txt or .json of labels")
    text = read_text(path)
    if path.suffix.lower() == ".json":
        return _coco(path, text)
    if path.suffix.lower() != ".txt":
        raise ValueError(f"{path}; accepted are .txt (WIDER FACE) and .json (COCO)")
    labels = []
    for one in parse_annotations(str(path), text):
        ignored = (one.attributes[:, _INVALID] == 1) | _without_area(one.boxes)
        unknown = np.full((len(one.boxes), 5, 2), np.nan, np.float32)
        labels.append(Labels(one.name, one.boxes, ignored, unknown, one.place))
    return labels


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
    names, faces = {}, {}
    for number, image in enumerate(content["images"]):
        place = f"{path}, images[{number}]"
        try:
            key, name = image["id"], check_name(image["file_name"], place)
            again = key in names
        except (AttributeError, KeyError, TypeError):
            raise ArchiveError(f"{place}: accepted is an object with id and file_name") from None
        if again:
            raise ArchiveError(f"{place}: an image before it has the id {key!r} already")
        names[key], faces[key] = name, []
    for number, entry in enumerate(content["annotations"]):
        place = f"{path}, annotations[{number}]"
        image, face = _coco_face(entry, place)
        if not isinstance(image, Hashable) or image not in faces:
            raise ArchiveError(f"{place}: no image has the id {image!r}")
        faces[image].append(face)
    labels = []
    for image, name in names.items():
        boxes = np.array([box for box, _, _ in faces[image]], np.float32).reshape(-1, 4)
        crowds = np.array([crowd for _, crowd, _ in faces[image]], bool)
        points = np.array([points for _, _, points in faces[image]], np.float32).reshape(-1, 5, 2)
        labels.append(Labels(name, boxes, crowds | _without_area(boxes), points, str(path)))
    return labels


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


class Pictures(Sequence):
    """Labelled pictures of a folder, read from their files as they are asked for."""

    def __init__(self, folder: str | os.PathLike, annotations: str | os.PathLike):
        """Reads the labels, and makes sure that their pictures are there.

        Raises:
            ArchiveError: if one is not, naming the line of the annotations.
        """
        self._root = pathlib.Path(folder)
        self.labels = read_labels(annotations)
        for one in self.labels:
            if not inside(self._root, one.name, one.place).is_file():
                raise ArchiveError(f"{self._root} holds no {one.name}, which {one.place} names")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Picture:
        one = self.labels[index]
        encoded = (self._root / one.name).read_bytes()
        return Picture(one.name, encoded, one.boxes, one.ignored, one.landmarks, True)
