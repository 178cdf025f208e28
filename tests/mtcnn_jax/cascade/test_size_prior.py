"""The prior by size: by hand, and as each stage counts it in."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mtcnn_jax import DetectConfig
from mtcnn_jax.cascade import crops, pyramid, stages
from mtcnn_jax.cascade.boxes import mirror
from mtcnn_jax.cascade.size_prior import log_odds, raised
from mtcnn_jax.cascade.windows import Windows

SIDES = (10, 20, 40, 80, 160)
WANTED = (0, 0, 0.25, 0.5, 0.5)

SQUARES = (
    (300, 100, 10),
    (415, 175, 20),
    (140, 160, 33),
    (350, 160, 64),
    (90, 80, 97),
    (40, 9, 300),
)
"""x, y and side of windows in the street scene."""

AS_IT_IS, RAISED = (
    DetectConfig(
        thresholds=(0, 0, 0), nms_thresholds=(1,) * 4, voting=1, second_look=False, size_prior=prior
    )
    for prior in (0, 0.25)
)


def apart(scores, others):
    """By how much log-odds differ, float64."""
    odds = [np.asarray(each, np.float64) / (1 - np.asarray(each)) for each in (scores, others)]
    return np.log(odds[0] / odds[1])


def test_the_odds_rise_by_doublings_up_to_two():
    np.testing.assert_allclose(log_odds(jnp.array(SIDES, jnp.float32), 0.25), WANTED, atol=1e-7)
    np.testing.assert_array_equal(log_odds(jnp.array(SIDES, jnp.float32), 0.0), np.zeros(5))


def test_of_a_mirrored_window_they_rise_alike():
    squares = np.array([[5, 7, 5 + side, 7 + side] for side in SIDES], np.float32)
    logits = np.tile(np.array([2, -1], np.float32), (5, 1))
    for windows in (squares, mirror(squares)):
        found = raised(logits, windows, 0.25)
        np.testing.assert_allclose(found, logits + np.array(WANTED)[:, None] * [0, 1], atol=1e-6)


def test_p_net_counts_it_in_by_the_level(params, street):
    picture = street[160:360, 320:560]
    levels = pyramid.plan(picture.shape[:2], min_face_size=20.0, scale_factor=0.709)
    pixels, shapes = crops.materialized_mips(picture, np.array(picture.shape[:2]), 5)
    chain = crops.parted(pixels, shapes)

    @jax.jit
    def scores(config):
        return stages.scan(params, chain, np.array(picture.shape[:2]), levels, config)

    found, as_it_is = scores(RAISED), scores(AS_IT_IS)
    sides = 12 * pyramid.units(levels)[np.asarray(found.groups)]
    assert sides.min() == 20 and sides.max() > 80
    wanted = 0.25 * np.log2(np.minimum(sides, 80) / 20)
    middling = np.abs(np.asarray(as_it_is.scores) - 0.5) < 0.49  # Others are rounded too much.
    assert len({*np.asarray(found.groups)[middling]}) >= 4
    difference = apart(found.scores, as_it_is.scores)
    np.testing.assert_allclose(difference[middling], wanted[middling], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "stage", "times"), [("rnet", stages.refine, 2), ("onet", stages.finish, 3)]
)
def test_the_other_networks_count_it_in_more_often(params, street, name, stage, times):
    side = {"rnet": 24, "onet": 48}[name]
    squares = np.array([[x, y, x + length, y + length] for x, y, length in SQUARES])
    size = np.array(street.shape[:2])
    pixels, shapes = crops.materialized_mips(street, size, 5)
    cut = functools.partial(crops.crop_from, pixels, shapes, size, crop_size=side, normalized=True)

    @jax.jit
    def score(config, number):
        """That of one window, the only valid one."""
        boxes = jnp.asarray(squares, jnp.float32)
        valid, zeros = jnp.arange(len(SQUARES)) == number, jnp.zeros(len(SQUARES))
        windows = Windows(boxes, zeros, jnp.zeros_like(boxes), valid, zeros.astype(jnp.int32))
        return stage(params, cut, windows, config)[0].scores[0]

    found, as_it_is = (
        np.array([score(config, number) for number in range(len(SQUARES))])
        for config in (RAISED, AS_IT_IS)
    )
    assert ((as_it_is > 1e-3) & (as_it_is < 0.999)).sum() >= 3
    wanted = times * 0.25 * np.log2(np.clip(np.array(SQUARES)[:, 2], 20, 80) / 20)
    np.testing.assert_allclose(apart(found, as_it_is), wanted, atol=2e-3)
