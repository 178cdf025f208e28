"""Suppression against the greedy loop in plain Python."""

import functools

import jax
import numpy as np
import pytest

from mtcnn_jax.cascade.nms import BLOCK, GPU_BLOCK, STEPS, nms, nms_in_steps
from tests.mtcnn_jax.cascade.test_boxes import overlap, random_boxes

# One program for all thresholds: without `jit`, every call compiles its loops anew.
compiled = jax.jit(nms, static_argnames=("mode", "backend"))
in_steps = jax.jit(nms_in_steps, static_argnames="mode")


def greedy(boxes, valid, threshold, groups, *, smaller=False):
    kept = []
    for i in np.flatnonzero(valid):
        if all(
            groups[i] != groups[j] or overlap(boxes[i], boxes[j], smaller=smaller) <= threshold
            for j in kept
        ):
            kept.append(i)
    return np.isin(np.arange(len(boxes)), kept)


BACKENDS = pytest.mark.parametrize("backend", ["cpu", "gpu"])


@BACKENDS
@pytest.mark.parametrize("mode", ["union", "min"])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("count", [1, 7, 200])
def test_equals_the_greedy_loop(mode, threshold, count, backend):
    rng = np.random.default_rng(count)
    boxes, valid = random_boxes(rng, count), rng.uniform(size=count) < 0.8
    groups = rng.integers(0, 3, count)
    wanted = greedy(boxes, valid, threshold, groups, smaller=mode == "min")
    found = compiled(boxes, valid, threshold, groups=groups, mode=mode, backend=backend)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("backend", "block"), [("cpu", BLOCK), ("gpu", 128), ("gpu", GPU_BLOCK)])
def test_equals_the_greedy_loop_over_several_blocks(backend, block, monkeypatch):
    monkeypatch.setattr("mtcnn_jax.cascade.nms.GPU_BLOCK", block)
    rng = np.random.default_rng(5)
    count = 2 * block + 37
    boxes, valid = random_boxes(rng, count), np.arange(count) < count - 20
    wanted = greedy(boxes, valid, 0.6, np.zeros(count))
    assert BLOCK // 10 < wanted.sum() < count - 50
    np.testing.assert_array_equal(compiled(boxes, valid, 0.6, backend=backend), wanted)


@pytest.mark.parametrize("capacity", [41, 100, 2 * BLOCK])
def test_padding_changes_nothing(capacity):
    rng = np.random.default_rng(8)
    boxes = random_boxes(rng, 40)
    plain = compiled(boxes, np.ones(40, bool), 0.4)
    padded = np.concatenate([boxes, random_boxes(rng, capacity - 40)])
    found = compiled(padded, np.arange(capacity) < 40, 0.4)
    np.testing.assert_array_equal(found[:40], plain)
    assert not found[40:].any() and 0 < plain.sum() < 40


@BACKENDS
def test_a_suppressed_box_suppresses_nothing(backend):
    """A chain a > b > c, where a overlaps b and b overlaps c: c stays, whatever the length."""
    starts = np.arange(40, dtype=np.float32) * 4
    boxes = np.stack([starts, 0 * starts, starts + 10, 0 * starts + 10], axis=1)
    found = compiled(boxes, np.ones(40, bool), 0.4, backend=backend)
    np.testing.assert_array_equal(found, np.arange(40) % 2 == 0)


def test_an_overlap_equal_to_the_threshold_stays():
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [0, 0, 2, 2]], np.float32)
    np.testing.assert_array_equal(compiled(boxes, np.ones(3, bool), 1 / 3), [True, True, False])


def test_jit_and_vmap_equal_plain():
    rng = np.random.default_rng(3)
    boxes = np.stack([random_boxes(rng, 60) for _ in range(4)])
    valid = np.arange(60) < np.array([60, 10, 0, 33])[:, None]
    run = functools.partial(nms, threshold=0.5)
    with jax.disable_jit():
        plain = np.stack([run(*pair) for pair in zip(boxes, valid, strict=True)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(run))(boxes, valid), plain)
    for row in range(4):
        np.testing.assert_array_equal(jax.jit(run)(boxes[row], valid[row]), plain[row])
    assert not plain[2].any()


@pytest.mark.parametrize("mode", ["union", "min"])
@pytest.mark.parametrize("count", [1, 7, 200])
def test_in_steps_it_is_the_greedy_loop(mode, count):
    rng = np.random.default_rng(count)
    boxes, valid = random_boxes(rng, count), rng.uniform(size=count) < 0.8
    groups = rng.integers(0, 3, count)
    wanted = greedy(boxes, valid, 0.5, groups, smaller=mode == "min")
    found, undecided = in_steps(boxes, valid, 0.5, groups=groups, mode=mode)
    assert undecided == 0
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("length", "decided"), [(STEPS, True), (STEPS + 1, False), (40, False)])
def test_a_chain_longer_than_the_steps_is_said_to_be_undecided(length, decided):
    """Each box overlaps the one before: how many stay follows from the first, a box a step."""
    starts = np.arange(length, dtype=np.float32) * 4
    boxes = np.stack([starts, 0 * starts, starts + 10, 0 * starts + 10], axis=1)
    _, undecided = in_steps(boxes, np.ones(length, bool), 0.4)
    assert (undecided == 0) == decided
