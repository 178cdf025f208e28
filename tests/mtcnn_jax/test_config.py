"""Settings may be numbers of Python's, NumPy's or JAX's; booleans are none."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.detect import checked

KINDS = [np.int64, np.int32, np.uint8, np.array, jnp.asarray]
FLOATS = [np.float32, np.float64, np.float16, jnp.float32, jnp.bfloat16, jnp.asarray, np.array]


@pytest.mark.parametrize("kind", KINDS)
def test_whole_numbers_of_any_kind(kind):
    found = mj.DetectConfig(
        min_face_size=kind(40),
        retries=kind(1),
        capacities=(kind(64), 16, kind(8)),
        chunks=[kind(4), kind(2)],
    )
    wanted = mj.DetectConfig(min_face_size=40, retries=1, capacities=(64, 16, 8), chunks=(4, 2))
    assert found == wanted and hash(found) == hash(wanted) and repr(found) == repr(wanted)
    assert checked(found, kind(3)) == 3 and type(checked(found, kind(3))) is int


@pytest.mark.parametrize("kind", FLOATS)
def test_floats_of_any_kind(kind):
    halves = [kind(0.5)] * 3
    found = mj.DetectConfig(
        min_face_size=kind(20.5),
        thresholds=halves,
        scale_factor=kind(0.75),
        nms_thresholds=(0.5, *halves),
        voting=kind(0.5),
        size_prior=kind(0.5),
    )
    wanted = mj.DetectConfig(20.5, (0.5,) * 3, 0.75, (0.5,) * 4, 0.5, size_prior=0.5)
    assert found == wanted and repr(found) == repr(wanted)
    assert all(type(leaf) is float for leaf in jax.tree.leaves(found))


def test_an_array_of_thresholds():
    for asarray in (np.array, jnp.array):
        assert mj.DetectConfig(thresholds=asarray([0.5, 0.25, 0.0])).thresholds == (0.5, 0.25, 0)


@pytest.mark.parametrize("true", [True, np.True_, np.array(True), jnp.asarray(True)])
@pytest.mark.parametrize(
    "name", ["min_face_size", "scale_factor", "voting", "size_prior", "retries"]
)
def test_booleans_are_refused(name, true):
    with pytest.raises(ValueError, match=f"{name} is True; accepted"):
        mj.DetectConfig(**{name: true})
    with pytest.raises(ValueError, match="batch_size is"):
        checked(mj.DetectConfig(), true)
    with pytest.raises(ValueError, match="capacities is"):
        mj.DetectConfig(capacities=(true, 1, 1))
    with pytest.raises(ValueError, match="size .* accepted are two whole numbers"):
        mj.warmup(None, [(true, true)])


def test_a_value_that_is_traced_is_refused():
    def look(size):
        return mj.DetectConfig(min_face_size=size).min_face_size

    with pytest.raises(ValueError, match="min_face_size is .*accepted are pixels"):
        jax.jit(look)(20)


def test_sizes_and_limits_of_any_kind(monkeypatch):
    seen = []
    module = sys.modules["mtcnn_jax.warmup"]  # Hidden behind the function.
    monkeypatch.setattr(module, "detect", lambda *arguments: seen.append(arguments))
    sizes = [(np.int64(9), jnp.asarray(9)), np.array([200, 300])]
    assert mj.warmup({}, sizes, batch_size=np.int64(1)) == [(160, 160), (320, 320)]
    assert len(seen) == 2
    with pytest.raises(ValueError, match="limit is 5.0; accepted are 0 to 2147483647 bytes"):
        mj.runtime.keep_memory(5.0)
    with pytest.raises(ValueError, match="limit is -1"):
        mj.runtime.keep_memory(np.int64(-1))
