"""Losses and masks against numbers worked out by hand and against a sort in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mtcnn_jax.training import losses
from mtcnn_jax.training.samples import DROPPED, LANDMARK, NEGATIVE, PART, POSITIVE

DIFFERENCE = np.array([0.2, -0.03, 0.01, 0.12], np.float32)

WING_STEP = 0.1 * np.log(6)
"""Height of the wing's curve, 0.1 * log(1 + x / 0.02), at its width, x = 0.1."""

# For each distance the value of each number of DIFFERENCE, and its derivative.
BY_HAND = {
    "l2": ([0.04, 0.0009, 0.0001, 0.0144], [0.4, -0.06, 0.02, 0.24]),
    "l1": ([0.2, 0.03, 0.01, 0.12], [1, -1, 1, 1]),
    "smooth_l1": ([0.175, 0.009, 0.001, 0.095], [1, -0.6, 0.2, 1]),
    "wing": (
        [0.1 + WING_STEP, 0.1 * np.log(2.5), 0.1 * np.log(1.5), 0.02 + WING_STEP],
        [1, -2, 10 / 3, 1],
    ),
}


class TestCrossEntropy:
    @pytest.mark.parametrize(
        ("logits", "label", "value"),
        [
            ([0, 0], 1, np.log(2)),
            ([0, np.log(3)], 1, -np.log(3 / 4)),
            ([0, np.log(3)], 0, -np.log(1 / 4)),
            ([np.log(9), 0], 1, -np.log(1 / 10)),
            ([200, -200], 1, 400),
            ([-200, 200], 1, 0),
        ],
    )
    def test_by_hand(self, logits, label, value):
        found = losses.cross_entropy(jnp.array(logits, jnp.float32), label)
        assert found == pytest.approx(value, rel=1e-5)

    def test_a_negative_costs_the_log_of_one_minus_p(self):
        """Not the `1 - log(p)` that the paper's equation (1) has."""
        found = losses.cross_entropy(jnp.array([0, np.log(4)]), 0)
        assert found == pytest.approx(-np.log(1 - 0.8), rel=1e-5)

    def test_the_gradient_is_probabilities_less_the_label(self):
        found = jax.grad(losses.cross_entropy)(jnp.array([0, np.log(4)]), 1)
        np.testing.assert_allclose(found, [0.2, 0.8 - 1], rtol=1e-5)
        found = jax.grad(losses.cross_entropy)(jnp.array([500.0, -500.0]), 1)
        np.testing.assert_allclose(found, [1, -1], rtol=1e-5)


class TestDistances:
    def test_all_are_tested(self):
        assert set(losses.DISTANCES) == set(BY_HAND)

    @pytest.mark.parametrize("distance", BY_HAND)
    def test_box_by_hand(self, distance):
        values, slopes = BY_HAND[distance]
        target = jnp.array([0.1, -0.2, 0.3, 0.4])
        found, gradient = jax.value_and_grad(losses.box_loss)(
            target + DIFFERENCE, target, distance=distance
        )
        assert found == pytest.approx(sum(values), rel=1e-5)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("distance", BY_HAND)
    def test_landmarks_by_hand(self, distance):
        values, slopes = BY_HAND[distance]
        target = jnp.linspace(-0.5, 1, 10)
        pred = target.at[3].add(0.2).at[7].add(-0.03)
        found, gradient = jax.value_and_grad(losses.landmark_loss)(pred, target, distance=distance)
        assert found == pytest.approx(values[0] + values[1], rel=1e-4)
        np.testing.assert_allclose(gradient[jnp.array([3, 7])], slopes[:2], rtol=1e-4)

    def test_the_paper_is_the_default(self):
        assert losses.box_loss(jnp.arange(4.0), jnp.zeros(4)) == 0 + 1 + 4 + 9
        assert losses.landmark_loss(jnp.full(10, 2.0), jnp.zeros(10)) == 40

    def test_an_example_at_a_time_vmapped_gives_one_value_each(self):
        pred = jnp.arange(12.0).reshape(3, 4)
        found = jax.vmap(losses.box_loss)(pred, jnp.zeros((3, 4)))
        np.testing.assert_allclose(found, [14, 126, 366])


def test_the_weights_of_the_tasks_are_the_papers():
    assert losses.TASK_WEIGHTS == {
        "pnet": (1, 0.5, 0.5),
        "rnet": (1, 0.5, 0.5),
        "onet": (1, 0.5, 1),
    }


