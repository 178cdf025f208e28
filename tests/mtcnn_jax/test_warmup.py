"""Compiling ahead: nothing is left to compile for pictures of the sizes named."""

import dataclasses
import logging

import jax
import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.cascade import stages
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.networks.reference import NETWORKS
from tests.mtcnn_jax.traced import stand_in

CONFIG = mj.DetectConfig(min_face_size=60, capacities=(64, 16, 8), size_prior=0)
"""Scores of networks of zeros are 0.5, which a prior would lift over the threshold."""


@pytest.fixture(scope="module")
def params():
    def zeros(name):
        size = INPUT_SIZE[name]
        network = NETWORKS[name]()
        made = jax.eval_shape(network.init, jax.random.key(0), np.zeros((1, size, size, 3)))
        return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), made["params"])

    return {name: zeros(name) for name in NETWORKS}


@pytest.mark.parametrize("batch_size", [1, 2])
def test_nothing_is_left_to_compile(params, caplog, batch_size, monkeypatch):
    """Which form a program has and how often it is compiled does not depend on what it computes."""
    traces = []
    monkeypatch.setattr(stages, "detect_padded", stand_in(traces))
    ready = mj.warmup(params, [(90, 100), (120, 150), (300, 200)], CONFIG, batch_size=batch_size)
    assert ready == [(160, 160), (320, 320)]
    assert traces == [(160, 160, 3), (320, 320, 3)]
    pictures = [np.zeros((height, 110, 3), np.uint8) for height in (80, 160, 210)]
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        mj.detect_batch(params, pictures, CONFIG, batch_size=batch_size)
        assert not [text for text in caplog.messages if text.startswith("Compiling")]
        other = mj.DetectConfig(min_face_size=70, capacities=(64, 16, 8))
        mj.detect_batch(params, pictures[:1], other, batch_size=batch_size)
        assert [text for text in caplog.messages if "Compiling" in text]


def test_without_sizes_nothing_is_left_to_compile_for_any(params, caplog):
    assert mj.warmup(params, config=CONFIG) == []
    rng = np.random.default_rng(0)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        for size in [(20, 30), (333, 222), (700, 900)]:
            picture = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
            chosen = dataclasses.replace(CONFIG, min_face_size=rng.uniform(12, 50))
            mj.detect(params, picture, chosen)
        assert not [text for text in caplog.messages if text.startswith("Compiling")]


def test_a_config_for_sizes_is_named(params):
    with pytest.raises(TypeError, match="sizes is a DetectConfig; accepted are pairs"):
        mj.warmup(params, CONFIG)


@pytest.mark.parametrize("size", [(0, 5), (5,), 7, (1.5, 2), (1, 2, 3)])
def test_a_wrong_size_is_named(params, size):
    with pytest.raises(ValueError, match="accepted are two whole numbers above 0, height"):
        mj.warmup(params, [size], CONFIG)


def test_a_wrong_batch_size_is_named(params):
    with pytest.raises(ValueError, match="batch_size is 0"):
        mj.warmup(params, [(9, 9)], CONFIG, batch_size=0)
