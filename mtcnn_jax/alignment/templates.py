"""Where a crop has its face.

ArcFace's template is five points of a crop of 112 x 112 pixels, published as numbers that count
from the *centre* of the first pixel, as OpenCV does. Here all is counted from that pixel's corner
(decision 0001), so half a pixel is added, once, below. A network that was trained on crops made
with the published numbers gets just those.
"""

from typing import Any

import numpy as np

from mtcnn_jax.config import is_whole, plain_number

SIDE = 112
"""Of the crop that ArcFace's points are given for."""

ARCFACE = (
    np.array(
        [
            [38.2946, 51.6963],
            [73.5318, 51.5014],
            [56.0252, 71.7366],
            [41.5493, 92.3655],
            [70.7299, 92.2041],
        ]
    )
    + 0.5
)
"""float64 [5, 2] in pixels, from the corner of the first: left eye, right eye, nose, left and right
mouth corner."""

TEMPLATES = ("arcface", "box")

LARGEST_CROP = 16384
"""Side in pixels: a crop of nearly a gigabyte."""


def check_template(template: Any) -> None:
    """Checks that a template is one.

    Raises:
        ValueError: if it is none.
    """
    if template not in TEMPLATES:
        raise ValueError(f"template is {template!r}; accepted are 'arcface' and 'box'")


def crop_shape(size: Any) -> tuple[int, int]:
    """Height and width of crops of `size`, one whole number or two.

    Raises:
        ValueError: if it is neither.
    """
    sides = [size, size] if np.ndim(size) == 0 else list(size)
    sides = [plain_number(side) for side in sides]
    fits = all(is_whole(side, least=1) and side <= LARGEST_CROP for side in sides)
    if len(sides) != 2 or not fits:
        raise ValueError(
            f"size is {size!r}; accepted is a whole number of pixels from 1 to {LARGEST_CROP}, or "
            "two, height and width"
        )
    return sides[0], sides[1]


def check_margin(margin: Any) -> float:
    """A margin as a float.

    Raises:
        ValueError: if it is no finite number, or below 0.
    """
    number = plain_number(margin)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < np.inf:
        raise ValueError(
            f"margin is {margin!r}; accepted are numbers from 0 up, the share of the crop's or the "
            "box's side that is added at each of its sides"
        )
    return float(number)


def arcface_points(shape: tuple[int, int], margin: float) -> np.ndarray:
    """float64 [5, 2]: ArcFace's points in a crop of `shape`, height and width.

    They follow the crop's height, in its middle: at 112 x 96 they are those of the older networks
    that take such crops.
    """
    height, width = shape
    scale = height / SIDE / (1 + 2 * margin)
    return (ARCFACE - SIDE / 2) * scale + np.array([width, height]) / 2
