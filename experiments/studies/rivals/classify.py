"""Networks trained to tell faces from the rest, and no more: same samples, batches and optimiser.

So P-, R- and O-Net can be compared with networks that give no boxes and no landmarks. Their own
heads for these stay untrained.
"""

import dataclasses
import functools
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import logging

from data.batches import Prefetch, draw, gather, pools, shares
from data.samples import NEGATIVE, POSITIVE, Samples
from experiments.studies.rivals import cascade_cnn
from experiments.training.checkpoints import restore_checkpoint, save_checkpoint
from experiments.training.settings import default_run, warmup_within
from mtcnn_jax.networks import reference
from mtcnn_jax.networks.layers import INPUT_SIZE, normalize
from mtcnn_jax.training import losses
from mtcnn_jax.training.augment import augment, window_of
from mtcnn_jax.training.recipe import Params, Recipe, optimizer
from mtcnn_jax.training.step import TrainState

RIVALS = {"pnet": "net12", "rnet": "net24", "onet": "net48"}
"""The network of the CNN cascade that looks at windows as large as each stage's."""

RATIO = (3.0, 1.0, 0.0, 0.0)
"""Negatives and faces in a batch, and among the samples that accuracy is measured on (paper,
section 3.1); parts and landmark samples teach nothing here."""

CHUNKS = {24: 16, 48: 8}
"""By the side of windows, how many a network takes at a time in training on a CPU (decision 0030);
of others it takes all."""

SCORED = 256
"""Samples scored together."""

CHECKPOINT_EVERY = 200


@dataclasses.dataclass(frozen=True)
class Run:
    """One network's run.

    Attributes:
        name: of the network: a stage's, or one of `cascade_cnn`.
        stage: whose samples it is trained on.
        steps: length of the run.
        batch_size: samples a step.
        seed: of batches, augmentation and the first parameters.
    """

    name: str
    stage: str
    steps: int
    batch_size: int
    seed: int

    @property
    def recipe(self) -> Recipe:
        """How it is trained: as the stage is by default, whichever network it is."""
        warmup = warmup_within(self.steps, Recipe.warmup_steps, self.stage)
        return default_run(self.stage, steps=self.steps, warmup_steps=warmup).recipe


def network_of(name: str, *, as_product: bool = False) -> Any:
    """The flax module of a network; `as_product` as of `reference.Conv`, where it has it."""
    build = {**reference.NETWORKS, **cascade_cnn.NETWORKS}[name]
    return build() if name in ("pnet", "net12") else build(as_product=as_product)


def logits_of(name: str, params: Params, pixels: jax.Array, *, training: bool = False) -> jax.Array:
    """Logits [b, 2] of a network for windows [b, s, s, 3], pixels 0..255.

    Args:
        name: of the network.
        params: of it.
        pixels: the windows.
        training: whether a gradient is wanted, for which on a CPU other arrangements are quicker.
    """
    on_cpu = training and jax.default_backend() == "cpu"
    network = network_of(name, as_product=on_cpu)

    def run(pixels: jax.Array) -> jax.Array:
        found = network.apply({"params": params}, normalize(pixels))
        logits = found[0] if isinstance(found, tuple) else found
        return logits.reshape(len(pixels), 2)

    chunk = CHUNKS.get(pixels.shape[1], len(pixels)) if on_cpu else len(pixels)
    if len(pixels) % chunk or len(pixels) == chunk:
        return run(pixels)
    parts = pixels.reshape(-1, chunk, *pixels.shape[1:])
    return jax.lax.map(jax.checkpoint(run), parts).reshape(-1, 2)


@functools.partial(jax.jit, static_argnames="run")
def first_state(run: Run) -> TrainState:
    """The state of step 0."""
    key_network, key = jax.random.split(jax.random.key(run.seed))
    side = INPUT_SIZE[run.stage]
    params = network_of(run.name).init(key_network, jnp.zeros((1, side, side, 3)))["params"]
    recipe = run.recipe
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=optimizer(recipe).init(params),
        ema=None,
        key=jax.random.key_data(key),
        recipe=recipe,
    )


