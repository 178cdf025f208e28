"""Pictures and their labels checked against each other, while a data set is prepared.

A picture that cannot be decoded ends the preparing, or is left out and counted where that is asked
for: mining would stop at it hours later. What labels say far outside a picture is no face of it,
and one such box would make half a million samples: boxes become ignored ones, faces with points are
left out, and both are counted.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from data.archives import ArchiveError, PictureArchive, PictureError
from mtcnn_jax import read_image
from mtcnn_jax.images import Shape, read_shape

INSIDE = 0.1
"""Share of a box that has to lie within the picture."""

POINTS_OUTSIDE = 0.1
"""How far points may lie outside the picture, over its longer side."""

POINTS_FROM_BOX = 1.0
"""How far points may lie outside the face's box, over its longer side."""

CHUNK = 64
"""Pictures that are decoded together."""


class Named(NamedTuple):
    """A picture that an annotation names.

    Attributes:
        item: whatever belongs to it.
        member: its path within the archive.
        place: the file and line that name it.
    """

    item: Any
    member: str
    place: str


class Checks:
    """Checks, and counts of what they left out; in the order of the data set."""

    def __init__(self, *, leave_out_broken: bool = False):
        self.leave_out_broken = leave_out_broken
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def count(self, what: str, first: str, number: int = 1) -> None:
        """Counts `number` of something left out; `first` says which, if it is the first."""
        if number:
            self._counts[what] += number
            self._first.setdefault(what, first)

    def report(self) -> list[str]:
        """A line for each thing that was counted."""
        counts = self._counts.items()
        return [f"{what}: {number}, the first {self._first[what]}" for what, number in counts]

    def broken(self, error: PictureError) -> None:
        """Counts a broken picture.

        Raises:
            PictureError: unless such pictures are to be left out.
        """
        if not self.leave_out_broken:
            raise PictureError(f"{error}; --leave_out_broken leaves such pictures out") from error
        self.count("broken pictures left out", f"is this: {error}")

    def turned(self, boxes: np.ndarray, shape: Shape, about: str) -> bool:
        """Whether a picture is to be left out since its labels do not follow its EXIF data.

        Raises:
            PictureError: unless such pictures are to be left out.
        """
        try:
            check_turn(boxes, shape, about)
        except PictureError as error:
            self.broken(error)
            return True
        return False

    def pictures(
        self, archive: PictureArchive, named: Sequence[Named]
    ) -> Iterator[tuple[Named, bytes, Shape]]:
        """Reads and decodes pictures, on all cores.

        Yields:
            Each picture that is whole, the bytes of its file, and its height and width.

        Raises:
            ArchiveError: if a picture is missing, all are broken, or one is and is not to be left
                out.
        """
        whole = 0
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(named), CHUNK):
                chunk = named[start : start + CHUNK]
                looks = pool.map(lambda one: look(archive, one), chunk)
                for one, found in zip(chunk, looks, strict=True):
                    if isinstance(found, PictureError):
                        self.broken(found)
                    else:
                        whole += 1
                        yield one, *found
        if not whole:
            raise ArchiveError(f"{archive.path}: none of {len(named)} pictures can be read")


def look(archive: PictureArchive, one: Named) -> tuple[bytes, Shape] | PictureError:
    """The bytes of a picture that can be decoded, and its height and width; else the error."""
    try:
        encoded = archive.read(one.member, named_by=one.place)
        try:
            read_image(encoded)
            return encoded, read_shape(encoded)
        except ValueError as error:
            why = str(error).removeprefix("the bytes given ")
            raise PictureError(
                f"{archive.path}: {one.member}, which {one.place} names, {why}"
            ) from error
    except PictureError as error:
        return error


def share_inside(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """float64 [m]: the share of each box [m, 4] that lies in a picture; 1 for one of no area.

    Args:
        boxes: xyxy in pixels.
        size: height and width.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    shown = np.minimum(boxes[:, 2:], size[::-1]) - np.maximum(boxes[:, :2], 0)
    area = sides.prod(axis=1)
    return np.where(area > 0, np.maximum(shown, 0).prod(axis=1) / np.maximum(area, 1e-9), 1)


def fit_as_stored(boxes: np.ndarray, shape: Shape) -> bool:
    """Whether boxes are sure to be on the pixels as stored, and not on the picture as shown.

    They are where EXIF data lays the picture on its side, one of them lies mostly outside then, and
    all lie within what is stored.
    """
    shown, stored = (share_inside(boxes, size) for size in (shape.shown, shape.stored))
    return bool((shown < 0.5).any() and (stored > 0.9).all())


def check_turn(boxes: np.ndarray, shape: Shape, about: str) -> None:
    """Refuses labels that are not on the picture as it is shown.

    Raises:
        PictureError: if they are sure not to be.
    """
    if fit_as_stored(boxes, shape):
        raise PictureError(
            f"{about} fit the picture as stored, {as_text(shape.stored)}, and not as its EXIF data "
            f"turns it, {as_text(shape.shown)}; accepted are labels on the picture as it is shown, "
            "or a picture without that entry"
        )


def as_text(size: tuple[int, int]) -> str:
    """Height and width as people write them."""
    return f"{size[1]} x {size[0]} pixels"


def points_are_far(points: np.ndarray, box: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether points [5, 2] lie so far outside their box [4] or picture that they are wrong."""

    def outside(low: np.ndarray, high: np.ndarray) -> float:
        return float(np.maximum(low - points, points - high).max())

    far = outside(np.zeros(2), np.array(size[::-1])) > POINTS_OUTSIDE * max(size)
    return far or outside(box[:2], box[2:]) > POINTS_FROM_BOX * float((box[2:] - box[:2]).max())