def test_kinds_count_in_their_own_tasks_only():
    kinds = jnp.array([NEGATIVE, POSITIVE, PART, LANDMARK, DROPPED], jnp.int8)
    np.testing.assert_array_equal(losses.classified(kinds), [1, 1, 0, 0, 0])
    np.testing.assert_array_equal(losses.boxed(kinds), [0, 1, 1, 0, 0])
    np.testing.assert_array_equal(losses.pointed(kinds), [0, 0, 0, 1, 0])


def hardest(values, valid, keep):
    """The oracle: the first `keep` of the valid in falling order; of equal ones the first."""
    order = sorted(np.flatnonzero(valid), key=lambda index: -values[index])
    return np.isin(np.arange(len(values)), order[:keep])


mark = jax.jit(losses.hard_example_mask, static_argnums=2)


class TestHardExamples:
    @pytest.mark.parametrize("ratio", [0.25, 0.7, 1.0])
    @pytest.mark.parametrize("ties", [False, True])
    def test_equal_a_sort(self, ratio, ties):
        rng = np.random.default_rng(7)
        for share in (0.0, 0.1, 0.6, 1.0):
            values = rng.integers(0, 6, 40) if ties else rng.permutation(40)
            values, valid = values.astype(np.float32), rng.uniform(size=40) < share
            keep = int(np.ceil(round(ratio * valid.sum(), 6)))
            found = mark(values, valid, ratio)
            np.testing.assert_array_equal(found, hardest(values, valid, keep))

    @pytest.mark.parametrize("count", range(1, 41))
    def test_keeps_seven_of_ten_rounded_up(self, count):
        valid = np.arange(40) < count
        found = mark(np.ones(40, np.float32), valid, 0.7)
        assert found.sum() == -(-7 * count // 10)
        assert found[: found.sum()].all()

    def test_of_all_alike_the_first_are_kept(self):
        found = mark(np.zeros(10, np.float32), np.ones(10, bool), 0.7)
        np.testing.assert_array_equal(found, np.arange(10) < 7)

    def test_what_is_not_valid_is_not_marked_however_hard(self):
        values = np.array([np.inf, np.nan, 3, 2, 1], np.float32)
        found = mark(values, np.array([0, 0, 1, 1, 1], bool), 0.5)
        np.testing.assert_array_equal(found, [0, 0, 1, 1, 0])

    def test_fewer_valid_ones_than_seven_tenths_of_the_batch(self):
        """k counts of the valid ones, so two of three, not seven of ten."""
        valid = np.arange(10) >= 7
        found = mark(np.arange(10, dtype=np.float32), valid, 0.5)
        np.testing.assert_array_equal(np.flatnonzero(found), [8, 9])

    def test_none_valid(self):
        assert not mark(np.ones(5, np.float32), np.zeros(5, bool), 0.7).any()
        assert not mark(np.ones(5, np.float32), np.zeros(5, bool), 1.0).any()

    def test_the_easy_get_no_gradient_and_the_hard_their_own(self):
        logits = jnp.array([[2.0, 0], [0, 2], [0, 1], [0.5, 0], [3, 0]])
        labels = jnp.array([0, 0, 0, 0, 0])
        valid = jnp.array([True, True, True, True, False])

        def loss(logits):
            each = jax.vmap(losses.cross_entropy)(logits, labels)
            return losses.masked_mean(each, losses.hard_example_mask(each, valid, 0.5))

        gradient = jax.grad(loss)(logits)
        share = np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)
        expected = np.zeros((5, 2))
        for row in (1, 2):
            expected[row] = np.array([-share[row], share[row]]) / 2
        np.testing.assert_allclose(gradient, expected, rtol=1e-5)
        assert not np.any(gradient[jnp.array([0, 3, 4])])


class TestMaskedMean:
    def test_by_hand(self):
        values = jnp.array([1.0, 2, 4, 100])
        assert losses.masked_mean(values, jnp.array([True, False, True, False])) == 2.5

    def test_of_nothing_is_zero_and_has_no_gradient(self):
        found, gradient = jax.value_and_grad(losses.masked_mean)(jnp.ones(3), jnp.zeros(3, bool))
        assert found == 0
        np.testing.assert_array_equal(gradient, 0)
