"""The settings of a network's training, and the optimiser that they ask for."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mtcnn_jax.training import step as training
from mtcnn_jax.training.recipe import Recipe, learning_rate, optimizer

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("stage", "qnet", "stage is 'qnet'; accepted are pnet, rnet, onet"),
        ("optimizer", "lion", "accepted are muon, adamw, sgd"),
        ("box_loss", "l3", "box_loss is 'l3'; accepted are l2, l1, smooth_l1, wing"),
        ("landmark_loss", "", "accepted are l2, l1, smooth_l1, wing"),
        ("compute_dtype", "float16", "accepted are float32, bfloat16"),
        ("steps", 0, "steps is 0; accepted is 1 or more"),
        ("learning_rate", 0.0, "accepted is a number above 0"),
        ("learning_rate", NAN, "accepted is a number above 0"),
        ("learning_rate", INF, "accepted is a number above 0"),
        ("warmup_steps", -1, "accepted is 0 or more and less than steps, 500"),
        ("warmup_steps", 500, "accepted is 0 or more and less than steps, 500"),
        ("weight_decay", -1e-4, "accepted is a number of 0 or more"),
        ("clip_norm", NAN, "accepted is a number of 0 or more"),
        ("ohem_ratio", 0.0, "accepted is above 0, at most 1"),
        ("ohem_ratio", 1.1, "accepted is above 0, at most 1"),
        ("landmark_weight", -0.5, "accepted is 0 or more"),
        ("landmark_weight", INF, "accepted is 0 or more"),
        ("dropout", 1.0, "accepted is 0 or more, below 1"),
        ("ema_decay", 1.0, "accepted is 0 or more, below 1"),
        ("ema_decay", NAN, "accepted is 0 or more, below 1"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_accepted(name, value, match):
    with pytest.raises(ValueError, match=f"^{name} is .*{match}|^{match}"):
        Recipe(**{"stage": "onet", "steps": 500, name: value})


def test_pnet_has_no_dropout():
    with pytest.raises(ValueError, match=r"dropout is 0.1; accepted for pnet is 0"):
        Recipe("pnet", 1000, dropout=0.1)


def test_the_papers_recipe_is_the_default():
    recipe = Recipe("onet", 1000)
    assert (recipe.box_loss, recipe.landmark_loss, recipe.ohem_ratio) == ("l2", "l2", 0.7)
    assert (recipe.dropout, recipe.ema_decay) == (0, 0)
    assert Recipe("pnet", 1000).has_auxiliary
    assert not Recipe("onet", 1000).has_auxiliary
    assert not Recipe("rnet", 1000, auxiliary_landmarks=False).has_auxiliary


def test_training_offers_the_recipe_too():
    assert training.Recipe is Recipe


def test_the_learning_rate_rises_and_falls():
    schedule = learning_rate(Recipe("pnet", 100, learning_rate=0.4, warmup_steps=20))
    # A quarter, half and all of the way down the cosine lie at 40, 60 and 100.
    expected = {0: 0, 5: 0.1, 20: 0.4, 40: 0.2 * (1 + np.sqrt(0.5)), 60: 0.2, 100: 0}
    for step, rate in expected.items():
        assert float(schedule(step)) == pytest.approx(rate, abs=1e-6)


PARAMS = {
    "pnet": {
        "conv1": {"kernel": jnp.array([2.0, -1.0]), "bias": jnp.array([3.0])},
        "prelu1": {"alpha": jnp.array([0.5])},
    }
}
GRADIENTS = {
    "pnet": {
        "conv1": {"kernel": jnp.array([3.0, 0.0]), "bias": jnp.array([0.0])},
        "prelu1": {"alpha": jnp.array([-4.0])},
    }
}


def after(recipe, count):
    """The parameters after some steps with the same gradients."""
    optimiser, params = optimizer(recipe), PARAMS
    state = optimiser.init(params)
    for _ in range(count):
        changes, state = optimiser.update(GRADIENTS, state, params)
        params = optax.apply_updates(params, changes)
    return params["pnet"]


def test_sgd_by_hand():
    """Momentum 0.9, a gradient of norm 5 clipped to 1, decay on the kernel alone."""
    recipe = Recipe("pnet", 10**6, learning_rate=0.1, warmup_steps=0, optimizer="sgd")
    one, two = after(recipe, 1), after(recipe, 2)
    kernel, velocity = np.array([2.0, -1.0]), np.zeros(2)
    for found in (one, two):
        velocity = 0.9 * velocity + np.array([0.6, 0]) + 1e-4 * kernel
        kernel = kernel - 0.1 * velocity
        np.testing.assert_allclose(found["conv1"]["kernel"], kernel, rtol=1e-5)
    assert one["conv1"]["bias"] == 3
    assert one["prelu1"]["alpha"] == pytest.approx(0.5 + 0.1 * 0.8)
    assert two["prelu1"]["alpha"] == pytest.approx(0.5 + 0.1 * 0.8 * 2.9)


def test_adamw_by_hand():
    """Its first step is of the rate's length, whatever the gradient; decay comes on top."""
    recipe = Recipe(
        "pnet", 10**6, learning_rate=0.1, warmup_steps=0, optimizer="adamw", weight_decay=0.02
    )
    found = after(recipe, 1)
    expected = np.array([2 - 0.1 - 0.1 * 0.02 * 2, -1 + 0.1 * 0.02 * 1])
    np.testing.assert_allclose(found["conv1"]["kernel"], expected, rtol=1e-5)
    assert found["conv1"]["bias"] == 3
    assert found["prelu1"]["alpha"] == pytest.approx(0.6, rel=1e-5)


