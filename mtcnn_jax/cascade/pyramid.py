"""The picture pyramid: a static plan of scales, and the jitted making of its levels.

A level of scale s shows the picture with pixel i covering [i / s, (i + 1) / s] of it. It is
resampled with a triangle filter as wide as the level's pixel (half-pixel centres, antialiased),
from the half of the picture nearest in size, so that five taps an axis are enough at any scale. The
plan follows from the canvas; which part of each level is picture follows from the picture's size, a
traced value.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.cascade.crops import shares
from mtcnn_jax.cascade.materialize import materialize
from mtcnn_jax.networks.layers import INPUT_SIZE, STRIDE

WINDOW = INPUT_SIZE["pnet"]
SLACK = 1e-3
"""Of a level's pixel: sizes are products of rounded scales, and 20 * 0.6 has to hold 12 pixels."""


@dataclasses.dataclass(frozen=True)
class Level:
    """One level of the pyramid of a canvas.

    Attributes:
        scale: pixels of the level for one of the picture.
        mip: how often the picture is halved before the level is resampled from it.
        shape: height and width for a picture that fills the canvas.
    """

    scale: float
    mip: int
    shape: tuple[int, int]


def nearest_mip(ratio: np.ndarray | float) -> np.ndarray:
    """How often a picture is halved before `ratio` of its pixels, to a side, become one."""
    return np.maximum(0, np.floor(np.log2(ratio) + 1e-9)).astype(int)


def plan(
    shape: tuple[int, int], *, min_face_size: float = 20, scale_factor: float = 0.709
) -> tuple[Level, ...]:
    """The levels for pictures of up to `shape` (height, width), largest first.

    The first has scale `12 / min_face_size`, each next one `scale_factor` times the one before; the
    last still holds a window of 12 x 12 pixels. A canvas too small for any has none.
    """
    levels = []
    scale = WINDOW / min_face_size
    while min(shape) * scale + SLACK >= WINDOW:
        mip = int(nearest_mip(1 / scale))
        level_shape = tuple(math.ceil(length * scale - SLACK) for length in shape)
        levels.append(Level(scale, mip, level_shape))
        scale *= scale_factor
    return tuple(levels)


def mips_used(levels: tuple[Level, ...]) -> int:
    """How many mips `resample` wants for `levels`."""
    return max((level.mip for level in levels), default=0) + 1


def level_size(level: Level, size: jax.Array) -> jax.Array:
    """int32 [2]: height and width of the part of `level` that shows a picture of `size` [2].

    Zero where that part holds no window of 12 x 12.
    """
    exact = size.astype(jnp.float32) * level.scale
    rounded = jnp.ceil(exact - SLACK).astype(jnp.int32)
    return jnp.where(jnp.min(exact) + SLACK >= WINDOW, rounded, 0)


def _resample(
    pixels: jax.Array, extent: jax.Array, scale: float, length: int, *, axis: int
) -> jax.Array:
    """Resamples an axis of `pixels` [h, w, 3], of which [0, extent] is picture, to `length`."""
    radius = max(1.0, 1 / scale)
    centres = (np.arange(length) + 0.5) / scale
    first = np.floor(centres - radius + 0.5).astype(np.int32)
    index = first[:, None] + np.arange(math.floor(2 * radius) + 1)
    weight = np.maximum(0, 1 - np.abs(index + 0.5 - centres[:, None]) / radius)
    weight = weight.astype(np.float32) * (index >= 0) * jnp.clip(extent - index, 0, 1)
    weight = shares(weight)
    index = np.clip(index, 0, pixels.shape[axis] - 1)
    shape = [-1 if number == axis else 1 for number in range(pixels.ndim)]
    return sum(
        jnp.take(pixels, index[:, tap], axis=axis, mode="clip") * weight[:, tap].reshape(shape)
        for tap in range(index.shape[1])
    )


def resample(chain: list[jax.Array], size: jax.Array, level: Level) -> jax.Array:
    """Resamples one level.

    Args:
        chain: `crops.mip_chain` of the canvas, longer than `level.mip`.
        size: int [2], height and width of the picture.
        level: one of `plan`.

    Returns:
        float32 [h, w, 3], pixels 0..255; meaningless outside the picture.
    """
    extent = size.astype(jnp.float32) / 2**level.mip
    scale = level.scale * 2**level.mip
    mip = chain[level.mip]
    # A second pass that reads the first as it goes computes it anew for each of its five taps.
    rows = materialize(
        lambda: _resample(mip, extent[0], scale, level.shape[0], axis=0),
        (level.shape[0], *mip.shape[1:]),
        always=size[0] >= 0,
    )
    return _resample(rows, extent[1], scale, level.shape[1], axis=1)


def cells(level: Level) -> tuple[int, int]:
    """Rows and columns of P-Net's output over a level."""
    rows, columns = ((length - WINDOW + STRIDE - 1) // STRIDE + 1 for length in level.shape)
    return rows, columns


def cells_within(level: Level) -> tuple[int, int]:
    """Rows and columns of P-Net's windows that lie within a picture which fills the canvas."""
    rows, columns = ((length - WINDOW) // STRIDE + 1 for length in level.shape)
    return rows, columns


def cell_windows(level: Level) -> np.ndarray:
    """float32 [r, c, 4]: the window, in pixels of the level, behind each of P-Net's cells."""
    rows, columns = cells(level)
    y, x = np.mgrid[0:rows, 0:columns] * STRIDE
    return np.stack([x, y, x + WINDOW, y + WINDOW], axis=-1).astype(np.float32)


def units(levels: tuple[Level, ...]) -> np.ndarray:
    """float32 [n]: pixels of the picture for one of each level; [1] where there is none."""
    return np.array([1 / level.scale for level in levels] or [1], np.float32)


def cell_valid(level: Level, size: jax.Array) -> jax.Array:
    """bool [r, c]: does the whole of each of P-Net's windows lie within a picture of `size` [2]."""
    rows, columns = cells(level)
    inside = level_size(level, size)
    return (jnp.arange(rows, dtype=jnp.int32)[:, None] * STRIDE + WINDOW <= inside[0]) & (
        jnp.arange(columns, dtype=jnp.int32)[None, :] * STRIDE + WINDOW <= inside[1]
    )
