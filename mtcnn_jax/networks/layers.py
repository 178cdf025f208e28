"""What the networks share whichever backend computes them: sizes, pixels, pooling."""

import functools

import jax
import jax.numpy as jnp

INPUT_SIZE = {"pnet": 12, "rnet": 24, "onet": 48}
"""Side, in pixels, of the square window that each network looks at."""

HEADS = {"pnet": (2, 4), "rnet": (2, 4), "onet": (2, 4, 10)}
"""Numbers that each network gives for a window: logits, offsets and O-Net's landmarks."""

POOLS = {"pnet": (2, 0, 0), "rnet": (3, 3, 0), "onet": (3, 3, 2, 0)}
"""For each convolution, the window of the pooling after it; 0 is none."""

STRIDE = 2
"""Distance in pixels between neighbouring windows of P-Net run over a whole picture."""


def normalize(pixels: jax.Array) -> jax.Array:
    """Maps pixels 0..255 of any dtype to float32 (x - 127.5) / 128."""
    return (pixels.astype(jnp.float32) - 127.5) * (1 / 128)


def pool(x: jax.Array, size: int) -> jax.Array:
    """Max pooling with stride 2, padded at the far ends so that no row or column is left over.

    As maxima of strided slices, one axis after the other: the gradient of a windowed reduction is
    a serial loop on a CPU, and made O-Net's training step 3.8 times as long.
    """
    pads = [(0, (size - length) % 2) for length in x.shape[1:3]]
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-jnp.inf)
    for axis in (1, 2):
        last = x.shape[axis] - size
        parts = [jax.lax.slice_in_dim(x, start, start + last + 1, 2, axis) for start in range(size)]
        x = functools.reduce(jnp.maximum, parts)
    return x
