"""The turn, scale and shift that lays a face's points best on those of a template.

Of a turn and a scale, x' = a x - b y and y' = b x + a y, the least squares have a closed form: the
sums of the dot and of the cross products of both sets of points, each from its mean, over the sum
of the squares of the points that move. No reflection has that form, so none can come out.

NumPy's arrays are computed by NumPy, JAX's by JAX.
"""

from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.alignment.templates import arcface_points, check_margin, check_template, crop_shape

Array = np.ndarray | jax.Array

LEAST_SPREAD = 1e-5
"""Of the points' distance from the picture's corner: closer together they are one point."""

LEAST_FIT = 1e-3
"""Of a template's size: the length, along the best turn, of points scaled to that size. It is 1 for
a face as in the template, and 0 for points that no turn brings nearer to it."""


class Similarity(NamedTuple):
    """From a picture to a crop, and back.

    Attributes:
        matrix: [..., 2, 3]: `matrix @ (x, y, 1)` is where a point of the picture is in the crop.
        inverse: [..., 2, 3], the same from the crop to the picture.
    """

    matrix: Array
    inverse: Array


def similarity(
    points: Array,
    *,
    size: int | tuple[int, int] = 112,
    template: str = "arcface",
    margin: float = 0.0,
) -> Similarity:
    """The matrices that `align` cuts faces out by: uniform scale, turn and shift, never mirrored.

    Pure, through `jit`, `vmap` and `grad`. Pixels of picture and crop are counted from the corner
    of the first one. For a program that counts from its centre, such as `cv2.warpAffine`, add
    `matrix[..., :2] @ (0.5, 0.5) - 0.5` to the last column.

    Under `jit`, `vmap` and `grad` nothing is refused: points without a fit are moved with their
    mean onto the template's, neither scaled nor turned, and NaN counts as 0. Points in the order of
    the person's left are mirrored, and get the turn that fits them best; give them as
    `points[..., [1, 0, 2, 4, 3], :]`.

    Args:
        points: float [..., 5, 2] in pixels, landmarks in the order of `Faces`; for the template
            "box" boxes [..., 4] instead.
        size: side of the crop in pixels, or its height and width.
        template: "arcface": the points' least squares to ArcFace's five, which follow the crop's
            height; "box": the smallest upright crop with all of the box, the box in its middle.
        margin: what to show beyond that, as a share of it, at each side.

    Returns:
        The matrices, arrays of NumPy for those of NumPy, of JAX otherwise; float32, or float64
        where the points are.

    Raises:
        ValueError: outside `jit` if points are not finite, all in one place, or, mirrored, fit no
            turn better than another; if a box has no area; or if an argument is not accepted.

    Example:
        >>> import numpy as np
        >>> import mtcnn_jax as mj
        >>> eyes, nose, mouth = [[120, 90], [190, 90]], [[155, 130]], [[127, 171], [183, 171]]
        >>> fit = mj.similarity(np.array(eyes + nose + mouth, np.float32))
        >>> (fit.matrix @ np.array([155, 130, 1])).round(1).tolist()  # The nose, in the crop.
        [56.5, 72.2]
    """
    check_template(template)
    points = as_floats(points)
    wanted = (5, 2) if template == "arcface" else (4,)
    if points.shape[-len(wanted) :] != wanted:
        raise ValueError(
            f"points has the shape {list(points.shape)}; accepted for the template {template!r} is "
            f"{'landmarks [..., 5, 2]' if template == 'arcface' else 'boxes [..., 4]'}"
        )
    shape, margin = crop_shape(size), check_margin(margin)
    # One by one, JAX would compile each of the operations by itself.
    way = _compiled if isinstance(points, jax.Array) else solve
    solved, fits = way(points, shape, template, margin)
    if not isinstance(points, jax.core.Tracer):
        check_fits(points, fits, "points", template)
    return solved


def as_floats(points: Any, name: str = "points") -> Array:
    """An array of NumPy or JAX as float32, or as float64 where it is; lists become NumPy's.

    Raises:
        TypeError: if it holds no numbers.
    """
    try:
        array = points if isinstance(points, jax.Array) else np.asarray(points)
    except ValueError:  # Lists that are not of one length.
        array = np.array(None)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.floating, jnp.integer)):
        raise TypeError(
            f"{name} is a {type(points).__name__}; accepted is an array of numbers, such as "
            "faces.landmarks or faces.boxes"
        )
    return array if array.dtype == np.float64 else array.astype(np.float32)


