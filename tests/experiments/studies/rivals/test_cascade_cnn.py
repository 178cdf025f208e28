"""The 12-, 24- and 48-nets: sizes worked out by hand, and layers beside plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.studies.rivals import cascade_cnn

CONV = {
    "conv of 12": 3 * 3 * 3 * 16 + 16,
    "conv of 24": 5 * 5 * 3 * 64 + 64,
    "conv of 48": 5 * 5 * 64 * 64 + 64,
}
FEATURES_12 = CONV["conv of 12"] + 4 * 4 * 16 * 16 + 16
FEATURES_24 = FEATURES_12 + CONV["conv of 24"] + 10 * 10 * 64 * 128 + 128
PARAMETERS = {
    "net12": FEATURES_12 + 16 * 2 + 2,
    "net24": FEATURES_24 + (128 + 16) * 2 + 2,
    "net48": FEATURES_24
    + CONV["conv of 24"]
    + CONV["conv of 48"]
    + (9 * 9 * 64 * 256 + 256)
    + (256 + 128 + 16) * 2
    + 2,
}


def shapes(name, side=None):
    """The shapes of a network's parameters, and of what it gives for three pictures."""
    side = side or cascade_cnn.INPUT_SIZE[name]
    network, pixels = cascade_cnn.NETWORKS[name](), jnp.zeros((3, side, side, 3))
    variables = jax.eval_shape(network.init, jax.random.key(0), pixels)
    return variables["params"], jax.eval_shape(network.apply, variables, pixels).shape


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_as_many_as_by_hand(name):
    params, shape = shapes(name)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == PARAMETERS[name]
    assert f"{name[3:]}-net {PARAMETERS[name]:,}" in cascade_cnn.__doc__.replace("\n", " ")
    assert shape == ((3, 1, 1, 2) if name == "net12" else (3, 2))


@pytest.mark.parametrize(("side", "cells"), [(12, 1), (13, 2), (14, 2), (15, 3), (100, 45)])
def test_the_12_net_has_a_window_for_every_second_pixel(side, cells):
    assert shapes("net12", side)[1] == (3, cells, cells, 2)


def dense(x, layer):
    return x @ layer["kernel"].reshape(-1, layer["kernel"].shape[-1]) + layer["bias"]


def net12_in_numpy(params, window):
    """A window [12, 12, 3] as the layers say, in loops."""
    layer = params["features"]["conv1"]
    near = np.lib.stride_tricks.sliding_window_view(window, (3, 3), axis=(0, 1))
    conv = np.einsum("rcikl,klio->rco", near, layer["kernel"]) + layer["bias"]
    conv = np.maximum(conv, 0)
    corners = range(0, 8, 2)
    pooled = np.array([[conv[r : r + 3, c : c + 3].max((0, 1)) for c in corners] for r in corners])
    hidden = np.maximum(dense(pooled.ravel(), params["features"]["dense2"]), 0)
    return dense(hidden, params["prob"])


def test_the_12_net_gives_a_window_of_a_picture_what_it_gives_it_alone():
    network, rng = cascade_cnn.Net12(), np.random.default_rng(0)
    picture = rng.normal(0, 1, (1, 23, 18, 3)).astype(np.float32)
    params = jax.tree.map(np.asarray, network.init(jax.random.key(0), picture)["params"])
    found = network.apply({"params": params}, picture)[0]
    assert found.shape == (7, 4, 2)
    for row, column in ((0, 0), (2, 3), (5, 1)):
        window = picture[0, 2 * row : 2 * row + 12, 2 * column : 2 * column + 12]
        alone = network.apply({"params": params}, window[None])[0, 0, 0]
        np.testing.assert_allclose(found[row, column], alone, atol=1e-5)
        np.testing.assert_allclose(alone, net12_in_numpy(params, window), atol=1e-4)


def test_responses_are_normalised_over_five_channels():
    x = np.random.default_rng(0).normal(0, 60, (2, 3, 8)).astype(np.float32)
    expected = np.empty_like(x)
    for channel in range(8):
        near = x[..., max(0, channel - 2) : channel + 3]
        scale = 1 + 1e-4 / 5 * (near**2).sum(-1)
        expected[..., channel] = x[..., channel] / scale**0.75
    np.testing.assert_allclose(cascade_cnn.normalize_response(x), expected, rtol=1e-4)


def test_pictures_are_halved_by_means():
    x = np.arange(2 * 4 * 6 * 3, dtype=np.float32).reshape(2, 4, 6, 3)
    halved = cascade_cnn.halve(x)
    assert halved.shape == (2, 2, 3, 3)
    np.testing.assert_allclose(halved[1, 0, 2], x[1, 0:2, 4:6].mean((0, 1)))


def test_what_is_joined_reaches_the_last_layer():
    """The 24-net's own branch is silenced; what is left is a 12-net on the halved window."""
    network, rng = cascade_cnn.Net24(), np.random.default_rng(1)
    window = rng.normal(0, 1, (2, 24, 24, 3)).astype(np.float32)
    params = jax.tree.map(np.array, network.init(jax.random.key(1), window)["params"])
    params["features"]["dense2"]["kernel"][:] = 0
    alone = {
        "features": params["features"]["net12"],
        "prob": {"kernel": params["prob"]["kernel"][128:], "bias": params["prob"]["bias"]},
    }
    small = np.asarray(cascade_cnn.halve(window))
    expected = [net12_in_numpy(alone, one) for one in small]
    np.testing.assert_allclose(network.apply({"params": params}, window), expected, atol=1e-4)
