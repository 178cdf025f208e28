"""Crops as a pure function of fixed shapes, for what runs under `jit`."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.alignment.squares import LARGEST, check_outside, tap_count, taps
from mtcnn_jax.alignment.templates import crop_shape
from mtcnn_jax.cascade.crops import level_starts, materialized_mips, mip_count


def align_padded(
    canvas: jax.Array,
    size: jax.Array,
    matrices: jax.Array,
    *,
    crop_size: int | tuple[int, int] = 112,
    outside: str = "black",
) -> jax.Array:
    """Cuts faces out of a picture on its canvas, as `align` does, purely and of fixed shapes.

    It goes through `jit`, `vmap` and `grad`. Large faces are read from halved pictures, so a crop
    costs the same at any size.

    Args:
        canvas: uint8 or float [h, w, 3], pixels 0..255, as `detect_padded` takes it.
        size: int [2], height and width of the picture, which lies in the canvas's first corner.
        matrices: float [n, 2, 3] from the picture to each crop, as `similarity` gives them.
        crop_size: side of the crops, or their height and width.
        outside: what lies outside the picture: "black", or as its "edge".

    Returns:
        float32 [n, h, w, 3], pixels 0..255; black where a matrix is not finite or has no inverse.

    Raises:
        TypeError, ValueError: if an argument is of a type, shape or value that is not accepted.

    Example:
        >>> import jax, numpy as np
        >>> import mtcnn_jax as mj
        >>> cut = jax.jit(mj.align_padded, static_argnames="crop_size")
        >>> image = mj.read_image("photo.jpg")
        >>> fit = mj.similarity(np.array([[50.0, 60, 250, 260]]), size=64, template="box")
        >>> cut(image, np.array(image.shape[:2]), fit.matrix, crop_size=64).shape
        (1, 64, 64, 3)
    """
    shape = crop_shape(crop_size)
    check_outside(outside)
    _check_array("canvas", canvas, ("h", "w", 3))
    _check_array("size", size, (2,))
    _check_array("matrices", matrices, ("n", 2, 3))
    size, matrices = jnp.asarray(size), jnp.asarray(matrices, jnp.float32)
    count = mip_count(canvas.shape[:2], min(shape))
    pixels, shapes = materialized_mips(canvas, size, count)
    levels = jnp.array(
        [(start, width) for start, (_, width) in zip(level_starts(shapes), shapes, strict=False)],
        jnp.int32,
    )

    x, y, scale, valid = _positions(matrices, shape)
    level = jnp.floor(jnp.log2(jnp.maximum(scale, 2))).astype(jnp.int32) - 1
    level = jnp.minimum(level, count - 1)
    unit = jnp.exp2(-level.astype(jnp.float32))[:, None, None]
    side = jnp.clip(scale[:, None, None] * unit, 1, LARGEST)
    base, width = levels[level][..., None, None].swapaxes(0, 1)

    def cut(count: int) -> jax.Array:
        rows, columns = (
            taps(at * unit, side, extent * unit, count=count, outside=outside)
            for at, extent in ((y, size[0]), (x, size[1]))
        )
        total = 0
        for row, row_share in rows:
            line, start = 0, base + row * width
            for column, share in columns:
                line += pixels[start + column] * share[..., None]
            total += line * row_share[..., None]
        return total

    if jax.default_backend() != "cpu" or not len(matrices):
        crops = cut(tap_count(LARGEST))
    else:
        largest = jnp.max(side)
        branches: list[Callable] = [functools.partial(cut, tap_count(side)) for side in (1, 2, 4)]
        crops = jax.lax.switch((largest > 1).astype(jnp.int32) + (largest > 2), branches)
    return jnp.where(valid[:, None, None, None], crops, 0)


def _check_array(name: str, array: jax.Array, wanted: tuple[str | int, ...]) -> None:
    accepted = f"an array [{', '.join(map(str, wanted))}]"
    if not isinstance(array, np.ndarray | jax.Array):
        raise TypeError(f"{name} is a {type(array).__name__}; accepted is {accepted}")
    known = [side for side in wanted if isinstance(side, int)]
    if array.ndim != len(wanted) or list(array.shape[len(wanted) - len(known) :]) != known:
        raise ValueError(f"{name} has the shape {list(array.shape)}; accepted is {accepted}")


def _positions(
    matrices: jax.Array, shape: tuple[int, int]
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Where each of the crops' pixels is in the picture.

    Returns:
        x and y [n, h, w], the side [n] of one of them, and bool [n], whether there are such.
    """
    (a, b, c), (d, e, f) = matrices.transpose(1, 2, 0)[..., None, None]
    det = a * e - b * d
    valid = jnp.isfinite(matrices).all(axis=(1, 2))[:, None, None] & (jnp.abs(det) > 1e-12)
    det = jnp.where(valid, det, 1)
    u = jnp.arange(shape[1], dtype=jnp.float32) + 0.5 - c
    v = jnp.arange(shape[0], dtype=jnp.float32)[:, None] + 0.5 - f
    x, y = (e * u - b * v) / det, (a * v - d * u) / det
    x, y = (jnp.where(valid, at, 0) for at in (x, y))
    return x, y, (jnp.abs(det) ** -0.5)[:, 0, 0], valid[:, 0, 0]
