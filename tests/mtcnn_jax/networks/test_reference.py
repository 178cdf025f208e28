"""The networks against the paper's sizes, a public port's outputs and a NumPy convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mtcnn_jax import load_params
from mtcnn_jax.networks.layers import INPUT_SIZE, normalize
from mtcnn_jax.networks.reference import NETWORKS, PReLU

PARAMETERS = {"pnet": 6_632, "rnet": 100_178, "onet": 389_040}


def initial(name):
    size = INPUT_SIZE[name]
    return NETWORKS[name]().init(jax.random.key(0), jnp.zeros((1, size, size, 3)))["params"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_count_is_the_papers(name):
    assert sum(leaf.size for leaf in jax.tree.leaves(initial(name))) == PARAMETERS[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_outputs_equal_a_public_ports(name, shared):
    known = np.load(shared / "reference/cascade/nets.npz")
    params = load_params(shared / "reference/cascade/weights.npz")[name]
    outputs = NETWORKS[name]().apply({"params": params}, known[f"{name}/input_nhwc"])
    suffix = "_nhwc" if name == "pnet" else ""
    wanted = [known[f"{name}/prob{suffix}"], known[f"{name}/reg{suffix}"]]
    if name == "onet":
        wanted.append(known["onet/landmarks"])
    outputs = [jax.nn.softmax(outputs[0]), *outputs[1:]]
    assert len(outputs) == len(wanted)
    for found, known_output in zip(outputs, wanted, strict=True):
        np.testing.assert_allclose(found, known_output, atol=1e-5)


def test_prelu_has_one_slope_for_each_channel():
    x = np.array([[-2.0, -2.0, 3.0], [1.0, -4.0, -1.0]], np.float32)
    params = {"alpha": np.array([0.5, 0.0, 2.0], np.float32)}
    found = PReLU().apply({"params": params}, x)
    np.testing.assert_allclose(found, [[-1, 0, 3], [1, 0, -2]])


@pytest.mark.parametrize(("height", "width"), [(12, 12), (13, 12), (14, 17), (25, 40)])
def test_pnet_cells_equal_separate_windows(height, width):
    """Where a cell's window lies within the picture, it is scored as if it stood alone."""
    params = {"params": initial("pnet")}
    pixels = np.random.default_rng(0).normal(size=(height, width, 3)).astype(np.float32)
    logits, offsets = NETWORKS["pnet"]().apply(params, pixels[None])
    assert logits.shape[1:3] == (-(-(height - 2) // 2) - 4, -(-(width - 2) // 2) - 4)
    for row in range((height - 12) // 2 + 1):
        for column in range((width - 12) // 2 + 1):
            window = pixels[2 * row : 2 * row + 12, 2 * column : 2 * column + 12]
            alone = NETWORKS["pnet"]().apply(params, window[None])
            np.testing.assert_allclose(logits[0, row, column], alone[0][0, 0, 0], atol=1e-5)
            np.testing.assert_allclose(offsets[0, row, column], alone[1][0, 0, 0], atol=1e-5)


def test_normalize_by_hand():
    np.testing.assert_allclose(
        normalize(jnp.array([0, 127, 255], jnp.uint8)), [-127.5 / 128, -0.5 / 128, 127.5 / 128]
    )
