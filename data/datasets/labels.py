"""The labels of one picture, whatever form they were written in."""

from typing import NamedTuple

import numpy as np

from data.archives import PictureError
from data.checks import as_text, check_turn
from data.records import Picture
from mtcnn_jax.images import Shape


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


def without_area(boxes: np.ndarray) -> np.ndarray:
    """bool [m]: which boxes [m, 4] have no width or no height."""
    return (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
