"""The cascade of the 12-, 24- and 48-nets beside plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.studies.rivals import cascade_cnn, cascade_detect
from mtcnn_jax import DetectConfig
from mtcnn_jax.cascade import crops, pyramid
from mtcnn_jax.networks.layers import normalize
from tests.experiments.studies.rivals.drawn import SIZE, noise, untrained

MOST = 160
"""Windows in a picture, at most."""


@pytest.fixture(scope="module")
def params():
    shapes = {
        name: jax.eval_shape(network().init, jax.random.key(0), jnp.zeros((1, side, side, 3)))
        for (name, network), side in zip(
            cascade_cnn.NETWORKS.items(), cascade_cnn.INPUT_SIZE.values(), strict=True
        )
    }
    return {name: untrained(variables["params"]) for name, variables in shapes.items()}


def by_loops(params, picture, config):
    """What `cascade_detect.detect` gives, without fixed shapes, window by window."""

    def scores(name, pixels):
        padded = np.zeros((MOST, *pixels.shape[1:]), np.float32)
        padded[: len(pixels)] = pixels
        logits = jax.jit(cascade_cnn.NETWORKS[name]().apply)({"params": params[name]}, padded)
        return np.asarray(jax.nn.softmax(logits.reshape(-1, 2)))[: len(pixels), 1]

    def suppressed(found, threshold, *, by_level=False, smaller=False):
        kept = []
        for one in sorted(found, key=lambda one: -one[1]):
            (x1, y1, x2, y2), _, level = one
            clear = True
            for (u1, v1, u2, v2), _, other in kept:
                common = max(0, min(x2, u2) - max(x1, u1)) * max(0, min(y2, v2) - max(y1, v1))
                areas = (x2 - x1) * (y2 - y1), (u2 - u1) * (v2 - v1)
                whole = min(areas) if smaller else sum(areas) - common
                clear &= common / whole <= threshold or (by_level and level != other)
            if clear:
                kept.append(one)
        return kept

    size = np.array(picture.shape[:2], np.int32)
    levels = pyramid.plan(picture.shape[:2], min_face_size=20)

    @jax.jit
    def resampled(picture):
        chain = crops.mip_chain(picture, size, 4)
        return [normalize(pyramid.resample(chain, size, level)) for level in levels]

    found = []
    for number, (level, pixels) in enumerate(zip(levels, resampled(picture), strict=True)):
        pixels = np.asarray(pixels)
        rows, columns = (range(0, side - 11, 4) for side in level.shape)
        corners = [(x, y) for y in rows for x in columns]
        cut = np.stack([pixels[y : y + 12, x : x + 12] for x, y in corners])
        for (x, y), score in zip(corners, scores("net12", cut), strict=True):
            box = np.array([x, y, x + 12, y + 12]) / level.scale
            if score > config.thresholds[0]:
                found.append((box, score, number))
    within, overall, refined, smaller = config.nms_thresholds
    found = suppressed(suppressed(found, within, by_level=True), overall)
    left = [len(found)]
    count = crops.mip_count(picture.shape[:2], 24)
    pixels, shapes = crops.materialized_mips(picture, size, count)
    for name, least, overlap in (("net24", 1, refined), ("net48", 2, smaller)):
        boxes = np.array([box for box, *_ in found] + [np.arange(4)] * MOST, np.float32)[:MOST]
        side = cascade_cnn.INPUT_SIZE[name]
        cut = crops.crop_from(pixels, shapes, size, boxes, crop_size=side, normalized=True)
        anew = scores(name, cut)[: len(found)]
        again = [(one[0], score, one[2]) for one, score in zip(found, anew, strict=True)]
        again = [one for one in again if one[1] > config.thresholds[least]]
        found = suppressed(again, overlap, smaller=name == "net48")
        left.append(len(found))
    height, width = picture.shape[:2]
    boxes = np.array([box for box, *_ in found])
    return np.clip(boxes, 0, [width, height, width, height]), left


@pytest.mark.parametrize("least", [(0.0, 0.0, 0.0), (0.35, 0.45, 0.7)])
def test_the_cascade_gives_what_plain_loops_give(params, least):
    picture = noise(SIZE, seed=5)
    # No windows of one grid have just these overlaps.
    config = DetectConfig(thresholds=least, nms_thresholds=(0.47, 0.66, 0.66, 0.66))
    boxes, left = cascade_detect.detect(params, picture, config)
    expected, counts = by_loops(params, picture, config)
    assert left.tolist() == counts
    assert counts[2] > 1
    np.testing.assert_allclose(boxes, expected, atol=1e-3)
