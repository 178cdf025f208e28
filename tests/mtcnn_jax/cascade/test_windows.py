"""Windows at a fixed capacity: the best, in order, and how many had no place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mtcnn_jax.cascade.windows import Windows, compacted, keep_best


def windows(scores, valid):
    scores = np.asarray(scores, np.float32)
    rows = np.arange(len(scores), dtype=np.float32)
    boxes = np.stack([rows, rows, rows + 1, rows + 1], axis=1)
    groups = np.arange(len(scores), dtype=np.int32)
    return Windows(boxes, scores, -boxes, np.asarray(valid), groups)


@pytest.mark.parametrize("share", [0, 0.3, 1])
@pytest.mark.parametrize("capacity", [5, 40, 50])
@pytest.mark.parametrize("select", [keep_best, compacted])
def test_the_best_valid_windows_stay_in_order(select, capacity, share):
    rng = np.random.default_rng(1)
    scores = rng.choice(np.linspace(0.1, 0.9, 15), 40)  # Fewer than windows: there are ties.
    if select is compacted:
        scores = -np.sort(-scores)
    given = windows(scores, rng.uniform(size=40) < share)
    best, over = jax.jit(select, static_argnums=1)(jax.tree.map(jnp.asarray, given), capacity)
    valid = np.flatnonzero(given.valid)
    wanted = sorted(valid, key=lambda row: -given.scores[row])[:capacity]
    assert over == max(len(valid) - capacity, 0)
    assert all(field.shape[0] == capacity for field in best)
    np.testing.assert_array_equal(best.valid, np.arange(capacity) < len(wanted))
    for found, all_of_them in zip(best, given, strict=True):
        np.testing.assert_array_equal(found[: len(wanted)], all_of_them[wanted])
