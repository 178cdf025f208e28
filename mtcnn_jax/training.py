"""One training step of one network: pure functions from a state and a batch to the next state."""

import dataclasses
import functools
import math
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from mtcnn_jax import losses
from mtcnn_jax.augment import AugmentConfig, augment, window_of
from mtcnn_jax.networks import INPUT_SIZE, NETWORKS, normalize
from mtcnn_jax.samples import POSITIVE, Samples

Params = dict[str, Any]
Metrics = dict[str, jax.Array]

AUXILIARY = "auxiliary"
"""Name of the landmark layer that P-Net and R-Net have in training only."""

LANDMARK_NUMBERS = 10


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is trained, and how. The defaults are the paper's where it says.

    Attributes:
        stage: "pnet", "rnet" or "onet".
        steps: length of the run, which the schedule of the learning rate spans.
        learning_rate: its peak.
        warmup_steps: steps of its linear rise from 0; a cosine takes it back to 0.
        optimizer: "adamw", or "sgd" with momentum 0.9.
        weight_decay: on kernels; biases and PReLU slopes have none.
        clip_norm: greatest norm of a gradient; 0 is without limit.
        ohem_ratio: share of the hardest classification losses that count; 1 is all.
        box_loss: "l2" (paper), "l1", "smooth_l1" or "wing".
        landmark_loss: the same for landmarks.
        auxiliary_landmarks: train P-Net and R-Net on landmarks too, as the paper does, by a layer that
            the finished network does not have.
        dropout: rate before the heads of R-Net and O-Net.
        ema_decay: of the averaged parameters; 0 is without.
        compute_dtype: "float32" or "bfloat16".
        augment: how to augment; None is not at all.
    """

    stage: str
    steps: int
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    optimizer: str = "adamw"
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    ohem_ratio: float = 0.7
    box_loss: str = "l2"
    landmark_loss: str = "l2"
    auxiliary_landmarks: bool = True
    dropout: float = 0.0
    ema_decay: float = 0.0
    compute_dtype: str = "float32"
    augment: AugmentConfig | None = AugmentConfig()

    def __post_init__(self):
        choices = {
            "stage": tuple(NETWORKS),
            "optimizer": ("adamw", "sgd"),
            "box_loss": losses.DISTANCES,
            "landmark_loss": losses.DISTANCES,
            "compute_dtype": ("float32", "bfloat16"),
        }
        for name, accepted in choices.items():
            if getattr(self, name) not in accepted:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; accepted are {', '.join(accepted)}"
                )
        ranges = {
            "steps": (self.steps >= 1, "1 or more"),
            "learning_rate": (0 < self.learning_rate < math.inf, "a number above 0"),
            "warmup_steps": (
                0 <= self.warmup_steps < self.steps,
                f"0 or more and less than steps, {self.steps}",
            ),
            "weight_decay": (0 <= self.weight_decay < math.inf, "a number of 0 or more"),
            "clip_norm": (0 <= self.clip_norm < math.inf, "a number of 0 or more"),
            "ohem_ratio": (0 < self.ohem_ratio <= 1, "above 0, at most 1"),
            "dropout": (0 <= self.dropout < 1, "0 or more, below 1"),
            "ema_decay": (0 <= self.ema_decay < 1, "0 or more, below 1"),
        }
        for name, (fine, accepted) in ranges.items():
            if not fine:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is {accepted}")
        if self.dropout and self.stage == "pnet":
            raise ValueError(f"dropout is {self.dropout}; accepted for pnet is 0")

    @property
    def has_auxiliary(self) -> bool:
        """Whether the network gets a landmark layer for training only."""
        return self.auxiliary_landmarks and self.stage != "onet"


@flax.struct.dataclass
class TrainState:
    """All that a run consists of.

    Attributes:
        step: int32 [], steps done.
        params: {stage: the network's, "auxiliary": a landmark layer's, for P-Net and R-Net}.
        opt_state: the optimiser's.
        ema: running average of params; None without.
        key: uint32 [2], the data of the key that, with the step, gives all randomness.
        recipe: how to train; not an array, so a new one compiles anew.
    """

    step: jax.Array
    params: Params
    opt_state: optax.OptState
    ema: Params | None
    key: jax.Array
    recipe: Recipe = flax.struct.field(pytree_node=False)


def learning_rate(recipe: Recipe) -> optax.Schedule:
    """A linear rise, then a cosine to 0 at the last step."""
    return optax.warmup_cosine_decay_schedule(
        0.0, recipe.learning_rate, recipe.warmup_steps, recipe.steps
    )


def optimizer(recipe: Recipe) -> optax.GradientTransformation:
    """The recipe's optimiser with clipping, decay and schedule."""

    def kernels(params: Params) -> Params:
        return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)

    clip = [optax.clip_by_global_norm(recipe.clip_norm)] if recipe.clip_norm else []
    schedule = learning_rate(recipe)
    if recipe.optimizer == "adamw":
        decay = recipe.weight_decay
        return optax.chain(*clip, optax.adamw(schedule, weight_decay=decay, mask=kernels))
    decay = optax.add_decayed_weights(recipe.weight_decay, mask=kernels)
    return optax.chain(*clip, decay, optax.sgd(schedule, momentum=0.9))


