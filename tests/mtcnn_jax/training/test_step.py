"""Training steps: losses put together by hand in NumPy, and what a step does to a state."""

import dataclasses
import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data.batches import draw, gather, pools, shares
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.networks.reference import NETWORKS
from mtcnn_jax.training import step as training
from mtcnn_jax.training.recipe import Recipe
from mtcnn_jax.training.samples import DROPPED, LANDMARK, NEGATIVE, PART, POSITIVE
from mtcnn_jax.training.step import create_state, network_params, train_step
from tests.drawn import draw_samples, fill_state

PLAIN = Recipe("pnet", 200, learning_rate=5e-3, warmup_steps=20, augment=None)

shared_state = functools.cache(create_state)
# One operation at a time, each of them is compiled by itself.
outputs = jax.jit(training.outputs, static_argnums=0)


def start(recipe, seed=0):
    """A fresh copy, since a step uses its state up."""
    return jax.tree.map(jnp.copy, shared_state(recipe, seed=seed))


def batch_of(stage, count=28, seed=0):
    samples = draw_samples(stage, each=count // 7, seed=seed)
    return gather(samples, np.arange(len(samples.kinds)))


def heads_and_targets(count=12):
    rng = np.random.default_rng(2)
    kinds = np.array([NEGATIVE, POSITIVE, PART, LANDMARK, DROPPED, NEGATIVE] * (count // 6))
    heads = [rng.normal(size=(count, width)).astype(np.float32) for width in (2, 4, 10)]
    boxes = rng.uniform(-0.2, 1.2, (count, 4)).astype(np.float32)
    landmarks = rng.uniform(0, 1, (count, 5, 2)).astype(np.float32)
    boxes[(kinds == NEGATIVE) | (kinds == DROPPED)] = np.nan
    landmarks[kinds != LANDMARK] = np.nan
    return heads, kinds.astype(np.int8), boxes, landmarks


class TestObjective:
    @pytest.mark.parametrize(
        ("stage", "weights"),
        [("pnet", (1, 0.5, 0.5)), ("rnet", (1, 0.5, 0.5)), ("onet", (1, 0.5, 1))],
    )
    @pytest.mark.parametrize("ratio", [0.7, 1.0])
    def test_equals_numpy(self, stage, weights, ratio):
        heads, kinds, boxes, landmarks = heads_and_targets()
        recipe = Recipe(stage, 1000, ohem_ratio=ratio)
        total, metrics = training.objective(recipe, heads, kinds, boxes, landmarks)
        logits, offsets, points = (head.astype(np.float64) for head in heads)
        chosen = np.flatnonzero(np.isin(kinds, [NEGATIVE, POSITIVE]))
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        each = [-log_p[row, int(kinds[row] == POSITIVE)] for row in chosen]
        hard = sorted(each, reverse=True)[: int(np.ceil(ratio * len(each) - 1e-9))]
        box = [
            ((offsets[row] - (boxes[row] - [0, 0, 1, 1])) ** 2).sum()
            for row in np.flatnonzero(np.isin(kinds, [POSITIVE, PART]))
        ]
        point = [
            ((points[row, :5] - landmarks[row, :, 0]) ** 2).sum()
            + ((points[row, 5:] - landmarks[row, :, 1]) ** 2).sum()
            for row in np.flatnonzero(kinds == LANDMARK)
        ]
        expected = np.dot(weights, [np.mean(hard), np.mean(box), np.mean(point)])
        assert float(total) == pytest.approx(expected, rel=1e-5)
        assert float(metrics["classification"]) == pytest.approx(np.mean(each), rel=1e-5)
        assert float(metrics["box"]) == pytest.approx(np.mean(box), rel=1e-5)
        assert float(metrics["landmarks"]) == pytest.approx(np.mean(point), rel=1e-5)
        said = (logits[:, 1] > logits[:, 0])[chosen]
        assert float(metrics["accuracy"]) == pytest.approx(np.mean(said == (kinds[chosen] == 1)))
        assert float(metrics["recall"]) == pytest.approx(np.mean(said[kinds[chosen] == 1]))

    def test_landmarks_count_as_much_as_the_recipe_says(self):
        arguments = heads_and_targets()
        (none, metrics), (half, _), (all_of_it, _) = (
            training.objective(Recipe("onet", 1000, landmark_weight=weight), *arguments)
            for weight in (0.0, 0.5, 1.0)
        )
        assert float(all_of_it - none) == pytest.approx(float(metrics["landmarks"]), rel=1e-5)
        assert float(half - none) == pytest.approx(float(metrics["landmarks"]) / 2, rel=1e-5)

    def test_a_task_sends_gradient_to_its_kinds_only(self):
        heads, kinds, boxes, landmarks = heads_and_targets()
        recipe = Recipe("onet", 1000, ohem_ratio=1.0)
        gradients = jax.grad(
            lambda heads: training.objective(recipe, heads, kinds, boxes, landmarks)[0]
        )([jnp.array(head) for head in heads])
        counted = ([NEGATIVE, POSITIVE], [POSITIVE, PART], [LANDMARK])
        for gradient, of in zip(gradients, counted, strict=True):
            assert np.isfinite(gradient).all()
            np.testing.assert_array_equal(np.any(gradient != 0, axis=1), np.isin(kinds, of))

    def test_without_any_sample_that_counts_it_is_zero(self):
        heads, kinds, boxes, landmarks = heads_and_targets()
        kinds = np.full_like(kinds, DROPPED)
        total, _ = training.objective(Recipe("onet", 1000), heads, kinds, boxes, landmarks)
        assert total == 0

    def test_parts_that_hold_enough_of_the_face_count_as_faces_where_told(self):
        kinds = np.array([NEGATIVE, PART, PART, LANDMARK], np.int8)
        # IoU with the window (0, 0, 1, 1): 0.6 and 0.45.
        boxes = np.array([[np.nan] * 4, [0, 0, 0.6, 1], [0.55, 0, 1, 1], [0, 0, 1, 1]], np.float32)
        logits = np.array([[1, 0], [0, 2], [3, 0], [0, 1]], np.float32)
        heads = (logits, np.zeros((4, 4), np.float32), None)
        landmarks = np.zeros((4, 5, 2), np.float32)
        each = np.log1p(np.exp([-1, -2]))
        for least, wanted in ((0.65, each[:1]), (0.5, each)):
            recipe = Recipe("onet", 1000, face_iou=least)
            _, metrics = training.objective(recipe, heads, kinds, boxes, landmarks)
            assert float(metrics["classification"]) == pytest.approx(wanted.mean(), rel=1e-5)
            assert float(metrics["recall"]) == len(wanted) - 1

    def test_parts_that_fit_a_narrow_face_count_as_faces_where_told(self):
        kinds = np.array([NEGATIVE, PART, PART, PART], np.int8)
        # IoU with the window 0.5, 0.5, 0.4; of the best square 0.547, 1, 0.463.
        boxes = [[np.nan] * 4, [0, 0, 0.5, 1], [0, 0, 0.5**0.5, 0.5**0.5], [0.6, 0, 1, 1]]
        logits = np.array([[1, 0], [0, 1], [0, 2], [0, 3]], np.float32)
        heads = (logits, np.zeros((4, 4), np.float32), None)
        each = np.log1p(np.exp([-1.0, -1, -2, -3]))
        for share, wanted in ((1, [0]), (0.9, [0, 1]), (0.85, [0, 1, 3])):
            recipe = Recipe("rnet", 1000, square_share=share)
            _, metrics = training.objective(
                recipe, heads, kinds, np.array(boxes, np.float32), np.zeros((4, 5, 2), np.float32)
            )
            mean = each[wanted].mean()
            assert float(metrics["classification"]) == pytest.approx(mean, rel=1e-5)

    def test_parts_count_as_faces_by_their_overlap_where_told(self):
        kinds = np.array([NEGATIVE, PART, PART, PART, PART], np.int8)
        # Squares of an IoU of 0.7, 0.6 and 0.45, and a box twice as high as wide, of 0.4 / 1.1.
        squares = [[0, 0, share**0.5, share**0.5] for share in (0.7, 0.6, 0.45)]
        boxes = np.array([[np.nan] * 4, *squares, [-0.1, 0, 0.4, 1]], np.float32)
        logits = np.array([[1, 0], [0, 1], [0, 2], [3, 0], [0, 2]], np.float32)
        heads = (logits, np.zeros((5, 4), np.float32), None)
        arguments = (heads, kinds, boxes, np.zeros((5, 5, 2), np.float32))
        as_face, as_none = (
            np.log1p(np.exp([1.0, -1, -2, 3, -2])),
            np.log1p(np.exp([-1.0, 1, 2, -3, 2])),
        )
        whole = 0.85 / (2 * 2**0.5 - 1)
        lowest = whole * 0.4 / 0.65
        last = (0.4 / 1.1 - lowest) / (whole - lowest)
        for square_share, narrow in ((1, 0), (0.85, last)):
            recipe = Recipe(
                "rnet", 1000, graded_from=0.4, square_share=square_share, ohem_ratio=1.0
            )
            shares = np.array([0, 1, 0.8, 0.2, narrow])
            wanted = shares * as_face + (1 - shares) * as_none
            _, metrics = training.objective(recipe, *arguments)
            assert float(metrics["classification"]) == pytest.approx(wanted.mean(), rel=1e-5)
            assert float(metrics["accuracy"]) == float(metrics["recall"]) == 1
        gradient = jax.grad(
            lambda logits: training.objective(recipe, (logits, *heads[1:]), *arguments[1:])[0]
        )(jnp.array(logits))
        scores = 1 / (1 + np.exp(-np.diff(logits)[:, 0]))
        np.testing.assert_allclose(gradient[:, 1], (scores - shares) / 5, rtol=1e-4)

    @pytest.mark.parametrize(("of_part", "hard"), [(0.0, 0), (1.0, 0), (-4.0, 1)])
    def test_a_graded_part_is_hard_by_what_its_loss_is_above_the_least(self, of_part, hard):
        kinds = np.array([NEGATIVE, PART], np.int8)
        # An IoU of 0.525 is a share of 0.5: a loss of log 2 = 0.69 at best, over the negative's
        # 0.31. It is 0.12 above that at a logit of 1, and 1.33 at -4.
        boxes = np.array([[np.nan] * 4, [0, 0, 0.525**0.5, 0.525**0.5]], np.float32)
        recipe = Recipe("rnet", 1000, graded_from=0.4, ohem_ratio=0.5)
        rest = (np.zeros((2, 4), np.float32), None)
        targets = (kinds, boxes, np.zeros((2, 5, 2), np.float32))
        gradient = jax.grad(
            lambda logits: training.objective(recipe, (logits, *rest), *targets)[0]
        )(jnp.array([[1.0, 0.0], [0.0, of_part]]))
        assert gradient[hard].any() and not gradient[1 - hard].any()

    def test_the_distances_are_those_of_the_recipe(self):
        heads, kinds, boxes, landmarks = heads_and_targets()
        recipe = Recipe("onet", 1000, box_loss="l1", landmark_loss="l1")
        _, metrics = training.objective(recipe, heads, kinds, boxes, landmarks)
        counts = np.isin(kinds, [POSITIVE, PART])
        box = np.abs(heads[1] - (boxes - [0, 0, 1, 1]))[counts].sum(axis=1).mean()
        target = np.concatenate([landmarks[..., 0], landmarks[..., 1]], axis=1)
        point = np.abs(heads[2] - target)[kinds == LANDMARK].sum(axis=1).mean()
        assert float(metrics["box"]) == pytest.approx(box, rel=1e-5)
        assert float(metrics["landmarks"]) == pytest.approx(point, rel=1e-5)


class TestChunks:
    @pytest.mark.parametrize("stage", ["rnet", "onet"])
    def test_chunks_change_neither_values_nor_gradients(self, stage, monkeypatch):
        recipe = Recipe(stage, 1000)
        params = fill_state(recipe).params
        side = INPUT_SIZE[stage]
        pixels = np.random.default_rng(5).uniform(0, 255, (12, side, side, 3)).astype(np.float32)

        def loss(params):
            heads = training.outputs(recipe, params, pixels)
            return sum(jnp.sum(jnp.sin(head)) for head in heads), heads

        found = []
        for chunk in (12, 4, 5):
            monkeypatch.setitem(training._CPU_CHUNKS, stage, chunk)
            found.append(jax.jit(jax.grad(loss, has_aux=True))(params))
        for one, other, undivided in zip(*map(jax.tree.leaves, found), strict=True):
            scale = max(np.abs(one).max(), 1e-3)
            np.testing.assert_allclose(other, one, atol=1e-5 * scale)
            np.testing.assert_allclose(undivided, one, atol=1e-5 * scale)


class TestStep:
    def test_is_pure_and_jitted(self):
        batch = batch_of("pnet")
        compiled = [train_step(start(PLAIN), batch) for _ in range(2)]
        for one, two in zip(*map(jax.tree.leaves, compiled), strict=True):
            np.testing.assert_array_equal(one, two)
        assert hasattr(train_step, "lower")
        assert list(inspect.signature(train_step).parameters) == ["state", "batch"]
        assert int(compiled[0][0].step) == 1

    def test_metrics_are_numbers_of_float32(self):
        _, metrics = train_step(start(PLAIN), batch_of("pnet"))
        names = {"loss", "classification", "box", "landmarks", "accuracy", "recall"}
        assert set(metrics) == names | {"gradient_norm"}
        for value in metrics.values():
            assert value.shape == ()
            assert value.dtype == jnp.float32
            assert np.isfinite(value)

    def test_randomness_follows_from_seed_and_step(self):
        keys = [np.asarray(start(PLAIN, seed).key) for seed in (0, 0, 1)]
        np.testing.assert_array_equal(keys[0], keys[1])
        assert not np.array_equal(keys[0], keys[2])
        one, two = (start(PLAIN, seed).params["pnet"]["conv1"]["kernel"] for seed in (0, 1))
        assert not np.array_equal(one, two)


class TestAverage:
    def test_follows_the_parameters(self):
        recipe = dataclasses.replace(PLAIN, ema_decay=0.9)
        state = start(recipe)
        average = np.array(state.ema["pnet"]["conv1"]["kernel"])
        batch = batch_of("pnet")
        for step in range(3):
            state, _ = train_step(state, batch)
            # While young it forgets more quickly: 1/10, 2/11, 3/12.
            decay = min(0.9, (1 + step) / (10 + step))
            now = np.array(state.params["pnet"]["conv1"]["kernel"])
            average = decay * average + (1 - decay) * now
            np.testing.assert_allclose(state.ema["pnet"]["conv1"]["kernel"], average, rtol=1e-5)
        finished = network_params(state)
        np.testing.assert_array_equal(
            finished["conv1"]["kernel"], state.ema["pnet"]["conv1"]["kernel"]
        )
        assert not np.array_equal(now, average)

    def test_off_by_default(self):
        state = start(PLAIN)
        assert state.ema is None
        assert network_params(state) is state.params["pnet"]
        assert set(state.params) == {"pnet", "auxiliary"}


class TestOutputs:
    @pytest.mark.parametrize("stage", NETWORKS)
    def test_are_the_networks_own_and_landmarks_everywhere(self, stage):
        recipe = Recipe(stage, 1000)
        params = fill_state(recipe).params
        size = INPUT_SIZE[stage]
        pixels = np.random.default_rng(0).uniform(0, 255, (3, size, size, 3)).astype(np.float32)
        logits, offsets, points = outputs(recipe, params, pixels)
        assert (logits.shape, offsets.shape, points.shape) == ((3, 2), (3, 4), (3, 10))
        apply = jax.jit(NETWORKS[stage]().apply)
        plain = apply({"params": params[stage]}, (pixels - 127.5) / 128)
        np.testing.assert_allclose(logits, np.reshape(plain[0], (3, 2)), atol=1e-4)
        np.testing.assert_allclose(offsets, np.reshape(plain[1], (3, 4)), atol=1e-4)

    def test_without_the_auxiliary_layer_small_networks_have_no_landmarks(self):
        recipe = Recipe("pnet", 1000, auxiliary_landmarks=False)
        params = fill_state(recipe).params
        assert set(params) == {"pnet"}
        heads = outputs(recipe, params, np.zeros((2, 12, 12, 3), np.float32))
        assert heads[2] is None
        found = training.eval_step(recipe, params, np.zeros((2, 16, 16, 3), np.uint8))
        assert np.isnan(found[2]).all()

    def test_eval_looks_at_the_middle_and_gives_probabilities(self):
        params = fill_state(PLAIN).params
        patches = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
        scores, offsets, points = training.eval_step(PLAIN, params, patches)
        window = patches[:, 2:14, 2:14].astype(np.float32)
        logits, *others = outputs(PLAIN, params, window)
        powers = np.exp(np.asarray(logits))
        np.testing.assert_allclose(scores, powers[:, 1] / powers.sum(axis=1), atol=1e-5)
        np.testing.assert_allclose(offsets, others[0], atol=1e-5)
        np.testing.assert_allclose(points, others[1], atol=1e-5)

    def test_dropout_drops_in_training_alone(self):
        recipe = Recipe("rnet", 1000, dropout=0.5)
        params = fill_state(recipe).params
        pixels = np.random.default_rng(0).uniform(0, 255, (4, 24, 24, 3)).astype(np.float32)
        keys = [None, jax.random.key(0), jax.random.key(0), jax.random.key(1)]
        calm, one, same, other = (
            np.asarray(outputs(recipe, params, pixels, key=key)[0]) for key in keys
        )
        np.testing.assert_array_equal(one, same)
        assert np.abs(one - other).max() > 1e-3
        assert np.abs(one - calm).max() > 1e-3
        without = dataclasses.replace(recipe, dropout=0.0)
        found = outputs(without, params, pixels, key=keys[1])[0]
        np.testing.assert_array_equal(found, calm)


def learn(recipe, steps=200):
    """The metrics of each step of a run on a few drawn samples, in one dispatch; samples, rows."""
    samples = draw_samples(recipe.stage, each=6)
    chosen, counts = pools(samples.kinds), shares(28, (3, 1, 1, 2))
    rows = np.stack([draw(chosen, counts, seed=0, step=step) for step in range(steps)])
    state, metrics = training.train_steps(start(recipe), jax.device_put(samples), rows)
    assert int(state.step) == steps
    return jax.device_get(metrics), samples, rows


def assert_learnt(metrics):
    first = {name: values[:10].mean() for name, values in metrics.items()}
    last = {name: values[-20:].mean() for name, values in metrics.items()}
    assert last["loss"] < 0.5 * first["loss"]
    assert last["accuracy"] > max(0.9, first["accuracy"])
    for task in ("classification", "box", "landmarks"):
        assert last[task] < 0.7 * first[task]


def test_200_steps_on_a_few_pictures_learn_and_are_those_one_by_one():
    metrics, samples, rows = learn(PLAIN)
    assert_learnt(metrics)
    state = start(PLAIN)
    for step in range(3):
        state, one = train_step(state, gather(samples, rows[step]))
        for name, value in one.items():
            assert float(value) == pytest.approx(float(metrics[name][step]), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(
    "changed",
    [
        {"optimizer": "sgd", "learning_rate": 0.05, "box_loss": "l1", "landmark_loss": "l1"},
        {"compute_dtype": "bfloat16", "ohem_ratio": 1.0},
    ],
    ids=["sgd", "bfloat16"],
)
def test_other_recipes_learn_too(changed):
    assert_learnt(learn(dataclasses.replace(PLAIN, **changed))[0])


def test_bfloat16_is_that_of_the_network_alone():
    recipe = dataclasses.replace(PLAIN, compute_dtype="bfloat16")
    state = fill_state(recipe)
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {jnp.dtype("float32")}
    pixels = np.random.default_rng(0).uniform(0, 255, (8, 12, 12, 3)).astype(np.float32)
    rough = outputs(recipe, state.params, pixels)
    exact = outputs(PLAIN, state.params, pixels)
    for one, two in zip(rough, exact, strict=True):
        assert one.dtype == jnp.float32
        assert 0 < np.abs(one - two).max() < 0.05 * np.abs(two).max()
