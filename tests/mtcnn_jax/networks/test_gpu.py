"""The networks arranged for a GPU against the reference."""

import functools

import jax
import numpy as np
import pytest

from mtcnn_jax.networks.forward import forward
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.networks.reference import NETWORKS
from tests.mtcnn_jax.networks.test_cpu import normal, random_params


@pytest.mark.parametrize("name", NETWORKS)
def test_the_outputs_are_those_of_the_reference(name):
    params, size = random_params(name), INPUT_SIZE[name]
    for shape in [(37, 52), (38, 41)] if name == "pnet" else [(size, size)]:
        x = normal(3, *shape, 3)
        plain, found, straight = (
            jax.jit(functools.partial(forward, name, backend=backend))(params, x)
            for backend in ("reference", "gpu", "gpu_unrolled")
        )
        assert len(plain) == len(found) == len(straight)
        for one, other, third in zip(plain, found, straight, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(one).max())
            np.testing.assert_array_equal(other, third)
