"""COCO's JSON (Lin et al. 2014): pictures, boxes, and five key points of faces that have them."""

import json
import pathlib
import warnings
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from data.archives import ArchiveError, check_name, shown
from data.datasets.labels import Labels, without_area
from data.lines import FARTHEST


def parse_coco(path: pathlib.Path, text: str) -> list[Labels]:
    """Reads the text of a file; see `data.datasets.labelled.read_labels`.

    Raises:
        ArchiveError: naming the entry that is malformed.
    """
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
    _warn_of_categories(path, content)
    labels = []
    for image, (name, place, size) in images.items():
        columns = zip(*faces[image], strict=True) if faces[image] else ((), (), (), ())
        boxes, crowds, points, places = columns
        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        points = np.array(points, np.float32).reshape(-1, 5, 2)
        ignored = np.array(crowds, bool) | without_area(boxes)
        labels.append(Labels(name, boxes, ignored, points, place, size, tuple(places)))
    return labels


def _warn_of_categories(path: pathlib.Path, content: Mapping[str, Any]) -> None:
    """Warns where boxes are of several categories: people or masks may be among them."""
    used = {str(entry.get("category_id")) for entry in content["annotations"]}
    if len(used) > 1:
        warnings.warn(
            f"{path} has annotations of {len(used)} categories ({', '.join(sorted(used)[:5])}): "
            "all of them are taken as faces",
            UserWarning,
            stacklevel=4,
        )


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
