"""WIDER FACE (Yang et al. 2016) from its own archives, as a TFDS builder that wants no TensorFlow.

The manual folder holds `WIDER_train.zip`, `WIDER_val.zip` and `wider_face_split.zip`;
`WIDER_test.zip` is optional, and so are RetinaFace's points (`wider_points`). Boxes are x1, y1, x2,
y2 in pixels, corner of the first pixel at (0, 0). All boxes are kept, those of no area and the
`invalid` ones too; `data.records` marks them as ignored. Boxes of which less than a tenth lies in
the picture become `invalid`.
"""

import pathlib
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from data.archives import ArchiveError, PictureArchive, check_name, require, shown
from data.checks import INSIDE, Named, share_inside
from data.datasets.builder import ArchiveBuilder
from data.datasets.wider_points import points_of, read_points
from data.lines import Lines, read_member

ATTRIBUTES = ("blur", "expression", "illumination", "invalid", "occlusion", "pose")
"""In the order of the annotation's columns, after x, y, width and height."""

LEVELS = {"blur": 3, "occlusion": 3}
"""Values of the attributes that have more than two: none, some, heavy."""

SPLIT_ARCHIVE = "wider_face_split.zip"
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".avif", ".tif", ".tiff", ".gif")
"""Endings of pictures' names, in small letters or capitals. WIDER FACE's own are all .jpg."""

NEEDED = ("WIDER_train.zip|WIDER_train", "WIDER_val.zip|WIDER_val", SPLIT_ARCHIVE)


class Annotation(NamedTuple):
    """What the annotation says of one picture.

    Attributes:
        name: path of the picture below `images/`.
        boxes: float32 [m, 4], xyxy in pixels.
        attributes: int64 [m, 6], in the order of `ATTRIBUTES`.
        place: the file and line that name the picture.
        places: the file and line of each box.
    """

    name: str
    boxes: np.ndarray
    attributes: np.ndarray
    place: str
    places: tuple[str, ...] = ()


def _is_name(line: str) -> bool:
    return line.lower().endswith(SUFFIXES)


def parse_annotations(name: str, text: str) -> list[Annotation]:
    """Reads `wider_face_*_bbx_gt.txt`: a name, a count, and as many lines of boxes.

    After a count of 0 the official files have a line of zeros, which may be missing.

    Raises:
        ArchiveError: naming the file and the line that is malformed.
    """
    lines, found = Lines(name, text), []
    while lines:
        picture, place = lines.take(), lines.place
        if not _is_name(picture):
            raise ArchiveError(
                f"{place}: {shown(picture)}; accepted is the name of a .jpg, or another of "
                f"{', '.join(SUFFIXES)}"
            )
        picture = check_name(picture, place)
        count = lines.count("boxes")
        zeros = not count and bool(lines) and not _is_name(lines.next)
        rows, places = [], []
        for _ in range(count or zeros):
            rows.append(lines.pixels(lines.take(), 10))
            places.append(lines.place)
        table = np.array(rows if count else np.zeros((0, 10)), np.float64)
        boxes = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1)
        attributes = table[:, 4:].astype(np.int64)
        limits = np.array([LEVELS.get(attribute, 2) for attribute in ATTRIBUTES])
        wrong = (attributes < 0) | (attributes >= limits) | (table[:, 4:] != attributes)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ArchiveError(
                f"{name}, the picture of {place}, box {row + 1}: {ATTRIBUTES[column]} is "
                f"{table[row, 4 + column]:g}; accepted is 0 to {limits[column] - 1}"
            )
        told = tuple(places[:count])
        found.append(Annotation(picture, boxes.astype(np.float32), attributes, place, told))
    if not found:
        raise ArchiveError(f"{name} is empty; accepted is one picture or more")
    return found


def parse_names(name: str, text: str) -> list[Annotation]:
    """Reads `wider_face_test_filelist.txt`, names of pictures whose faces are not published."""
    lines = Lines(name, text)
    boxes, attributes = np.zeros((0, 4), np.float32), np.zeros((0, 6), np.int64)
    found = [
        Annotation(check_name(picture, lines.place), boxes, attributes, lines.place)
        for picture in lines
    ]
    if not found:
        raise ArchiveError(f"{name} is empty; accepted is one picture or more")
    return found


def read_annotations(folder: pathlib.Path, split: str) -> list[Annotation]:
    """The annotations of split "train", "val" or "test" out of the archive in `folder`."""
    path = folder / SPLIT_ARCHIVE
    file = "test_filelist" if split == "test" else f"{split}_bbx_gt"
    member = f"wider_face_split/wider_face_{file}.txt"
    text, name = read_member(path, member, named_by="WIDER FACE's layout")
    parse = parse_names if split == "test" else parse_annotations
    return parse(name, text)


class WiderFaceArchives(ArchiveBuilder):
    """WIDER FACE from its archives (not named as the stock builder, which it would shadow)."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.1.0": "The five points that RetinaFace added."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Put {', '.join(NEEDED)} into the manual folder."

    def _info(self) -> tfds.core.DatasetInfo:
        kinds = {
            name: tfds.features.ClassLabel(num_classes=LEVELS.get(name, 2)) for name in ATTRIBUTES
        }
        places = {"bbox": (4,), "landmarks": (5, 2)}
        tensors = {
            name: tfds.features.Tensor(shape=shape, dtype=np.float32)
            for name, shape in places.items()
        }
        faces = {**tensors, **kinds}
        return self.info_of(
            description=__doc__,
            features={"faces": tfds.features.Sequence(faces)},
            homepage="http://shuoyang1213.me/WIDERFACE/",
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        folder = require(self.manual, NEEDED)
        splits = {"train": "train", "validation": "val"}
        if any((folder / name).exists() for name in ("WIDER_test.zip", "WIDER_test")):
            splits["test"] = "test"
        return {name: self._generate_examples(folder, split) for name, split in splits.items()}

    def _generate_examples(self, folder: pathlib.Path, split: str) -> Iterator:
        annotations = read_annotations(folder, split)
        root = f"WIDER_{split}"
        path = folder / f"{root}.zip"
        unpacked = not path.exists()
        archive = PictureArchive(folder / root / "images" if unpacked else path)
        points = read_points(folder) if split == "train" else {}
        named = [
            Named((number, one), one.name if unpacked else f"{root}/images/{one.name}", one.place)
            for number, one in enumerate(annotations)
        ]
        for ((number, one), _, place), encoded, shape in self.checks.pictures(archive, named):
            invalid = one.attributes[:, ATTRIBUTES.index("invalid")]
            about = f"the boxes of {one.name}, which {place} names,"
            if self.checks.turned(one.boxes[invalid == 0], shape, about):
                continue
            far = (invalid == 0) & (share_inside(one.boxes, shape.shown) < INSIDE)
            invalid[far] = 1
            what = "boxes outside their picture, marked as ones to ignore"
            self.checks.count(what, f"of {one.name}, {place}", int(far.sum()))
            landmarks, others = points_of(one.boxes, points.get(one.name))
            what = "faces with RetinaFace's points that WIDER FACE has not, left out"
            self.checks.count(what, f"of {one.name}, {place}", others)
            columns = dict(zip(ATTRIBUTES, one.attributes.T, strict=True))
            faces = [
                {
                    "bbox": box,
                    "landmarks": landmarks[row],
                    **{name: int(column[row]) for name, column in columns.items()},
                }
                for row, box in enumerate(one.boxes)
            ]
            yield number, {"image": encoded, "image/filename": one.name, "faces": faces}
        archive.close()
