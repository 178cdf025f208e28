"""Levels of a pyramid on one picture, so that P-Net runs once over them.

Each level lies at even coordinates, in a slot of even sides: P-Net's stride is 2, so its cells over
the whole are the cells over the levels. Those that reach over the edge of a level, and see its
neighbour, are none of the level's valid ones.
"""

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from mtcnn_jax.cascade import pyramid
from mtcnn_jax.cascade.materialize import materialize
from mtcnn_jax.networks.backends import backend_of
from mtcnn_jax.networks.layers import normalize

Shape = tuple[int, int]

ALONE = 2**14
"""Pixels of a level from which it goes through P-Net by itself on a CPU. A smaller one takes longer
to call for than to compute, and longer to compile (decision 0007)."""


def pack(shapes: Sequence[Shape]) -> tuple[Shape, tuple[Shape, ...]]:
    """Lays rectangles out so that they take little area: each where the whole grows the least.

    A pyramid of factor 0.709 takes a sixth more than the sum of its levels' areas.

    Args:
        shapes: height and width of each, largest first.

    Returns:
        Height and width of the whole, and the first corner (y, x) of each; all even.
    """
    placed: list[tuple[int, int, int, int]] = []
    height = width = 0
    for shape in shapes:
        tall, wide = (side + side % 2 for side in shape)
        edges = [sorted({0, *(slot[axis] for slot in placed)}) for axis in (2, 3)]
        free = [
            (max(height, y + tall) * max(width, x + wide), y, x)
            for y, x in itertools.product(*edges)
            if not any(
                y < bottom and top < y + tall and x < right and left < x + wide
                for top, left, bottom, right in placed
            )
        ]
        _, y, x = min(free)
        placed.append((y, x, y + tall, x + wide))
        height, width = max(height, y + tall), max(width, x + wide)
    return (height, width), tuple((y, x) for y, x, _, _ in placed)


def groups(levels: Sequence[pyramid.Level], backend: str) -> list[tuple[pyramid.Level, ...]]:
    """The levels, largest first, that go through P-Net together: on a GPU all of them.

    Args:
        levels: `pyramid.plan` of a canvas.
        backend: as in `networks.backends`; "reference" is one at a time.
    """
    alone = {
        "reference": len(levels),
        "cpu": sum(math.prod(level.shape) >= ALONE for level in levels),
        "gpu": 0,
        "gpu_unrolled": 0,
    }[backend_of(backend)]
    parts = [*((level,) for level in levels[:alone]), tuple(levels[alone:])]
    return [part for part in parts if part]


def lay_out(
    chain: list[jax.Array], size: jax.Array, levels: Sequence[pyramid.Level]
) -> tuple[jax.Array, tuple[Shape, ...]]:
    """Makes the picture of some levels.

    Args:
        chain: `crops.mip_chain` of the canvas.
        size: int [2], height and width of the picture.
        levels: one of `groups`.

    Returns:
        float32 [1, h, w, 3], normalised, and the first corner (y, x) of each level in it.
    """
    shape, corners = pack([level.shape for level in levels])
    if len(levels) == 1:
        shape = levels[0].shape

    def picture() -> jax.Array:
        parts = [normalize(pyramid.resample(chain, size, level))[None] for level in levels]
        if len(parts) == 1:
            return parts[0]
        whole = jnp.zeros((1, *shape, 3), jnp.float32)
        for part, (y, x) in zip(parts, corners, strict=True):
            whole = jax.lax.dynamic_update_slice(whole, part, (0, y, x, 0))
        return whole

    return materialize(picture, (1, *shape, 3), always=size[0] >= 0), corners
