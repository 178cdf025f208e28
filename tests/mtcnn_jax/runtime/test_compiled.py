"""What the compiler is told: options that it knows, and the same faces with them as without."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.runtime import compiled


@pytest.fixture(autouse=True)
def fresh():
    """Each test asks anew, and leaves no answer behind."""
    compiled.compiler_options.cache_clear()
    yield
    compiled.compiler_options.cache_clear()


def test_the_options_are_for_the_cpu_alone(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert mj.compiler_options() == {}


def test_an_option_that_the_compiler_does_not_know_is_left_out(monkeypatch):
    monkeypatch.setattr(compiled, "_CPU_OPTIONS", {"xla_cpu_no_such_option": "1"})
    with pytest.raises(jax.errors.JaxRuntimeError, match="xla_cpu_no_such_option"):
        jax.jit(jnp.sin, compiler_options=compiled._CPU_OPTIONS)(1.0)
    assert mj.compiler_options() == {}


def test_convolutions_are_not_given_to_the_library_of_one_thread():
    def convolve(x, kernel):
        numbers = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=numbers)

    x, kernel = jnp.ones((8, 23, 23, 32)), jnp.ones((3, 3, 32, 64))
    assert mj.compiler_options()
    told = jax.jit(convolve, compiler_options=mj.compiler_options())
    assert "ynn" not in told.lower(x, kernel).compile().as_text()
    np.testing.assert_allclose(told(x, kernel), jax.jit(convolve)(x, kernel), rtol=1e-5)
