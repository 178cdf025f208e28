"""Under `jax_enable_x64` everything stays in float32: the same faces and the same training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mtcnn_jax as mj
from data.batches import gather
from mtcnn_jax.training import step as training
from mtcnn_jax.training.recipe import Recipe
from tests.drawn import draw_samples

CONFIG = mj.DetectConfig(min_face_size=40)


def same_kinds(tree, other):
    """Whether the leaves have the same dtypes."""
    return [leaf.dtype for leaf in jax.tree.leaves(tree)] == [
        leaf.dtype for leaf in jax.tree.leaves(other)
    ]


def test_the_faces_are_the_same(params, street):
    image = street[160:420, 320:]
    wanted = mj.detect(params, image, CONFIG)
    with jax.enable_x64(True):
        found = mj.detect(params, image, CONFIG)
    assert len(found) > 0 and same_kinds(found, wanted)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("backend", ["reference", "gpu", "gpu_unrolled"])
@pytest.mark.parametrize("side", [9, 160])
def test_every_backend_gives_single_precision(backend, side, params):
    canvas, size = np.zeros((side, side, 3), np.uint8), np.array([side, side])
    with jax.enable_x64(True):
        config = mj.DetectConfig(backend=backend)
        found = jax.eval_shape(mj.detect_padded, params, canvas, size, config)
    kinds = [field.dtype for field in found]
    assert kinds == [jnp.float32, jnp.float32, jnp.float32, bool, jnp.int32]


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16, np.float64])
@pytest.mark.parametrize("backend", ["reference", "cpu", "gpu"])
def test_parameters_of_any_precision_are_computed_with(backend, dtype, params):
    others = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), params)
    canvas, size = np.zeros((64, 64, 3), np.uint8), np.array([64, 64])
    for doubled in (False, True):
        with jax.enable_x64(doubled):
            config = mj.DetectConfig(backend=backend)
            found = jax.eval_shape(mj.detect_padded, others, canvas, size, config)
        assert found.boxes.dtype == jnp.float32


def trained(stage):
    samples = draw_samples(stage, each=2, seed=0)
    batch = gather(samples, np.arange(len(samples.kinds)))
    state = training.create_state(Recipe(stage, 1000, warmup_steps=0), seed=0)
    return state, *training.train_step(jax.tree.map(jnp.copy, state), batch)


def test_a_step_of_training_is_the_same():
    wanted = trained("pnet")
    with jax.enable_x64(True):
        found = trained("pnet")
    assert same_kinds(found, wanted)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd"])
@pytest.mark.parametrize("stage", ["rnet", "onet"])
def test_every_state_keeps_its_precision(stage, optimizer):
    samples = draw_samples(stage, each=1, seed=0)
    batch = gather(samples, np.arange(len(samples.kinds)))
    with jax.enable_x64(True):
        recipe = Recipe(stage, 1000, optimizer=optimizer)
        state = jax.eval_shape(lambda: training.create_state(recipe, seed=0))
        after, metrics = jax.eval_shape(training.update, state, batch)
        heads = jax.eval_shape(
            lambda params: training.eval_step(recipe, params, batch.patches), state.params
        )
    assert jax.tree.leaves(state) and same_kinds(after, state)
    assert {leaf.dtype for leaf in jax.tree.leaves((metrics, heads))} == {np.dtype(np.float32)}
