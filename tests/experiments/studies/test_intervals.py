"""Intervals of differences, over samples and runs."""

import numpy as np
import pytest

from experiments.studies.intervals import BLOCK, interval


def test_the_same_networks_do_not_differ():
    correct = np.random.default_rng(0).random((3, 500)) < 0.9
    assert interval(correct, correct, count=50) == (0, 0, 0)


def test_a_difference_that_all_samples_show_has_no_width():
    better, worse = np.ones((3, 200)), np.zeros((3, 200))
    assert interval(better, worse, count=50) == (1, 1, 1)


def test_of_independent_samples_it_is_as_wide_as_the_textbook_says():
    rng = np.random.default_rng(1)
    first, other = (rng.random((1, 64 * 400)) < rate for rate in (0.9, 0.8))
    mean, low, high = interval(first, other, count=2000)
    spread = np.std(first.astype(float) - other) / np.sqrt(first.size)
    assert mean == pytest.approx(0.1, abs=0.01)
    assert (low, high) == pytest.approx((mean - 1.96 * spread, mean + 1.96 * spread), abs=4e-4)


def test_neighbours_that_repeat_each_other_count_once():
    rng = np.random.default_rng(2)
    alone = rng.random((1, 100)) < 0.5
    zeros = np.zeros((1, 100 * BLOCK))
    _, low, high = interval(np.repeat(alone, BLOCK, axis=1), zeros, count=2000)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 100), rel=0.1)


def test_runs_that_differ_widen_it():
    steady, moody = np.full((3, 640), 0.5), np.array([[0.2], [0.5], [0.8]]) * np.ones((3, 640))
    zeros = np.zeros((3, 640))
    assert interval(steady, zeros, count=100) == pytest.approx((0.5, 0.5, 0.5))
    mean, low, high = interval(moody, zeros, count=2000)
    assert mean == pytest.approx(0.5)
    assert low == pytest.approx(0.2) and high == pytest.approx(0.8)
