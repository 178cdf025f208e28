"""One training step of one network: pure functions from a state and a batch to the next state."""

import functools
from collections.abc import Callable

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.scipy.special import entr

from mtcnn_jax.cascade.boxes import best_square_iou, iou
from mtcnn_jax.networks.layers import INPUT_SIZE, normalize
from mtcnn_jax.networks.reference import NETWORKS
from mtcnn_jax.training import losses
from mtcnn_jax.training.augment import augment, window_of
from mtcnn_jax.training.recipe import Params, Recipe, optimizer
from mtcnn_jax.training.samples import PART, POSITIVE, Samples

Metrics = dict[str, jax.Array]

AUXILIARY = "auxiliary"
"""Name of the landmark layer that P-Net and R-Net have in training only."""

LANDMARK_NUMBERS = 10

_CPU_CHUNKS = {"rnet": 16, "onet": 8}
"""Samples that a network takes at a time on a CPU. What is between its layers then stays in the
cache, and the step takes half as long, though the backward pass computes all of it anew
(decision 0030)."""


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


def create_state(recipe: Recipe, *, seed: int, params: Params | None = None) -> TrainState:
    """The state before the first step.

    Args:
        recipe: what is trained, and how.
        seed: of all randomness.
        params: the network's parameters to start from; fresh ones if not given.
    """
    key_net, key_auxiliary, key = jax.random.split(jax.random.key(seed), 3)
    network, size = NETWORKS[recipe.stage](), INPUT_SIZE[recipe.stage]
    # One by one its operations are some thirty compilations, 3.5 to 4.7 s; so it is 1.5 to 2.0 s.
    fresh = jax.jit(network.init)(key_net, jnp.zeros((1, size, size, 3), jnp.float32))
    tree = {recipe.stage: fresh["params"] if params is None else params}
    if recipe.has_auxiliary:
        features = fresh["params"]["prob"]["kernel"].shape[-2]
        kernel = jax.nn.initializers.lecun_normal()(
            key_auxiliary, (features, LANDMARK_NUMBERS), jnp.float32
        )
        tree[AUXILIARY] = {"kernel": kernel, "bias": jnp.zeros(LANDMARK_NUMBERS, jnp.float32)}
    tree = jax.tree.map(jnp.array, tree)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=tree,
        opt_state=jax.tree.map(_single, optimizer(recipe).init(tree)),
        ema=jax.tree.map(jnp.copy, tree) if recipe.ema_decay else None,
        key=jax.random.key_data(key),
        recipe=recipe,
    )


def _single(leaf: jax.Array) -> jax.Array:
    """`leaf` in float32, where it is a float: Muon's coefficients have JAX's own precision."""
    return leaf.astype(jnp.float32) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def network_params(state: TrainState) -> Params:
    """The finished network's parameters: averaged where there is an average, no auxiliary layer."""
    return (state.params if state.ema is None else state.ema)[state.recipe.stage]