def create_state(recipe: Recipe, *, seed: int, params: Params | None = None) -> TrainState:
    """The state before the first step.

    Args:
        recipe: what is trained, and how.
        seed: of all randomness.
        params: the network's parameters to start from; fresh ones if not given.
    """
    key_net, key_auxiliary, key = jax.random.split(jax.random.key(seed), 3)
    network, size = NETWORKS[recipe.stage](), INPUT_SIZE[recipe.stage]
    fresh = network.init(key_net, jnp.zeros((1, size, size, 3)))
    tree = {recipe.stage: fresh["params"] if params is None else params}
    if recipe.has_auxiliary:
        features = fresh["params"]["prob"]["kernel"].shape[-2]
        kernel = jax.nn.initializers.lecun_normal()(key_auxiliary, (features, LANDMARK_NUMBERS))
        tree[AUXILIARY] = {"kernel": kernel, "bias": jnp.zeros(LANDMARK_NUMBERS)}
    tree = jax.tree.map(jnp.array, tree)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=tree,
        opt_state=optimizer(recipe).init(tree),
        ema=jax.tree.map(jnp.copy, tree) if recipe.ema_decay else None,
        key=jax.random.key_data(key),
        recipe=recipe,
    )


def network_params(state: TrainState) -> Params:
    """The finished network's parameters: averaged where there is an average, no auxiliary layer."""
    return (state.params if state.ema is None else state.ema)[state.recipe.stage]


