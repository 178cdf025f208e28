"""Metrics of validation against numbers worked out by hand."""

import jax
import numpy as np
import pytest

from data.samples import LANDMARK, NEGATIVE, PART, POSITIVE, Samples
from experiments.training import validation
from mtcnn_jax.training import inference
from mtcnn_jax.training.recipe import Recipe
from tests.drawn import draw_samples, fill_state

NAN = float("nan")


def test_by_hand():
    kinds = np.array([NEGATIVE, NEGATIVE, NEGATIVE, POSITIVE, POSITIVE, PART, LANDMARK])
    scores = np.array([0.1, 0.6, 0.2, 0.9, 0.3, 0.8, 0.1])
    boxes = np.full((7, 4), NAN)
    boxes[3:6] = [[0, 0, 1, 1], [0.1, 0, 1, 1], [0, 0.2, 1.2, 1]]
    offsets = np.zeros((7, 4))
    offsets[3] = [0.1, 0, 0, 0.1]
    landmarks = np.full((7, 5, 2), NAN)
    landmarks[6] = [[0.2, 0.3], [0.6, 0.3], [0.4, 0.5], [0.3, 0.8], [0.5, 0.8]]
    points = np.zeros((7, 10))
    points[6] = np.concatenate([landmarks[6, :, 0], landmarks[6, :, 1]])
    points[6, 1] += 0.03  # The second x and the second y: a distance of 0.05.
    points[6, 6] += 0.04
    found = validation.measure(kinds, boxes, landmarks, scores, offsets, points)
    assert found == pytest.approx(
        {
            "accuracy": 3 / 5,
            "recall": 1 / 2,
            # Of twelve numbers two are off by 0.1, one by 0.1 and two by 0.2.
            "box_error": (0.1 + 0.1 + 0.1 + 0.2 + 0.2) / 12,
            # A fifth of 0.05, over 0.4 between the eyes.
            "landmark_error": 0.05 / 5 / 0.4,
            # 1% of three negatives is none: the threshold is the highest of them, 0.6.
            "recall_at_fpr": 1 / 2,
        }
    )


def test_what_cannot_be_measured_is_left_out():
    kinds = np.array([NEGATIVE, NEGATIVE])
    unknown = np.full((2, 4), NAN), np.full((2, 5, 2), NAN)
    found = validation.measure(
        kinds, *unknown, np.array([0.1, 0.9]), *map(np.zeros, ((2, 4), (2, 10)))
    )
    assert found == {"accuracy": 0.5}
    kinds = np.array([LANDMARK, LANDMARK])
    points = np.full((2, 10), NAN)
    assert validation.measure(kinds, *unknown, np.zeros(2), np.zeros((2, 4)), points) == {}


@pytest.mark.parametrize(
    ("rate", "recall"), [(0.0, 0.25), (0.1, 0.25), (0.2, 0.5), (0.5, 0.5), (1.0, 1.0)]
)
def test_recall_at_a_rate_of_false_positives(rate, recall):
    others = np.linspace(0.05, 0.95, 10)  # 0.05, 0.15, ...
    faces = np.array([0.99, 0.9, 0.5, 0.1])
    scores = np.concatenate([others, faces])
    is_face = np.arange(14) >= 10
    found = validation.recall_at(scores, is_face, rate)
    assert found == recall


@pytest.mark.parametrize("is_face", [np.zeros(3, bool), np.ones(3, bool)])
def test_recall_without_faces_or_others_is_unknown(is_face):
    assert np.isnan(validation.recall_at(np.ones(3), is_face, 0.1))


def test_a_subset_is_evenly_spread_over_each_kind():
    kinds = np.array([NEGATIVE] * 9 + [POSITIVE] * 2 + [LANDMARK] * 5, np.int8)
    samples = Samples(
        np.arange(16, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8),
        kinds,
        np.zeros((16, 4), np.float32),
        np.zeros((16, 5, 2), np.float32),
    )
    found = validation.subset(samples, 3)
    assert found.patches[:, 0, 0, 0].tolist() == [0, 4, 8, 9, 10, 11, 13, 15]
    assert found.kinds.tolist() == [0, 0, 0, 1, 1, 3, 3, 3]
    assert len(validation.subset(samples, 100).kinds) == 16


@pytest.fixture(scope="module")
def state():
    return fill_state(Recipe("pnet", 1000, ema_decay=0.5))


def test_the_averaged_weights_are_validated(state, monkeypatch):
    monkeypatch.setattr(inference, "CHUNK", 8)
    samples = draw_samples("pnet", each=3)
    zero = state.replace(ema=jax.tree.map(np.zeros_like, state.ema))
    found = validation.validate(zero, samples)
    # With all weights 0 every score is 0.5, which is no face, and every offset 0.
    assert found["accuracy"] == 9 / 12
    assert found["recall"] == 0
    counts = np.isin(samples.kinds, [POSITIVE, PART])
    error = np.abs(samples.boxes[counts] - [0, 0, 1, 1]).mean()
    assert found["box_error"] == pytest.approx(error, rel=1e-5)
