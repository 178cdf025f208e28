"""Buckets: the few shapes that pictures are padded to, since each is compiled for anew.

A picture lies in the first corner of a canvas of its bucket's shape.
"""

from collections.abc import Sequence

import jax
import numpy as np

Buckets = Sequence[tuple[int, int]]

BUCKETS = (
    (160, 160),
    (320, 320),
    (480, 640),
    (640, 480),
    (768, 1024),
    (1024, 768),
    (1200, 1600),
    (1600, 1200),
    (1080, 1920),
    (1920, 1080),
)
"""Heights and widths. A picture goes into the smallest that holds it, so that this many
compilations serve all pictures up to 1600 x 1200 and 1920 x 1080; larger ones get sides in steps of
a quarter of the next power of two, `SMALL_STEP` to `LARGE_STEP`, so that the canvas of a narrow one
is narrow."""

FEW_BUCKETS = ((320, 320), (1024, 1024), (2048, 2048))
"""Those for pictures of many sizes on an accelerator, which takes a millisecond for a picture and
ten thousand of them to compile for a bucket."""

SMALL_STEP, LARGE_STEP = 16, 1024

MOST_PIXELS = 2**27
"""Of a picture, 134 megapixels. Detection on a canvas takes 100 to 130 MB for each megapixel, the
program for any size 30."""

LONGEST_SIDE = 2**16
"""Of a picture, in pixels. Of longer rows P-Net takes all at once (`networks.cpu.STRIP`)."""


def buckets_for_many() -> Buckets:
    """The buckets that suit pictures of many sizes on this backend."""
    return BUCKETS if jax.default_backend() == "cpu" else FEW_BUCKETS


def check_size(height: int, width: int, *, name: str = "the picture") -> None:
    """Refuses a picture for which memory might not be enough.

    Raises:
        ValueError: if it has more than `MOST_PIXELS`, or a side is longer than `LONGEST_SIDE`.
    """
    if height * width > MOST_PIXELS or max(height, width) > LONGEST_SIDE:
        raise ValueError(
            f"{name} has {width} x {height} pixels; accepted are at most "
            f"{MOST_PIXELS / 1e6:.0f} megapixels, and sides of up to {LONGEST_SIDE} pixels: scale "
            "it down or detect in parts of it"
        )


def _rounded_up(side: int) -> int:
    step = min(max(2 ** (side - 1).bit_length() // 4, SMALL_STEP), LARGE_STEP)
    return -(-side // step) * step


def bucket_of(height: int, width: int, buckets: Buckets = BUCKETS) -> tuple[int, int]:
    """The bucket (height, width) that a picture of this size goes into.

    Raises:
        ValueError: as `check_size`.
    """
    check_size(height, width)
    fitting = [shape for shape in buckets if height <= shape[0] and width <= shape[1]]
    if fitting:
        return min(fitting, key=lambda shape: shape[0] * shape[1])
    return _rounded_up(height), _rounded_up(width)


def by_bucket(
    images: Sequence[np.ndarray], buckets: Buckets = BUCKETS
) -> dict[tuple[int, int], list[int]]:
    """The places of the pictures uint8 [h, w, 3] that go into each bucket."""
    groups: dict[tuple[int, int], list[int]] = {}
    for number, image in enumerate(images):
        groups.setdefault(bucket_of(*image.shape[:2], buckets), []).append(number)
    return groups