def outputs(
    recipe: Recipe, params: Params, pixels: jax.Array, *, key: jax.Array | None = None
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Runs the network on windows.

    Args:
        recipe: which network, and its number format.
        params: as in `TrainState`.
        pixels: float32 [b, s, s, 3], 0..255.
        key: for dropout; None is without.

    Returns:
        float32 logits [b, 2], offsets [b, 4] and landmarks [b, 10], or None where nothing gives them.
    """
    dtype = jnp.dtype(recipe.compute_dtype)
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
    drops = key is not None and recipe.dropout > 0
    network = NETWORKS[recipe.stage](**({"dropout_rate": recipe.dropout} if drops else {}))
    heads, captured = network.apply(
        {"params": params[recipe.stage]},
        normalize(pixels).astype(dtype),
        deterministic=not drops,
        rngs={"dropout": key} if drops else None,
        mutable=["intermediates"],
    )
    count = pixels.shape[0]
    heads = [head.reshape(count, -1) for head in heads]
    if AUXILIARY in params:
        features = captured["intermediates"]["features"][0].reshape(count, -1)
        heads.append(features @ params[AUXILIARY]["kernel"] + params[AUXILIARY]["bias"])
    heads = [head.astype(jnp.float32) for head in heads]
    return heads[0], heads[1], heads[2] if len(heads) > 2 else None


def objective(
    recipe: Recipe,
    heads: tuple[jax.Array, jax.Array, jax.Array | None],
    kinds: jax.Array,
    boxes: jax.Array,
    landmarks: jax.Array,
) -> tuple[jax.Array, Metrics]:
    """The weighted sum of the tasks' losses, each the mean over the examples that count in it.

    Args:
        recipe: the losses' kinds and the network's stage.
        heads: what `outputs` gives.
        kinds: [b].
        boxes: [b, 4] in units of the window.
        landmarks: [b, 5, 2] likewise.

    Returns:
        The loss [], and metrics.
    """
    logits, offsets, points = heads
    weights = losses.TASK_WEIGHTS[recipe.stage]
    valid, is_face = losses.classified(kinds), kinds == POSITIVE
    each = jax.vmap(losses.cross_entropy)(logits, is_face.astype(jnp.int32))
    kept = losses.hard_example_mask(each, valid, recipe.ohem_ratio)
    metrics = {"classification": losses.masked_mean(each, valid)}
    total = weights[0] * losses.masked_mean(each, kept)

    with_box = losses.boxed(kinds)
    # Where there is no target it is NaN, which would reach the gradient even through a mask.
    target = jnp.where(with_box[:, None], boxes - jnp.array([0.0, 0.0, 1.0, 1.0]), 0)
    box_loss = functools.partial(losses.box_loss, distance=recipe.box_loss)
    metrics["box"] = losses.masked_mean(jax.vmap(box_loss)(offsets, target), with_box)
    total += weights[1] * metrics["box"]

    if points is not None:
        with_points = losses.pointed(kinds)
        target = jnp.concatenate([landmarks[..., 0], landmarks[..., 1]], axis=-1)
        target = jnp.where(with_points[:, None], target, 0)
        loss = functools.partial(losses.landmark_loss, distance=recipe.landmark_loss)
        metrics["landmarks"] = losses.masked_mean(jax.vmap(loss)(points, target), with_points)
        total += weights[2] * metrics["landmarks"]

    said_face = logits[:, 1] > logits[:, 0]
    metrics["accuracy"] = losses.masked_mean(said_face == is_face, valid)
    metrics["recall"] = losses.masked_mean(said_face, is_face)
    return total, {"loss": total, **metrics}


def update(state: TrainState, batch: Samples) -> tuple[TrainState, Metrics]:
    """`train_step` without the compiler, for use inside other jitted functions."""
    recipe = state.recipe
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
    key_augment, key_dropout = jax.random.split(key)
    if recipe.augment is None:
        pixels = window_of(batch.patches).astype(jnp.float32)
    else:
        pixels, batch = augment(key_augment, batch, recipe.augment)

    def loss(params: Params) -> tuple[jax.Array, Metrics]:
        heads = outputs(recipe, params, pixels, key=key_dropout)
        return objective(recipe, heads, batch.kinds, batch.boxes, batch.landmarks)

    gradients, metrics = jax.grad(loss, has_aux=True)(state.params)
    changes, opt_state = optimizer(recipe).update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, changes)
    metrics["gradient_norm"] = optax.global_norm(gradients)
    ema = state.ema
    if ema is not None:
        # A young average follows more quickly: it has little to remember but the start.
        decay = jnp.minimum(recipe.ema_decay, (1.0 + state.step) / (10.0 + state.step))
        ema = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, ema, params)
    state = state.replace(step=state.step + 1, params=params, opt_state=opt_state, ema=ema)
    return state, metrics


@functools.partial(jax.jit, donate_argnums=0)
def train_step(state: TrainState, batch: Samples) -> tuple[TrainState, Metrics]:
    """One step of training. The state given is used up (its buffers are donated).

    Args:
        state: from `create_state` or the step before.
        batch: b samples.

    Returns:
        The next state, and the batch's metrics, each float32 []: loss, classification (over all valid
        examples, not only the hard ones), box, landmarks, accuracy, recall (of positives) and
        gradient_norm (before clipping).
    """
    return update(state, batch)


@functools.partial(jax.jit, donate_argnums=0)
def train_steps(
    state: TrainState, samples: Samples, indices: jax.Array
) -> tuple[TrainState, Metrics]:
    """Several steps in one dispatch, on batches picked from samples that lie on the device.

    Args:
        state: as for `train_step`.
        samples: all of them.
        indices: int32 [k, b], the samples of each of k steps.

    Returns:
        The state after k steps, and the metrics, each [k].
    """

    def step(state: TrainState, rows: jax.Array) -> tuple[TrainState, Metrics]:
        return update(state, jax.tree.map(lambda field: field[rows], samples))

    return jax.lax.scan(step, state, indices)


@functools.partial(jax.jit, static_argnames="recipe")
def eval_step(
    recipe: Recipe, params: Params, patches: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Runs the network on unchanged windows.

    Args:
        recipe: which network.
        params: as in `TrainState`.
        patches: uint8 [b, c, c, 3].

    Returns:
        float32 scores [b] from 0 to 1, offsets [b, 4] and landmarks [b, 10] (NaN where the network has
        none).
    """
    logits, offsets, points = outputs(recipe, params, window_of(patches).astype(jnp.float32))
    if points is None:
        points = jnp.full((patches.shape[0], LANDMARK_NUMBERS), jnp.nan)
    return jax.nn.softmax(logits)[:, 1], offsets, points
