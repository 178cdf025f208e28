"""The canvases of fixed shapes that pictures are laid on, so that few shapes are compiled for."""

from collections.abc import Sequence

import jax
import numpy as np

Canvases = Sequence[tuple[int, int]]

CANVASES = (
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
"""Canvas shapes (height, width). A picture goes on the smallest that holds it, so that this many
compilations serve all pictures up to 1600 x 1200 and 1920 x 1080; larger ones get sides of whole
`LARGE_STEP`s."""

FEW_CANVASES = ((320, 320), (1024, 1024), (2048, 2048))
"""Those for pictures of many sizes on an accelerator, which takes a millisecond for a picture and
ten thousand of them to compile for a canvas."""

LARGE_STEP = 1024


def canvases_for_many() -> Canvases:
    """The canvases that suit pictures of many sizes on this backend."""
    return CANVASES if jax.default_backend() == "cpu" else FEW_CANVASES


def canvas_shape(height: int, width: int, canvases: Canvases = CANVASES) -> tuple[int, int]:
    """The canvas (height, width) that a picture of this size goes on."""
    fitting = [shape for shape in canvases if height <= shape[0] and width <= shape[1]]
    if fitting:
        return min(fitting, key=lambda shape: shape[0] * shape[1])
    return tuple(-(-length // LARGE_STEP) * LARGE_STEP for length in (height, width))


def by_canvas(
    images: Sequence[np.ndarray], canvases: Canvases = CANVASES
) -> dict[tuple[int, int], list[int]]:
    """The places of the pictures uint8 [h, w, 3] that go on each canvas."""
    groups: dict[tuple[int, int], list[int]] = {}
    for number, image in enumerate(images):
        groups.setdefault(canvas_shape(*image.shape[:2], canvases), []).append(number)
    return groups