def outputs(
    recipe: Recipe,
    params: Params,
    pixels: jax.Array,
    *,
    key: jax.Array | None = None,
    mesh: jax.sharding.Mesh | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Runs the network on windows.

    Args:
        recipe: which network, and its number format.
        params: as in `TrainState`.
        pixels: float32 [b, s, s, 3], 0..255.
        key: for dropout; None is without.
        mesh: the devices that the windows are split over, along its only axis; None for one.

    Returns:
        float32 logits [b, 2], offsets [b, 4] and landmarks [b, 10], or None where nothing gives
        them.
    """
    dtype = jnp.dtype(recipe.compute_dtype)
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
    count, on_cpu = pixels.shape[0], jax.default_backend() == "cpu"
    drops = key is not None and recipe.dropout > 0
    settings: dict = {"dropout_rate": recipe.dropout} if drops else {}
    if recipe.stage != "pnet":
        settings["as_product"] = on_cpu
    network = NETWORKS[recipe.stage](**settings)

    def heads_of(params: Params, pixels: jax.Array, key: jax.Array | None) -> list[jax.Array]:
        heads, captured = network.apply(
            {"params": params[recipe.stage]},
            normalize(pixels).astype(dtype),
            deterministic=not drops,
            rngs={"dropout": key} if drops else None,
            mutable=["intermediates"],
        )
        heads = [head.reshape(pixels.shape[0], -1) for head in heads]
        if AUXILIARY in params:
            features = captured["intermediates"]["features"][0].reshape(pixels.shape[0], -1)
            heads.append(features @ params[AUXILIARY]["kernel"] + params[AUXILIARY]["bias"])
        return heads

    chunk = _CPU_CHUNKS.get(recipe.stage, count) if on_cpu else count
    if count % chunk or count == chunk:
        heads = heads_of(params, pixels, key)
    else:
        parts = pixels.reshape(-1, chunk, *pixels.shape[1:])
        keys = jax.random.split(key, parts.shape[0]) if drops else None

        def in_turn(params: Params, *parts: jax.Array | None) -> list[jax.Array]:
            return jax.lax.map(lambda part: jax.checkpoint(heads_of)(params, *part), parts)

        if mesh is not None and parts.shape[0] % mesh.size == 0:
            # Each device takes its own in turn: of a loop over all, XLA has each device do all.
            whole, split = jax.P(), jax.P(*mesh.axis_names)
            in_turn = jax.shard_map(
                in_turn, mesh=mesh, in_specs=(whole, split, split), out_specs=split
            )
        heads = in_turn(params, parts, keys)
        heads = [head.reshape(count, -1) for head in heads]
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
    window = jnp.array([[0.0, 0.0, 1.0, 1.0]], jnp.float32)
    is_face = kinds == POSITIVE
    least = recipe.face_iou
    if recipe.square_share < 1:
        least = jnp.minimum(least, recipe.square_share * best_square_iou(boxes))
    overlap = iou(boxes, window)[:, 0]
    is_face |= (kinds == PART) & (overlap > least)
    valid = sure = losses.classified(kinds) | is_face
    entropy = jax.vmap(losses.cross_entropy)
    each = entropy(logits, is_face.astype(jnp.int32))
    excess = each
    if recipe.graded_from < 1:
        graded = (kinds == PART) & ~is_face
        lowest = recipe.graded_from / recipe.face_iou * least
        share = jnp.where(graded, jnp.clip((overlap - lowest) / (least - lowest), 0, 1), 0)
        as_face = entropy(logits, jnp.ones(kinds.shape, jnp.int32))
        each = each + share * (as_face - each)
        valid = sure | graded
        # No loss of a graded part is below its label's entropy. By losses alone 99.6% of those
        # were hard, and only 53% of the faces and 66% of the negatives.
        excess = each - entr(share) - entr(1 - share)
    kept = losses.hard_example_mask(excess, valid, recipe.ohem_ratio)
    metrics = {"classification": losses.masked_mean(each, valid)}
    total = weights[0] * losses.masked_mean(each, kept)

    with_box = losses.boxed(kinds)
    # Where there is no target it is NaN, which would reach the gradient even through a mask.
    target = jnp.where(with_box[:, None], boxes - window, 0)
    box_loss = functools.partial(losses.box_loss, distance=recipe.box_loss)
    metrics["box"] = losses.masked_mean(jax.vmap(box_loss)(offsets, target), with_box)
    total += weights[1] * metrics["box"]

    if points is not None:
        with_points = losses.pointed(kinds)
        target = jnp.concatenate([landmarks[..., 0], landmarks[..., 1]], axis=-1)
        target = jnp.where(with_points[:, None], target, 0)
        loss = functools.partial(losses.landmark_loss, distance=recipe.landmark_loss)
        metrics["landmarks"] = losses.masked_mean(jax.vmap(loss)(points, target), with_points)
        total += recipe.landmark_weight * weights[2] * metrics["landmarks"]

    said_face = logits[:, 1] > logits[:, 0]
    metrics["accuracy"] = losses.masked_mean(said_face == is_face, sure)
    metrics["recall"] = losses.masked_mean(said_face, is_face)
    return total, {"loss": total, **metrics}


def update(
    state: TrainState, batch: Samples, mesh: jax.sharding.Mesh | None = None
) -> tuple[TrainState, Metrics]:
    """`train_step` without the compiler, for use inside other jitted functions."""
    recipe = state.recipe
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
    key_augment, key_dropout = jax.random.split(key)
    if recipe.augment is None:
        pixels = window_of(batch.patches).astype(jnp.float32)
    else:
        pixels, batch = augment(key_augment, batch, recipe.augment)

    def loss(params: Params) -> tuple[jax.Array, Metrics]:
        heads = outputs(recipe, params, pixels, key=key_dropout, mesh=mesh)
        return objective(recipe, heads, batch.kinds, batch.boxes, batch.landmarks)

    gradients, metrics = jax.grad(loss, has_aux=True)(state.params)
    changes, opt_state = optimizer(recipe).update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, changes)
    metrics["gradient_norm"] = optax.tree.norm(gradients)
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
        The next state, and the batch's metrics, each float32 []: loss, classification (over all
        valid examples, not only the hard ones), box, landmarks, accuracy, recall (of positives) and
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
    return _updates(state, samples, indices)


def _updates(
    state: TrainState,
    samples: Samples,
    indices: jax.Array,
    mesh: jax.sharding.Mesh | None = None,
) -> tuple[TrainState, Metrics]:
    def step(state: TrainState, rows: jax.Array) -> tuple[TrainState, Metrics]:
        return update(state, jax.tree.map(lambda field: field[rows], samples), mesh)

    return jax.lax.scan(step, state, indices)


@functools.cache
def steps_over(mesh: jax.sharding.Mesh) -> tuple[Callable, Callable]:
    """`train_step` and `train_steps` of batches that are split over the only axis of a mesh.

    A batch is one all the same, as are its hard examples.
    """
    one, several = (functools.partial(function, mesh=mesh) for function in (update, _updates))
    return jax.jit(one, donate_argnums=0), jax.jit(several, donate_argnums=0)


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
        float32 scores [b] from 0 to 1, offsets [b, 4] and landmarks [b, 10] (NaN where the network
        has none).
    """
    logits, offsets, points = outputs(recipe, params, window_of(patches).astype(jnp.float32))
    if points is None:
        points = jnp.full((patches.shape[0], LANDMARK_NUMBERS), jnp.nan, jnp.float32)
    return jax.nn.softmax(logits)[:, 1], offsets, points
