"""Windows at a fixed capacity: what the stages of the cascade hand to each other."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mtcnn_jax.cascade import boxes as box_lib
from mtcnn_jax.cascade.nms import nms, nms_in_steps
from mtcnn_jax.networks.backends import backend_of
from mtcnn_jax.networks.forward import forward
from mtcnn_jax.networks.layers import HEADS


class Windows(NamedTuple):
    """Windows at a fixed capacity, the valid ones first, by descending score.

    Attributes:
        boxes: float32 [n, 4], pixels of the picture.
        scores: float32 [n].
        offsets: float32 [n, 4], the network's correction of each box.
        valid: bool [n].
        groups: int32 [n], the pyramid level that each came from.
    """

    boxes: jax.Array
    scores: jax.Array
    offsets: jax.Array
    valid: jax.Array
    groups: jax.Array


def take(windows: Any, index: jax.Array) -> Any:
    """The rows `index` of every array of a pytree."""
    return jax.tree.map(lambda x: x[index], windows)


def keep_best(windows: Windows, capacity: int) -> tuple[Windows, jax.Array]:
    """The `capacity` valid windows of highest score, sorted, and how many more there were."""
    ranks = jnp.where(windows.valid, windows.scores, -1.0)
    count = ranks.shape[0]
    if capacity < count:
        _, index = jax.lax.top_k(ranks, capacity)
    else:
        index = jnp.pad(jnp.argsort(-ranks, stable=True), (0, capacity - count))
    best = take(windows, index)
    best = best._replace(valid=best.valid & (jnp.arange(capacity, dtype=jnp.int32) < count))
    return best, jnp.maximum(windows.valid.sum(dtype=jnp.int32) - capacity, 0)


def compacted(windows: Windows, capacity: int) -> tuple[Windows, jax.Array]:
    """What `keep_best` gives of windows in the order of their scores, without sorting them."""
    total = windows.valid.sum(dtype=jnp.int32)
    place = jnp.where(windows.valid, jnp.cumsum(windows.valid, dtype=jnp.int32) - 1, capacity)
    rows = jnp.arange(windows.valid.shape[0], dtype=jnp.int32)
    index = jnp.zeros(capacity, jnp.int32).at[place].set(rows, mode="drop")
    kept = take(windows, index)._replace(valid=jnp.arange(capacity) < total)
    return kept, jnp.maximum(total - capacity, 0)


def calibrated(windows: Windows) -> jax.Array:
    """The boxes [n, 4], corrected by the network's offsets."""
    return box_lib.decode_offsets(windows.boxes, windows.offsets)


def suppress(
    windows: Windows, threshold: float, backend: str, *, mode: str = "union", within: bool = False
) -> tuple[jax.Array, jax.Array]:
    """What `nms` keeps of sorted windows, over all or `within` their groups, and the undecided."""
    groups = windows.groups if within else None
    if backend_of(backend) == "gpu_unrolled":
        return nms_in_steps(windows.boxes, windows.valid, threshold, groups=groups, mode=mode)
    keep = nms(windows.boxes, windows.valid, threshold, groups=groups, mode=mode, backend=backend)
    return keep, jnp.zeros((), jnp.int32)


def look_at(
    stage: str, params: Any, crops_of: Callable, windows: Windows, *, chunk: int, backend: str
) -> tuple[jax.Array, ...]:
    """Runs a network over the valid windows, `chunk` at a time.

    Args:
        stage: "rnet" or "onet".
        params: of that network.
        crops_of: windows [k, 4] to crops [k, side, side, 3], normalised.
        windows: in any order.
        chunk: how many go through together, by size; the loop ends after the last valid one.
        backend: as in `networks.backends`; on a GPU the first chunk is not asked for, but looked at
            in any case, and "gpu_unrolled" makes one of all.

    Returns:
        The network's outputs, each [n, ...]; zeros after the last chunk that was looked at.
    """
    if backend_of(backend) == "gpu_unrolled":
        return forward(stage, params, crops_of(windows.boxes), backend=backend)
    capacity = windows.boxes.shape[0]
    padded = -(-capacity // chunk) * chunk
    sides = jnp.abs(windows.boxes[:, 2] - windows.boxes[:, 0])
    by_size = jnp.argsort(jnp.where(windows.valid, sides, jnp.inf))
    boxes = jnp.pad(windows.boxes[by_size], ((0, padded - capacity), (0, 0)))
    count = windows.valid.sum(dtype=jnp.int32)

    def body(state):
        number, results = state
        at = number * chunk
        part = jax.lax.dynamic_slice_in_dim(boxes, at, chunk)
        outputs = forward(stage, params, crops_of(part), backend=backend)
        results = tuple(
            jax.lax.dynamic_update_slice_in_dim(whole, found, at, axis=0)
            for whole, found in zip(results, outputs, strict=True)
        )
        return number + 1, results

    blank = tuple(jnp.zeros((padded, width), jnp.float32) for width in HEADS[stage])
    state = (jnp.zeros((), jnp.int32), blank)
    if backend_of(backend) == "gpu":
        state = body(state)
    _, results = jax.lax.while_loop(lambda state: state[0] * chunk < count, body, state)
    return tuple(jnp.zeros_like(r[:capacity]).at[by_size].set(r[:capacity]) for r in results)