def solve(
    points: Array, shape: tuple[int, int], template: str, margin: float
) -> tuple[Similarity, Array]:
    """`similarity` of checked arguments, and bool [...], whether there is one."""
    xp = points.__array_namespace__()
    axes = (-2, -1) if template == "arcface" else (-1,)
    finite = xp.isfinite(points).all(axis=axes)
    points = xp.where(finite[(..., *[None] * len(axes))], points, 0)
    if template == "arcface":
        goal = xp.asarray(arcface_points(shape, margin), dtype=points.dtype)
        centre, middle = points.mean(axis=-2), goal.mean(axis=-2)
        a, b, fits = _least_squares(xp, points, points - centre[..., None, :], goal - middle)
    else:
        centre = (points[..., :2] + points[..., 2:]) / 2
        middle = xp.asarray(shape[::-1], dtype=points.dtype) / 2
        sides = points[..., 2:] - points[..., :2]
        fits = (sides > 0).all(axis=-1)
        scales = 2 * middle / xp.where(fits[..., None], sides, 1)
        a = xp.where(fits, scales.min(axis=-1) / (1 + 2 * margin), 1)
        b = xp.zeros_like(a)
    power = a * a + b * b
    forth = _turned(xp, a, b, centre, middle)
    back = _turned(xp, a / power, -b / power, middle, centre)
    return Similarity(forth, back), fits & finite


_compiled = jax.jit(solve, static_argnums=(1, 2, 3))


def _least_squares(
    xp: ModuleType, points: Array, moved: Array, goal: Array
) -> tuple[Array, Array, Array]:
    """a and b [...] of the module's docstring, 1 and 0 without a fit, and whether there is one."""
    spread, wanted = (moved**2).sum(axis=(-2, -1)), (goal**2).sum()
    dot = (moved * goal).sum(axis=(-2, -1))
    cross = (moved[..., 0] * goal[..., 1] - moved[..., 1] * goal[..., 0]).sum(axis=-1)
    fits = spread > LEAST_SPREAD**2 * (points**2).sum(axis=(-2, -1))
    fits &= dot**2 + cross**2 > LEAST_FIT**2 * spread * wanted
    spread = xp.where(fits, spread, 1)
    return xp.where(fits, dot / spread, 1), xp.where(fits, cross / spread, 0), fits


def _turned(xp: ModuleType, a: Array, b: Array, centre: Array, middle: Array) -> Array:
    """[..., 2, 3]: turned and scaled by a and b around `centre`, which comes to `middle`."""
    x, y = centre[..., 0], centre[..., 1]
    rows = [
        xp.stack([a, -b, middle[..., 0] - (a * x - b * y)], axis=-1),
        xp.stack([b, a, middle[..., 1] - (b * x + a * y)], axis=-1),
    ]
    return xp.stack(rows, axis=-2)


def check_fits(points: Array, fits: Array, name: str, template: str) -> None:
    """Checks that each of `points` has a fit, as `solve` says.

    Raises:
        ValueError: naming the first that has none.
    """
    without = np.argwhere(~np.asarray(fits))
    if not len(without):
        return
    place = tuple(int(number) for number in without[0])
    one = np.asarray(points[place])
    name += "".join(f"[{number}]" for number in place)
    what = "the box" if template == "box" else "the landmarks"
    if not np.isfinite(one).all():
        why = "is not finite" if template == "box" else "are not all finite"
        accepted = "finite numbers of pixels"
    elif template == "box":
        why, accepted = "has no area", "x1, y1, x2, y2, with x1 < x2 and y1 < y2"
    elif np.ptp(one, axis=-2).max() <= 1e-2 * np.abs(one).max():
        why, accepted = "are all in one place", "five points of a face"
    else:
        why, accepted = "fit no turn of a face", "left eye, right eye, nose, left and right mouth"
    raise ValueError(f"{what} {name} {why}: {one.round(2).tolist()}; accepted are {accepted}")
