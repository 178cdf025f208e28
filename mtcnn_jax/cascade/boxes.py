"""Boxes, and the one geometry that everything in this project shares.

Pixels: the corner of the first pixel is (0, 0), its centre (0.5, 0.5); a picture of h x w pixels
covers [0, w] x [0, h]. Sizes are (height, width); points and boxes are (x, y).
Boxes: float [..., 4], xyxy: x1, y1, x2, y2, so that a box is x2 - x1 wide.
Landmarks: float [..., 5, 2]: left eye, right eye, nose, left and right mouth corner; left is the
picture's left. A network's ten landmark numbers are the five x, then the five y.
Offsets: float [..., 4], what has to be added to a window's x1, y1, x2, y2 to make it the face's
box, in units of the window's width and height (paper, section 3.2).
"""

import jax
import jax.numpy as jnp

MIRRORED = (1, 0, 2, 4, 3)
"""Order of the five landmarks in a mirrored picture."""


def area(boxes: jax.Array) -> jax.Array:
    """Areas [...] of boxes [..., 4]; 0 for boxes turned inside out."""
    sides = jnp.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def iou(
    a: jax.Array, b: jax.Array, *, mode: str = "union", smaller: jax.Array | bool = False
) -> jax.Array:
    """Overlap of every box of one set with every box of another.

    Args:
        a: [n, 4] boxes.
        b: [m, 4] boxes.
        mode: "union" divides the intersection by the union (Jaccard), "min" by the smaller box.
        smaller: bool [], whether it is the latter after all; for one program that does either.

    Returns:
        [n, m] shares from 0 to 1; 0 where both boxes are empty.

    Raises:
        ValueError: if `mode` is neither.

    Example:
        >>> import numpy as np
        >>> from mtcnn_jax.cascade.boxes import iou
        >>> a, b = np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])
        >>> round(float(iou(a, b)[0, 0]), 4), float(iou(a, b, mode="min")[0, 0])
        (0.3333, 0.5)
    """
    if mode not in ("union", "min"):
        raise ValueError(f"mode is {mode!r}; accepted are 'union' and 'min'")
    # An axis at a time: four numbers in a row do not fill a vector.
    along = [
        jnp.minimum(a[:, None, axis + 2], b[None, :, axis + 2])
        - jnp.maximum(a[:, None, axis], b[None, :, axis])
        for axis in (0, 1)
    ]
    intersection = jnp.maximum(along[0], 0) * jnp.maximum(along[1], 0)
    area_a, area_b = area(a)[:, None], area(b)[None, :]
    whole = area_a + area_b - intersection if mode == "union" else jnp.minimum(area_a, area_b)
    if smaller is not False:
        whole = jnp.where(smaller, jnp.minimum(area_a, area_b), whole)
    return jnp.where(whole > 0, intersection / jnp.where(whole > 0, whole, 1), 0)


def to_square(boxes: jax.Array) -> jax.Array:
    """The squares with the centres of `boxes` [..., 4] and their longer sides."""
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    half = jnp.max(boxes[..., 2:] - boxes[..., :2], axis=-1, keepdims=True) / 2
    return jnp.concatenate([centres - half, centres + half], axis=-1)


def best_square_iou(boxes: jax.Array) -> jax.Array:
    """The greatest IoU [...] that any square has with each of `boxes` [..., 4].

    That of the square about its centre whose side is the root of its area: 1 / (2 sqrt(a) - 1)
    for sides in the ratio a of 1 or more.
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    return 1 / (2 * jnp.sqrt(jnp.max(sides, axis=-1) / jnp.min(sides, axis=-1)) - 1)


def _sides(windows: jax.Array) -> jax.Array:
    """Width, height, width, height of `windows` [..., 4]."""
    sides = windows[..., 2:] - windows[..., :2]
    return jnp.concatenate([sides, sides], axis=-1)


def mirror(windows: jax.Array) -> jax.Array:
    """`windows` [..., 4] with x1 and x2 exchanged: what they show, seen mirrored.

    Points and offsets found in such a window are decoded as in any other, and lie where they are in
    the picture; but left is right (`MIRRORED`), and x1 of a box the larger.
    """
    return windows[..., jnp.array([2, 1, 0, 3])]


def encode_offsets(windows: jax.Array, boxes: jax.Array) -> jax.Array:
    """Offsets [..., 4] that take `windows` [..., 4] to `boxes` [..., 4]."""
    return (boxes - windows) / _sides(windows)


def decode_offsets(windows: jax.Array, offsets: jax.Array) -> jax.Array:
    """The boxes [..., 4] that `offsets` [..., 4] take `windows` [..., 4] to."""
    return windows + offsets * _sides(windows)


def decode_landmarks(windows: jax.Array, landmarks: jax.Array) -> jax.Array:
    """Points [..., 5, 2] in pixels: a network's ten numbers [..., 10] for `windows` [..., 4]."""
    points = jnp.stack([landmarks[..., :5], landmarks[..., 5:]], axis=-1)
    origin, sides = windows[..., None, :2], _sides(windows)[..., None, :2]
    return origin + points * sides


def clip_boxes(boxes: jax.Array, size: jax.Array) -> jax.Array:
    """Clips `boxes` [..., 4] to a picture of `size` [2] (height, width)."""
    height, width = size[0], size[1]
    limits = jnp.stack([width, height, width, height]).astype(boxes.dtype)
    return jnp.clip(boxes, 0, limits)
