"""What the networks are trained on: square windows of pictures, labelled (paper, section 3.1)."""

from typing import NamedTuple

import jax
import numpy as np

NEGATIVE, POSITIVE, PART, LANDMARK = 0, 1, 2, 3
"""Kinds of samples: no face, a face, part of a face, a face with known landmarks."""

DROPPED = -1
"""Kind of a sample that counts in no loss."""

KINDS = ("negative", "positive", "part", "landmark")
"""Names of the kinds; the index is the kind."""

PART_FROM = 0.4
POSITIVE_ABOVE = 0.65
"""IoU with the face: a part from the one up to the other, a positive above it."""

CONTEXT = 4 / 3
"""Side of a patch over that of the window in its middle: room to rotate and to shift."""


class Samples(NamedTuple):
    """Labelled windows, as arrays of NumPy or JAX.

    Attributes:
        patches: uint8 [n, c, c, 3], the window with context; c is `CONTEXT` times the network's
            input.
        kinds: int8 [n], NEGATIVE, POSITIVE, PART or LANDMARK.
        boxes: float32 [n, 4], the face's box in units of the window (which is (0, 0, 1, 1)); NaN
            for negatives.
        landmarks: float32 [n, 5, 2], in units of the window; NaN where unknown.
    """

    patches: np.ndarray | jax.Array
    kinds: np.ndarray | jax.Array
    boxes: np.ndarray | jax.Array
    landmarks: np.ndarray | jax.Array
