"""Windows of a picture, resampled to the square crops that R-Net and O-Net look at.

A crop's pixel is the mean of the picture over the square that it covers, whether that is a part of
one pixel or many. It is read from a chain of halved pictures ("mips"), from one with at most four
pixels to a side of that square, so the cost does not depend on the window's size. What lies outside
the picture is black, with the window's aspect kept, as in the original.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.cascade.materialize import materialize
from mtcnn_jax.networks.layers import normalize

TAPS = (2, 3, 5)
"""Pixels of a mip, across and down, that a crop's pixel can touch where at most 1, less than 2 and
less than 4 of them fit in."""

SPARE = 512
"""Pixels after the last of `materialized_mips`: runs of a row are read whole, and may end behind
it."""

LINE = 128
"""Pixels of which each level of `materialized_mips` takes whole lines, since a copy pixel by
pixel does not fill a vector."""


def halve(pixels: jax.Array, size: jax.Array) -> jax.Array:
    """Means of 2 x 2 pixels, counting only those inside the picture.

    Args:
        pixels: uint8 or float32 [h, w, 3] canvas, finite outside the picture.
        size: float32 [2], height and width of the picture in pixels, whole or not: the last pixel
            of a halved picture may be covered in part.

    Returns:
        float32 [ceil(h / 2), ceil(w / 2), 3], zero outside the picture.
    """
    height, width = pixels.shape[:2]
    pixels = jnp.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)))
    rows, columns = (_pair_weights(size[axis], side) for axis, side in enumerate((height, width)))
    # Loops over whole rows fill a vector; over the three channels they do not.
    pairs = pixels.reshape(len(rows), 2, -1).astype(jnp.float32)
    halved = pairs[:, 0] * rows[:, :1] + pairs[:, 1] * rows[:, 1:]
    pairs = halved.reshape(len(rows), len(columns), 6)
    return pairs[..., :3] * columns[:, :1] + pairs[..., 3:] * columns[:, 1:]


def _pair_weights(extent: jax.Array, length: int) -> jax.Array:
    """float32 [ceil(length / 2), 2]: shares of two pixels in their mean, 0 and 0 outside."""
    return shares(coverage(extent, length + length % 2).reshape(-1, 2))


def shares(weights: jax.Array) -> jax.Array:
    """`weights` [..., taps] over their sum, 0 where that is 0."""
    if jax.default_backend() == "cpu":
        total = weights.sum(axis=-1, keepdims=True)
    else:
        # A sum is a kernel of its own there, and 50 of them were most of the compiling.
        total = sum(weights[..., tap, None] for tap in range(weights.shape[-1]))
    return weights / jnp.maximum(total, 1e-6)


def coverage(extent: jax.Array, length: int) -> jax.Array:
    """float32 [length]: the share of each pixel that lies within [0, extent]."""
    return jnp.clip(extent - jnp.arange(length, dtype=jnp.float32), 0, 1)


def mip_chain(canvas: jax.Array, size: jax.Array, count: int) -> list[jax.Array]:
    """The picture and `count - 1` halvings of it, each float32 [h, w, 3], finite.

    What lies outside the picture is not zero in the first: whoever reads it weights by `coverage`.

    Args:
        canvas: uint8 or float [h, w, 3], pixels 0..255.
        size: int [2], height and width of the picture, which lies in the canvas's first corner.
        count: number of levels.
    """
    if jnp.issubdtype(canvas.dtype, jnp.floating):  # No weight is small enough for NaN.
        rows, columns = (coverage(size[axis], side) for axis, side in enumerate(canvas.shape[:2]))
        canvas = jnp.where((rows[:, None] * columns)[..., None] > 0, canvas, 0)
    size = size.astype(jnp.float32)
    chain = [canvas.astype(jnp.float32)]
    halved = canvas
    for halving in range(count - 1):
        halved = halve(halved, size / 2**halving)
        chain.append(halved)
    return chain


def mip_count(shape: tuple[int, int], crop_size: int) -> int:
    """Levels wanted for windows of up to twice the canvas (`shape`, height and width)."""
    return max(1, math.floor(math.log2(2 * max(shape) / crop_size)))


def materialized_mips(
    canvas: jax.Array, size: jax.Array, count: int
) -> tuple[jax.Array, tuple[tuple[int, int], ...]]:
    """`mip_chain`, computed once for all that reads it.

    Returns:
        float32 [n + SPARE, 3], the pixels of all levels, one row after the other, each level's from
        a multiple of `LINE` on, and some black ones; and each level's height and width.
    """
    chain = mip_chain(canvas, size, count)
    shapes = tuple(level.shape[:2] for level in chain)

    def lines() -> jax.Array:
        flat = [level.ravel() for level in chain]
        flat = [jnp.pad(level, (0, -len(level) % (3 * LINE))) for level in flat]
        parts = [level.reshape(-1, 3 * LINE) for level in flat]
        return jnp.concatenate([*parts, jnp.zeros((SPARE // LINE, 3 * LINE), jnp.float32)])

    shape = (level_starts(shapes)[-1] + SPARE) // LINE, 3 * LINE
    return materialize(lines, shape, always=size[0] >= 0).reshape(-1, 3), shapes


def level_starts(shapes: tuple[tuple[int, int], ...]) -> np.ndarray:
    """int [n + 1]: where each level of `materialized_mips` begins, and where the last one ends."""
    lines = [0] + [-(-height * width // LINE) for height, width in shapes]
    return LINE * np.cumsum(lines)


def parted(pixels: jax.Array, shapes: tuple[tuple[int, int], ...]) -> list[jax.Array]:
    """The levels of `materialized_mips`, each [h, w, 3], as `mip_chain` gives them."""
    return [
        pixels[start : start + height * width].reshape(height, width, 3)
        for start, (height, width) in zip(level_starts(shapes)[:-1], shapes, strict=True)
    ]


@functools.partial(jax.jit, static_argnames=("level_shapes", "crop_size", "normalized"))
def crop_from(
    pixels: jax.Array,
    level_shapes: tuple[tuple[int, int], ...],
    size: jax.Array,
    windows: jax.Array,
    *,
    crop_size: int,
    normalized: bool = False,
) -> jax.Array:
    """Resamples windows of a picture to square crops.

    On a CPU the time follows from the largest window: 2, 3 or 5 pixels are read along an axis for
    each of the crops', so windows of like sizes should go together.

    Args:
        pixels: of `materialized_mips`. Made once for all chunks of windows: it is a copy of the
            picture.
        level_shapes: height and width of each of its levels, `mip_count` of them; what lies in
            `pixels` after those is not read.
        size: int [2], height and width of the picture.
        windows: float32 [k, 4] in pixels, of any size and position; a window that is not square is
            stretched, and one whose x1 is the larger (`boxes.mirror`) seen mirrored.
        crop_size: side of the crops.
        normalized: whether to give the crops as the networks want them, `layers.normalize`.

    Returns:
        float32 [k, crop_size, crop_size, 3], pixels 0..255, black outside the picture.

    Raises:
        ValueError: if `crop_size` is larger than `SPARE` allows for.
    """
    if (TAPS[-1] - 1) * crop_size + 2 > SPARE:
        most = (SPARE - 2) // (TAPS[-1] - 1)
        raise ValueError(f"crop_size is {crop_size}; accepted are sizes up to {most}")
    starts = level_starts(level_shapes)[:-1]
    mips = jnp.array([(start, *shape) for start, shape in zip(starts, level_shapes, strict=True)])
    return cut(
        pixels,
        mips.astype(jnp.int32),
        jnp.int32(len(level_shapes)),
        size,
        windows,
        crop_size=crop_size,
        normalized=normalized,
    )


def cut(
    pixels: jax.Array,
    mips: jax.Array,
    depth: jax.Array,
    size: jax.Array,
    windows: jax.Array,
    *,
    crop_size: int,
    normalized: bool,
) -> jax.Array:
    """`crop_from` of mips whose sizes need not be known to the compiler.

    Args:
        pixels: float32 [n, 3], at least `SPARE` of them after the last that is wanted.
        mips: int32 [m, 3], where each begins in `pixels`, its height and its width.
        depth: int32 [], how many of them there are.
        size: as in `crop_from`, and the other arguments too.
        windows: likewise.
        crop_size: likewise.
        normalized: likewise.
    """
    windows = jnp.asarray(windows, jnp.float32)
    ratio = jnp.max(jnp.abs(windows[:, 2:] - windows[:, :2]), axis=-1) / crop_size
    mip = jnp.floor(jnp.log2(jnp.maximum(ratio, 2))).astype(jnp.int32) - 1
    mip = jnp.minimum(mip, depth - 1)
    unit = jnp.exp2(-mip.astype(jnp.float32))[:, None]
    grid = jnp.arange(crop_size, dtype=jnp.float32) + 0.5

    def weigh(axis: int, taps: int) -> tuple[jax.Array, jax.Array]:
        """Indices int32 [k, crop_size, taps] along an axis of the mips, and weights."""
        low, high = (windows[:, side - axis, None] * unit for side in (1, 3))
        step = (high - low) / crop_size
        centres, half = low + grid * step, jnp.maximum(jnp.abs(step), 0.1) / 2
        start, stop = ((centres + sign * half)[..., None] for sign in (-1, 1))
        index = jnp.floor(start) + jnp.arange(taps, dtype=jnp.float32)
        weight = jnp.maximum(0, jnp.minimum(stop, index + 1) - jnp.maximum(start, index))
        weight = shares(weight)
        index = index.astype(jnp.int32)
        extent = (size[axis] * unit)[..., None]
        covered = jnp.clip(extent - index, 0, 1) * (index >= 0)
        return jnp.clip(index, 0, mips[mip, 1 + axis][:, None, None] - 1), weight * covered

    base = mips[mip, 0][:, None, None]
    width = mips[mip, 2][:, None, None]

    def at_once(taps: int) -> jax.Array:
        """Every pixel from `taps` x `taps` of the mip."""
        (rows, row_weights), (columns, column_weights) = weigh(0, taps), weigh(1, taps)
        total = 0
        for row in range(taps):
            for column in range(taps):
                index = base + rows[:, :, None, row] * width + columns[:, None, :, column]
                weight = row_weights[:, :, None, row] * column_weights[:, None, :, column]
                total += pixels[index] * weight[..., None]
        return total

    def by_axes(taps: int) -> jax.Array:
        """The same, first of whole runs of the mip's rows, which fill a vector, then of those.

        Of 5 taps it takes a third of `at_once`, of 2 and 3 half (decision 0008).
        """
        (rows, row_weights), (columns, column_weights) = weigh(0, taps), weigh(1, taps)
        run = (taps - 1) * crop_size + 2
        first = jnp.minimum(columns[:, :1, :1], columns[:, -1:, :1])
        at = 3 * (base + rows * width + first)
        shape = (len(windows), crop_size, 3 * run)
        numbers = jax.lax.GatherDimensionNumbers((2,), (), (0,))

        def runs() -> jax.Array:
            flat = pixels.reshape(-1)
            total = 0
            for row in range(taps):
                found = jax.lax.gather(flat, at[:, :, row, None], numbers, shape[2:], mode="clip")
                total += found * row_weights[:, :, row, None]
            return total

        lines = materialize(runs, shape, always=size[0] >= 0).reshape(*shape[:2], run, 3)
        columns = jnp.clip(columns - first, 0, run - 1)[:, None, :, :, None]
        total = 0
        for column in range(taps):
            found = jnp.take_along_axis(lines, columns[..., column, :], axis=2)
            total += found * column_weights[:, None, :, column, None]
        return total

    def made(way: Callable[[int], jax.Array], taps: int) -> jax.Array:
        return normalize(way(taps)) if normalized else way(taps)

    if jax.default_backend() != "cpu":
        return made(at_once, TAPS[-1])
    largest = jnp.max(ratio)
    branches = [functools.partial(made, by_axes, taps) for taps in TAPS]
    return jax.lax.switch((largest > 1).astype(jnp.int32) + (largest >= 2), branches)
