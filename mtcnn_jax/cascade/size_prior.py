"""A prior by size: the larger a window, the likelier it is that it shows a face.

An octave up the pyramid has a quarter of the windows, and faces are not a quarter as many: the odds
of a face rise with the window's side, before anything is looked at. The networks do not know them.
Each sees all windows at one size. The later a network, the more often it counts the prior in: its
windows are fewer, and what is false among them is small. Not in the paper.
"""

import jax
import jax.numpy as jnp

SMALLEST = 20.0
"""Side in pixels of the windows whose odds stay as they are, as do those of smaller ones."""

OCTAVES = 2
"""Doublings of that side after which the odds rise no more: from 80 pixels on."""

COUNTED = {"pnet": 1.0, "rnet": 2.0, "onet": 3.0}
"""How many times each network counts the prior in. All once: 0.012 less of AP on easy faces, 0.007
on medium ones, and 0.011 more on hard ones."""

FACE = (0.0, 1.0)
"""Of two logits, that of a face."""


def raised(logits: jax.Array, windows: jax.Array, prior: jax.Array | float) -> jax.Array:
    """Logits of windows with the prior in those of a face.

    Args:
        logits: float32 [n, 2].
        windows: float32 [n, 4], squares in pixels of the picture, which may be mirrored.
        prior: as in `log_odds`.

    Returns:
        float32 [n, 2].
    """
    added = log_odds(windows[:, 3] - windows[:, 1], prior)
    return logits + added[:, None] * jnp.array(FACE, jnp.float32)


def log_odds(sides: jax.Array, prior: jax.Array | float) -> jax.Array:
    """What the odds of a face rise by, as a logarithm.

    Args:
        sides: float32 [...], of windows, in pixels of the picture.
        prior: float32 [], for each doubling of the side.

    Returns:
        float32 [...].
    """
    return prior * jnp.clip(jnp.log2(jnp.maximum(sides, SMALLEST) / SMALLEST), 0, OCTAVES)
