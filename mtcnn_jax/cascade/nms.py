"""Exact greedy non-maximum suppression at a fixed shape.

Greedy suppression walks down the scores and keeps a box unless one already kept overlaps it. That
is the one fixed point of `keep_i = not any(keep_j and overlaps_ij and j before i)`, which iterating
from "keep all" reaches in as many steps as the longest chain of suppressions. Boxes go through in
blocks: those of earlier blocks are settled, so memory is `capacity * block`, and blocks past the
last valid box cost nothing.
"""

import functools

import jax
import jax.numpy as jnp

from mtcnn_jax.cascade import boxes as box_lib
from mtcnn_jax.networks.backends import backend_of

BLOCK = 128
"""Boxes settled together; blocks of 512 take more than twice as long (decision 0009)."""

GPU_BLOCK, GPU_STEPS = 1024, 6
"""On a GPU: boxes settled together, and steps taken without asking whether another is needed. Each
question, and each turn of a loop, is a wait of the host for the device."""

STEPS = 8
"""Steps of `nms_in_steps`."""


def nms(
    boxes: jax.Array,
    valid: jax.Array,
    threshold: float,
    *,
    groups: jax.Array | None = None,
    mode: str = "union",
    smaller: jax.Array | bool = False,
    backend: str = "auto",
) -> jax.Array:
    """Suppresses each box that overlaps a kept one with a higher score.

    Args:
        boxes: [n, 4], sorted by descending score; equal scores rank by position.
        valid: bool [n]; invalid boxes are neither kept nor suppress. They must come last for the
            time to follow the number of valid ones; the result does not depend on it.
        threshold: a box goes when its overlap is greater than this.
        groups: int [n]; only boxes of one group suppress each other (default: all do).
        mode: "union" or "min", as in `boxes.iou`.
        smaller: as in `boxes.iou`.
        backend: as in `networks.backends`; the result does not depend on it.

    Returns:
        bool [n], True for the boxes kept.

    Example:
        >>> import numpy as np
        >>> from mtcnn_jax.cascade.nms import nms
        >>> boxes = np.array([[0.0, 0, 9, 9], [1, 0, 10, 9], [20, 20, 29, 29]])
        >>> nms(boxes, np.ones(3, bool), 0.5).tolist()
        [True, False, True]
    """
    on_gpu = backend_of(backend) == "gpu"
    count = boxes.shape[0]
    block = min(GPU_BLOCK if on_gpu else BLOCK, count)
    pad = -count % block
    boxes = jnp.pad(boxes, ((0, pad), (0, 0)))
    valid = jnp.pad(valid, (0, pad))
    groups = jnp.zeros(count, jnp.int32) if groups is None else groups
    groups = jnp.pad(groups, (0, pad))
    places = jnp.arange(count + pad, dtype=jnp.int32)
    before = places[:block, None] < places[None, :block]
    used = jnp.max(jnp.where(valid, places + 1, 0), initial=0)
    overlaps = functools.partial(_overlaps, threshold=threshold, mode=mode, smaller=smaller)

    def part(start):
        """Boxes and groups of the block that begins at `start`."""
        return tuple(jax.lax.dynamic_slice_in_dim(x, start, block) for x in (boxes, groups))

    def settle(start, alive):
        """Of the block's boxes that no earlier block suppressed, those that stay."""
        within = overlaps(part(start), part(start)) & before

        def step(state):
            current, _ = state
            following = alive & ~jnp.any(current[:, None] & within, axis=0)
            return following, jnp.any(following != current)

        state = (alive, jnp.array(True))
        for _ in range(GPU_STEPS if on_gpu else 0):
            state = step(state)
        return jax.lax.while_loop(lambda state: state[1], step, state)[0]

    def look_back(state):
        """Settles a block against those before it, one by one."""
        number, keep = state
        start = number * block

        def suppress(other, alive):
            kept = jax.lax.dynamic_slice_in_dim(keep, other * block, block)
            return alive & ~jnp.any(kept[:, None] & overlaps(part(other * block), part(start)), 0)

        alive = jax.lax.dynamic_slice_in_dim(valid, start, block)
        settled = settle(start, jax.lax.fori_loop(0, number, suppress, alive))
        return number + 1, jax.lax.dynamic_update_slice_in_dim(keep, settled, start, axis=0)

    def look_ahead(state):
        """Settles a block and suppresses in all later ones: more work, but no loop."""
        number, keep = state
        start = number * block
        settled = settle(start, jax.lax.dynamic_slice_in_dim(keep, start, block))
        keep = jax.lax.dynamic_update_slice_in_dim(keep, settled, start, axis=0)
        later = places >= start + block
        hit = jnp.any(settled[:, None] & overlaps(part(start), (boxes, groups)), axis=0)
        return number + 1, keep & ~(later & hit)

    def go_on(state):
        return state[0] * block < used

    if on_gpu:
        if count <= block:
            return settle(0, valid)
        _, keep = jax.lax.while_loop(go_on, look_ahead, look_ahead((jnp.int32(0), valid)))
    else:
        state = (jnp.int32(0), jnp.zeros(count + pad, bool))
        _, keep = jax.lax.while_loop(go_on, look_back, state)
    return keep[:count]


def nms_in_steps(
    boxes: jax.Array,
    valid: jax.Array,
    threshold: float,
    *,
    groups: jax.Array | None = None,
    mode: str = "union",
) -> tuple[jax.Array, jax.Array]:
    """`nms` without a loop: `STEPS` steps on all boxes at once.

    Args:
        boxes: as for `nms`, and the other arguments too.
        valid: likewise.
        threshold: likewise.
        groups: likewise.
        mode: likewise.

    Returns:
        What `nms` gives, and int32 [], how many boxes the last step changed: only where there are
        none is the former right.
    """
    count = boxes.shape[0]
    groups = jnp.zeros(count, jnp.int32) if groups is None else groups
    # Rows are what one kernel of a GPU reduces; by columns it takes two.
    places = jnp.arange(count, dtype=jnp.int32)
    after = places[:, None] > places[None, :]
    every = (boxes, groups)
    within = _overlaps(every, every, threshold=threshold, mode=mode) & after
    keep = last = valid
    for _ in range(STEPS):
        keep, last = valid & ~jnp.any(keep[None, :] & within, axis=1), keep
    return keep, jnp.sum(keep != last, dtype=jnp.int32)


def _overlaps(
    first: tuple[jax.Array, jax.Array],
    second: tuple[jax.Array, jax.Array],
    *,
    threshold: float,
    mode: str,
    smaller: jax.Array | bool = False,
) -> jax.Array:
    """bool [n, m]: does each box of `first` overlap each of `second`, both boxes and groups."""
    same = first[1][:, None] == second[1][None, :]
    return same & (box_lib.iou(first[0], second[0], mode=mode, smaller=smaller) > threshold)
