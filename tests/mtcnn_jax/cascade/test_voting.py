"""Box voting against plain Python."""

import jax
import numpy as np
import pytest

from mtcnn_jax.cascade.voting import BLOCK, vote
from tests.mtcnn_jax.cascade.test_boxes import overlap, random_boxes


def mean_of_neighbours(boxes, values, weights, threshold):
    rows = []
    for row, box in enumerate(boxes):
        on = [row == n or overlap(box, other) > threshold for n, other in enumerate(boxes)]
        rows.append(np.average(values[on], axis=0, weights=weights[on]))
    return rows


@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("count", [1, 60, BLOCK + 30])
def test_equals_plain_python(count, threshold):
    rng = np.random.default_rng(count)
    boxes, weights = random_boxes(rng, count), rng.uniform(0.1, 1, count).astype("f4")
    values = rng.uniform(-50, 4000, (count, 14)).astype("f4")
    wanted = mean_of_neighbours(boxes, values, weights, threshold)
    np.testing.assert_allclose(vote(boxes, values, weights, threshold), wanted, rtol=1e-5)
    found = jax.jit(vote)(boxes, values, weights, threshold)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_by_hand():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [50, 50, 60, 60], [0, 0, 10, 7]], "f4")
    weights = np.array([0.9, 0.3, 0.5, 0], "f4")
    found = vote(boxes, np.array([[4], [8], [7], [1e6]], "f4"), weights, 0.7)
    # The first two overlap by 0.8; the last, on the second by 0.875, counts for nothing.
    np.testing.assert_allclose(found[:3], [[5], [5], [7]], rtol=1e-6)


def test_a_threshold_of_one_changes_nothing_and_no_weight_gives_zero():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 0, 0]], "f4")
    values, weights = np.array([[3], [5], [9]], "f4"), np.array([0.9, 0.6, 0], "f4")
    np.testing.assert_allclose(vote(boxes, values, weights, 1.0), [[3], [5], [0]], rtol=1e-6)


def test_vmap_equals_a_loop():
    rng = np.random.default_rng(3)
    boxes = np.stack([random_boxes(rng, 40) for _ in range(2)])
    weights = rng.uniform(size=(2, 40)).astype("f4")
    many = jax.vmap(vote, (0, 0, 0, None))(boxes, boxes, weights, 0.5)
    for row in range(2):
        one = vote(boxes[row], boxes[row], weights[row], 0.5)
        np.testing.assert_allclose(many[row], one, rtol=1e-5)