@functools.partial(jax.jit, static_argnames="name", donate_argnums=0)
def train_step(state: TrainState, batch: Samples, name: str) -> tuple[TrainState, jax.Array]:
    """One step: the loss [] of faces against the rest, over the hardest samples, and what follows.

    Args:
        state: from `first_state` or the step before; it is used up.
        batch: b samples.
        name: of the network.
    """
    recipe = state.recipe
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
    if recipe.augment is None:
        pixels = window_of(batch.patches).astype(jnp.float32)
    else:
        pixels, batch = augment(key, batch, recipe.augment)

    def loss(params: Params) -> jax.Array:
        logits = logits_of(name, params, pixels, training=True)
        labels = (batch.kinds == POSITIVE).astype(jnp.int32)
        each = jax.vmap(losses.cross_entropy)(logits, labels)
        kept = losses.hard_example_mask(each, losses.classified(batch.kinds), recipe.ohem_ratio)
        return losses.masked_mean(each, kept)

    value, gradients = jax.value_and_grad(loss)(state.params)
    changes, opt_state = optimizer(recipe).update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, changes)
    return state.replace(step=state.step + 1, params=params, opt_state=opt_state), value


def stopped(run: Run, folder: pathlib.Path) -> TrainState | None:
    """The state of the last checkpoint in `folder`, in NumPy arrays; None where there is none."""
    shapes = jax.eval_shape(lambda: first_state(run))
    blank = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    return restore_checkpoint(folder, blank)


def fit(run: Run, samples: Samples, folder: pathlib.Path) -> Params:
    """Trains a network and gives its parameters; goes on from the last checkpoint in `folder`.

    Raises:
        FloatingPointError: if the loss is no number any more.
        ValueError: if `folder` holds checkpoints of another network, or there are no faces.
    """
    state = stopped(run, folder)
    if state is None:
        state = first_state(run)
    elif int(state.step) == run.steps:
        return state.params
    state = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), state)
    counts, kinds = shares(run.batch_size, RATIO), pools(samples.kinds)

    def batch(step: int) -> Samples:
        return gather(samples, draw(kinds, counts, seed=run.seed, step=step))

    ahead = Prefetch(batch, range(int(state.step), run.steps))
    try:
        for step, part in enumerate(ahead, int(state.step) + 1):
            state, loss = train_step(state, part, run.name)
            if step % CHECKPOINT_EVERY and step != run.steps:
                continue
            if not np.isfinite(loss):
                raise FloatingPointError(f"the loss of {run.name} is {loss} by step {step}")
            logging.info("%s seed %d step %d loss %.4f", run.name, run.seed, step, loss)
            save_checkpoint(folder, state)
    finally:
        ahead.close()
    return jax.device_get(state.params)


_scores = jax.jit(
    lambda params, patches, name: jax.nn.softmax(
        logits_of(name, params, window_of(patches).astype(jnp.float32))
    )[:, 1],
    static_argnames="name",
)


def scores_of(name: str, params: Params, patches: np.ndarray) -> np.ndarray:
    """float32 [n]: a network's scores of patches [n, c, c, 3], unchanged."""
    found = []
    for start in range(0, len(patches), SCORED):
        part = patches[start : start + SCORED]
        padded = np.concatenate([part, np.zeros((SCORED - len(part), *part.shape[1:]), np.uint8)])
        found.append(np.asarray(_scores(params, padded, name))[: len(part)])
    return np.concatenate(found)


def judged(samples: Samples, faces: int) -> Samples:
    """At most so many faces, evenly spread, and three times as many negatives, in their order."""
    negative, positive = (np.flatnonzero(samples.kinds == kind) for kind in (NEGATIVE, POSITIVE))
    each = min(faces, len(positive), len(negative) // 3)
    chosen = [
        pool[np.linspace(0, len(pool) - 1, count).round().astype(int)]
        for pool, count in ((negative, 3 * each), (positive, each))
        if count
    ]
    if not chosen:
        raise ValueError(
            f"{len(positive)} faces and {len(negative)} negatives are there to measure accuracy; "
            "accepted are samples with a face, and three negatives for each"
        )
    return gather(samples, np.sort(np.concatenate(chosen)))
