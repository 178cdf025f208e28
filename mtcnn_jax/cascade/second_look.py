"""A second look: O-Net once more at each face that is left, straight on and mirrored.

The windows that R-Net leaves lie beside a face as often as on it. Where the face is known, the
square about its box is a better window, and its mirror image another sight of the same face. What
the three looks say is averaged: boxes, points and log-odds. Not in the paper.
"""

import jax
import jax.numpy as jnp

from mtcnn_jax.cascade import boxes as box_lib

LOOKS = 3
"""The first one, whose say is a vote of all windows on a face, and the two here."""

MARGIN, BOX, POINTS = 0, slice(1, 5), slice(5, 15)
"""Columns of what a look says."""

AT_ONCE = 64
"""Faces that the backend "gpu_unrolled", which has no loops, has a second look at."""


def said(windows: jax.Array, logits: jax.Array, offsets: jax.Array, points: jax.Array) -> jax.Array:
    """What O-Net says of windows that may be mirrored, in places of the picture.

    Args:
        windows: float32 [n, 4]; of a mirrored one (`boxes.mirror`) x1 is the larger.
        logits: float32 [n, 2] of O-Net, and its other outputs.
        offsets: float32 [n, 4].
        points: float32 [n, 10].

    Returns:
        float32 [n, 15]: log-odds of a face, its box, and its landmarks, x and y of one after the
        other.
    """
    boxes = box_lib.decode_offsets(windows, offsets)
    landmarks = box_lib.decode_landmarks(windows, points)
    mirrored = windows[:, 0] > windows[:, 2]
    boxes = jnp.where(mirrored[:, None], box_lib.mirror(boxes), boxes)
    swapped = landmarks[:, jnp.array(box_lib.MIRRORED)]
    landmarks = jnp.where(mirrored[:, None, None], swapped, landmarks)
    margin = logits[:, 1:] - logits[:, :1]
    return jnp.concatenate([margin, boxes, landmarks.reshape(-1, 10)], axis=1)
