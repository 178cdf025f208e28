"""What `detect_padded` is given: each mistake has a sentence, and none costs anything under jit."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.cascade.arguments import check_padded

NETWORKS = {"pnet": {}, "rnet": {}, "onet": {}}
CANVAS, SIZE = np.zeros((48, 64, 3), np.uint8), np.array([48, 64])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"params": None}, TypeError, "params is a NoneType; accepted is what load_params gives"),
        ({"params": "weights.npz"}, TypeError, "params is a str; accepted is what load_params"),
        ({"params": {"pnet": {}}}, ValueError, "params has no network rnet, onet; accepted"),
        ({"canvas": "photo.jpg"}, TypeError, r"canvas is a str; accepted is one array \[h, w, 3\]"),
        ({"canvas": CANVAS[..., 0]}, ValueError, r"canvas has the shape \[48, 64\]; accepted is"),
        ({"canvas": CANVAS[None]}, ValueError, r"canvas has the shape \[1, 48, 64, 3\].*jax\.vmap"),
        ({"size": (48, 64)}, TypeError, r"size is a tuple; accepted is an integer array \[2\]"),
        ({"size": np.array([48, 64, 3])}, ValueError, r"size has the shape \[3\]; accepted is an"),
        ({"config": None}, TypeError, "config is a NoneType; accepted is a DetectConfig"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    given = {"params": NETWORKS, "canvas": CANVAS, "size": SIZE, "config": mj.DetectConfig()}
    with pytest.raises(error, match=words):
        mj.detect_padded(**{**given, **arguments})


@pytest.mark.parametrize(("top", "told"), [(1.0, True), (0.2, True), (0.0, False), (255.0, False)])
@pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray])
def test_pixels_that_seem_to_be_from_0_to_1_are_warned_of(asarray, top, told):
    canvas = asarray(np.full(CANVAS.shape, top, np.float32))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_padded(NETWORKS, canvas, SIZE, mj.DetectConfig())
    assert ["multiply pixels 0..1 by 255" in str(one.message) for one in caught] == [True] * told


def test_what_is_traced_passes():
    def look(canvas, size):
        check_padded(NETWORKS, canvas, size, mj.DetectConfig())
        return size

    jax.jit(jax.vmap(look))(jnp.zeros((2, 48, 64, 3)), jnp.zeros((2, 2), int))
