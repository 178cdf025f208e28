"""Pictures of noise, and networks that nobody trained."""

import jax
import numpy as np

SIZE = (60, 80)
"""Height and width of a picture."""


def noise(size, *, seed):
    """uint8 [h, w, 3], lighter to the right."""
    picture = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return picture // 3 + np.linspace(0, 160, size[1], dtype=np.uint8)[None, :, None]


def untrained(shapes):
    """Parameters of these shapes, as large as makes the scores of windows differ."""
    rng = np.random.default_rng(0)

    def filled(leaf):
        spread = (2 / (leaf.size // leaf.shape[-1])) ** 0.5 if len(leaf.shape) > 1 else 0.1
        return rng.normal(0, spread, leaf.shape).astype(np.float32)

    return jax.tree.map(filled, shapes)
