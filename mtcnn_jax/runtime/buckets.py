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
compilations serve all pictures up to 1600 x 1200 and 1920 x 1080; larger ones get sides of whole
`LARGE_STEP`s."""

FEW_BUCKETS = ((320, 320), (1024, 1024), (2048, 2048))
"""Those for pictures of many sizes on an accelerator, which takes a millisecond for a picture and
ten thousand of them to compile for a bucket."""

LARGE_STEP = 1024


def buckets_for_many() -> Buckets:
    """The buckets that suit pictures of many sizes on this backend."""
    return BUCKETS if jax.default_backend() == "cpu" else FEW_BUCKETS


def bucket_of(height: int, width: int, buckets: Buckets = BUCKETS) -> tuple[int, int]:
    """The bucket (height, width) that a picture of this size goes into."""
    fitting = [shape for shape in buckets if height <= shape[0] and width <= shape[1]]
    if fitting:
        return min(fitting, key=lambda shape: shape[0] * shape[1])
    return tuple(-(-length // LARGE_STEP) * LARGE_STEP for length in (height, width))


def by_bucket(
    images: Sequence[np.ndarray], buckets: Buckets = BUCKETS
) -> dict[tuple[int, int], list[int]]:
    """The places of the pictures uint8 [h, w, 3] that go into each bucket."""
    groups: dict[tuple[int, int], list[int]] = {}
    for number, image in enumerate(images):
        groups.setdefault(bucket_of(*image.shape[:2], buckets), []).append(number)
    return groups
