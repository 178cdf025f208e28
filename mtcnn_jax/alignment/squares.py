"""A picture's mean over squares around any positions: how each of a crop's pixels is read.

The square's side is that of the crop's pixel, and at least one pixel of the picture. So what gets
smaller is the mean over its area, what gets larger is bilinear between the centres of pixels, and
at the same size, on the pixels, all come back as they are. Squares stay upright where the crop is
turned.

NumPy's arrays are computed by NumPy, JAX's by JAX.
"""

import math
from typing import Any

import jax
import numpy as np

Array = np.ndarray | jax.Array
Taps = list[tuple[Array, Array]]
"""For each pixel along an axis that a square may touch its index, and its share of the square."""

LARGEST = 4
"""Pixels along a square's side: of larger ones a picture made smaller is read."""


NEAR = 1e-3
"""Of a pixel: a line that begins so little before one is taken to begin with it. A compiler may
round a position twice, once for its pixels and once for their shares: on whole numbers, where most
positions lie that are no accident, both have to fall to one side (decision 0035)."""

OUTSIDE = ("black", "edge")


def check_outside(outside: Any) -> None:
    """Checks that it is one of `OUTSIDE`.

    Raises:
        ValueError: if it is none.
    """
    if outside not in OUTSIDE:
        raise ValueError(f"outside is {outside!r}; accepted are 'black' and 'edge'")


def tap_count(side: float) -> int:
    """How many pixels a line of `side` pixels can touch, of up to `LARGEST`."""
    return math.ceil(min(side, LARGEST)) + 1


def taps(
    centres: Array, side: Array | float, extent: Array | float, *, count: int, outside: str
) -> Taps:
    """The pixels of one axis that lines of `side` around `centres` touch.

    Args:
        centres: float [...], in pixels.
        side: of the squares, 1 to `LARGEST` pixels; it broadcasts, as the next one does.
        extent: how far the picture reaches; its last pixel may be covered in part.
        count: `tap_count` of the largest side.
        outside: "black" or "edge", see `align`.

    Returns:
        `count` indices int32 [...] within the picture, and shares [...] that add up to 1, or to
        less where what is outside is black.
    """
    xp = centres.__array_namespace__()
    start = centres - side / 2
    first, last = xp.floor(start + NEAR), xp.ceil(xp.asarray(extent)) - 1
    start = xp.where(start < first, first, start)
    stop = start + side
    if outside == "black":
        start, stop = xp.maximum(start, 0), xp.minimum(stop, extent)
    found = []
    for tap in range(count):
        index = first + tap
        share = xp.minimum(stop, index + 1) - xp.maximum(start, index)
        share = xp.maximum(share, 0) / side
        found.append((xp.clip(index, 0, last).astype(np.int32), share))
    return found
