"""The networks arranged for a CPU against the reference: each layer, each network, the cascade."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mtcnn_jax.networks import cpu
from mtcnn_jax.networks.cpu import convolve, first_layers
from mtcnn_jax.networks.forward import forward
from mtcnn_jax.networks.layers import INPUT_SIZE, pool
from mtcnn_jax.networks.reference import NETWORKS, Conv, PReLU


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def random_params(name):
    """Of the network, with biases and slopes of both signs."""
    size = INPUT_SIZE[name]
    params = NETWORKS[name]().init(jax.random.key(1), jnp.zeros((1, size, size, 3)))["params"]
    return jax.tree.map(lambda leaf: leaf + 0.1 * normal(*leaf.shape, seed=leaf.size), params)


@pytest.mark.parametrize(
    ("shape", "window"),
    [((12, 12), 2), ((13, 12), 2), ((12, 15), 2), ((31, 27), 2), ((24, 24), 3), ((48, 48), 3)],
)
def test_the_first_layers_are_convolution_prelu_and_pooling(shape, window):
    x = normal(2, *shape, 3)
    conv = {"kernel": normal(3, 3, 3, 7, seed=1), "bias": normal(7, seed=2)}
    prelu = {"alpha": normal(7, seed=3)}
    plain = PReLU().apply({"params": prelu}, Conv(7, 3).apply({"params": conv}, x))
    found = first_layers(x, conv, prelu, window=window)
    np.testing.assert_allclose(found, pool(plain, window), atol=1e-5)


@pytest.mark.parametrize("abreast", [1, 2, 3])
@pytest.mark.parametrize(("size", "shape"), [(3, (9, 12)), (2, (4, 4)), (1, (3, 5))])
def test_columns_abreast_are_those_of_one_at_a_time(size, shape, abreast):
    layer = {"kernel": normal(size, size, 5, 6, seed=1), "bias": normal(6, seed=2)}
    x = normal(2, *shape, 5)
    plain = Conv(6, size).apply({"params": layer}, x)
    np.testing.assert_allclose(convolve(x, layer, columns=abreast), plain, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_outputs_are_those_of_the_reference(name):
    params, size = random_params(name), INPUT_SIZE[name]
    for shape in [(37, 52), (38, 41)] if name == "pnet" else [(size, size)]:
        x = normal(3, *shape, 3)
        plain, found = (
            jax.jit(functools.partial(forward, name, backend=backend))(params, x)
            for backend in ("reference", "cpu")
        )
        assert len(plain) == len(found)
        for one, other in zip(plain, found, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(one).max())


@pytest.mark.parametrize(("shape", "rows"), [((70, 41), 14), ((71, 40), 2), ((71, 40), 5)])
def test_pnet_in_strips_is_pnet_at_once(shape, rows, monkeypatch):
    params, x = random_params("pnet"), normal(2, *shape, 3)
    monkeypatch.setattr(cpu, "STRIP", 2 * shape[1] * rows)
    found = jax.jit(cpu.pnet)(params, x)
    assert "scan" in str(jax.make_jaxpr(cpu.pnet)(params, x))
    for one, plain in zip(found, forward("pnet", params, x, backend="reference"), strict=True):
        assert one.shape == plain.shape
        np.testing.assert_allclose(one, plain, atol=1e-5 * np.abs(plain).max())


def test_auto_follows_the_backend(monkeypatch):
    params, x = random_params("rnet"), normal(1, 24, 24, 3)

    def traced(backend):
        return str(jax.make_jaxpr(lambda x: forward("rnet", params, x, backend=backend))(x))

    known = {backend: traced(backend) for backend in ("reference", "cpu", "gpu")}
    assert len(set(known.values())) == 3
    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        assert traced("auto") == known[backend]