def test_muon_makes_the_updates_of_hidden_kernels_orthogonal():
    """Beside NumPy's singular vectors: they stay, and all singular values become about alike."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 4, 8))
    params = {"onet": {"conv1": {"kernel": kernel, "bias": np.ones(8)}}}
    params["onet"]["prob"] = {"kernel": np.ones((8, 2)), "bias": np.ones(2)}
    gradients = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), params)
    recipe = Recipe(
        "onet",
        10**6,
        learning_rate=0.01,
        warmup_steps=0,
        optimizer="muon",
        weight_decay=0.02,
    )
    params, gradients = jax.tree.map(jnp.float32, (params, gradients))
    optimiser = optimizer(recipe)
    changes, _ = optimiser.update(gradients, optimiser.init(params), params)
    change = np.reshape(changes["onet"]["conv1"]["kernel"] + 0.01 * 0.02 * kernel, (36, 8))
    left, _, right = np.linalg.svd(np.reshape(gradients["onet"]["conv1"]["kernel"], (36, 8)))
    turned = left.T @ change @ right.T / (-0.01 * 0.2 * np.sqrt(36))
    np.testing.assert_allclose(turned * (1 - np.eye(36, 8)), 0, atol=1e-3)
    # What the five Newton-Schulz steps give is not 1, but between these.
    assert (np.diag(turned) > 0.65).all()
    assert (np.diag(turned) < 1.25).all()
    for layer, name in (("conv1", "bias"), ("prob", "kernel"), ("prob", "bias")):
        # Adam's first step with Nesterov's look ahead.
        expected = -0.01 * (1 + 0.9 * 0.1 / (1 - 0.9**2)) * np.sign(gradients["onet"][layer][name])
        np.testing.assert_allclose(changes["onet"][layer][name], expected, rtol=1e-3)


def test_clipping_can_be_off():
    recipe = Recipe(
        "pnet",
        10**6,
        learning_rate=0.1,
        warmup_steps=0,
        optimizer="sgd",
        clip_norm=0.0,
        weight_decay=0.0,
    )
    np.testing.assert_allclose(after(recipe, 1)["conv1"]["kernel"], [2 - 0.3, -1], rtol=1e-6)
