"""CelebA (Liu et al. 2015), in the wild and aligned, as TFDS builders that want no TensorFlow.

In the wild the manual folder holds `img_celeba.zip` (or the folder `img_celeba` that the archive
unpacks to), `list_bbox_celeba.txt`, `list_landmarks_celeba.txt` and `list_eval_partition.txt`;
aligned it holds `img_align_celeba.zip` (or its folder), `list_landmarks_align_celeba.txt` and the
partition. Aligned pictures have no boxes of their own: `box_of_landmarks` makes them. Points are in
the order and geometry of `mtcnn_jax.cascade.boxes`. A face whose points or box lie far outside the
picture, or its points far outside the box, is left out and counted; `data.checks` says how far.
"""

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data.archives import ArchiveError, PictureArchive, check_name, require
from data.checks import INSIDE, Named, points_are_far, share_inside
from data.datasets.builder import ArchiveBuilder
from data.landmark_boxes import box_of_landmarks
from data.lines import Lines, read_text

PARTITIONS = {0: "train", 1: "validation", 2: "test"}
PARTITION_FILE = "list_eval_partition.txt"


def read_list(path: pathlib.Path, columns: int, *, header: bool = True) -> dict[str, tuple]:
    """Reads a list of CelebA: where `header`, a count and a line of column names, then rows.

    Args:
        path: the text file.
        columns: numbers after each picture's name.
        header: whether count and column names come first.

    Returns:
        For each picture's name its numbers, a float64 [columns], and the place (file and line).

    Raises:
        ArchiveError: naming the line that is malformed, or that comes up twice, or the wrong count.
    """
    lines = Lines(str(path), read_text(path))
    count = None
    if header:
        count = lines.count("rows")
        lines.take()
    found: dict[str, tuple] = {}
    for line in lines:
        name, numbers = lines.split_name(line)
        name = check_name(name, lines.place)
        if name in found:
            raise ArchiveError(f"{lines.place}: {name} was on {found[name][1]} already")
        found[name] = (np.array(lines.pixels(numbers, columns)), lines.place)
    if count is not None and len(found) != count:
        raise ArchiveError(f"{path}, line 1: {count}; the file has {len(found)} rows")
    if not found:
        raise ArchiveError(f"{path} has no rows; accepted is one picture or more")
    return found


def read_partitions(path: pathlib.Path) -> dict[str, int]:
    """Reads which partition each picture is in.

    Raises:
        ArchiveError: naming the line with another number, or the partition that has no picture.
    """
    found = {}
    for name, ((number,), place) in read_list(path, 1, header=False).items():
        if number not in PARTITIONS:
            raise ArchiveError(f"{place}: partition {number:g}; accepted are 0, 1 and 2")
        found[name] = int(number)
    for number, split in PARTITIONS.items():
        if number not in found.values():
            raise ArchiveError(
                f"{path} has no picture of partition {number} ({split}); accepted is one or more"
            )
    return found


def _other(values: dict[str, Any], name: str, path: pathlib.Path, place: str) -> Any:
    if name not in values:
        raise ArchiveError(f"{path} has no row for {name}, which {place} names")
    return values[name]


class _CelebA(ArchiveBuilder, skip_registration=True):
    """What the two forms share; a form sets the names of its files."""

    ARCHIVE: str
    LANDMARKS: str
    BOXES: str | None = None

    def _info(self) -> tfds.core.DatasetInfo:
        return self.info_of(
            description=__doc__,
            features={
                "bbox": tfds.features.Tensor(shape=(4,), dtype=np.float32),
                "landmarks": tfds.features.Tensor(shape=(5, 2), dtype=np.float32),
            },
            homepage="http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        texts = (self.LANDMARKS, PARTITION_FILE, *filter(None, (self.BOXES,)))
        folder = require(self.manual, (f"{self.ARCHIVE}.zip|{self.ARCHIVE}", *texts))
        return {
            split: self._generate_examples(folder, partition)
            for partition, split in PARTITIONS.items()
        }

    def _generate_examples(self, folder: pathlib.Path, partition: int) -> Iterator:
        points = read_list(folder / self.LANDMARKS, 10)
        partitions = read_partitions(folder / PARTITION_FILE)
        boxes = read_list(folder / self.BOXES, 4) if self.BOXES else {}
        path = folder / f"{self.ARCHIVE}.zip"
        unpacked = not path.exists()
        archive = PictureArchive(folder / self.ARCHIVE if unpacked else path)
        named = [
            Named(name, name if unpacked else f"{self.ARCHIVE}/{name}", place)
            for name, (_, place) in points.items()
            if _other(partitions, name, folder / PARTITION_FILE, place) == partition
        ]
        if not named:
            raise ArchiveError(
                f"{folder / self.LANDMARKS} has no picture of partition {partition} "
                f"({PARTITIONS[partition]}); accepted is one or more"
            )
        for (name, _, place), encoded, shape in self.checks.pictures(archive, named):
            landmarks = points[name][0].reshape(5, 2).astype(np.float32)
            box = box_of_landmarks(landmarks)
            if self.BOXES:
                x, y, width, height = _other(boxes, name, folder / self.BOXES, place)[0]
                box = np.array([x, y, x + width, y + height], np.float32)
            if self.checks.turned(box, shape, f"the face of {name}, which {place} names,"):
                continue
            far = (share_inside(box, shape.shown) < INSIDE).any()
            if far or points_are_far(landmarks, box, shape.shown):
                what = "faces with a box or points far outside their picture, left out"
                self.checks.count(what, f"of {name}, {place}")
                continue
            example = {"image": encoded, "image/filename": name}
            yield name, {**example, "bbox": box, "landmarks": landmarks}
        archive.close()


class CelebAWild(_CelebA):
    """CelebA in the wild: whole pictures with one labelled face each."""

    ARCHIVE = "img_celeba"
    LANDMARKS = "list_landmarks_celeba.txt"
    BOXES = "list_bbox_celeba.txt"
    MANUAL_DOWNLOAD_INSTRUCTIONS = "img_celeba.zip and three lists; see the module."


class CelebAAligned(_CelebA):
    """CelebA aligned: 178 x 218 pixels, the face upright in the middle."""

    ARCHIVE = "img_align_celeba"
    LANDMARKS = "list_landmarks_align_celeba.txt"
    MANUAL_DOWNLOAD_INSTRUCTIONS = "img_align_celeba.zip and two lists; see the module."
