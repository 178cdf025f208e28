"""Time of each network's training step, with augmentation and without waiting for data."""

import time

import jax
import numpy as np

from experiments.speed.timing import Times, take_turns
from experiments.training.settings import AUGMENTS, DEFAULTS
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.training.recipe import Recipe
from mtcnn_jax.training.samples import CONTEXT, Samples
from mtcnn_jax.training.step import create_state, train_step, train_steps

STEPS = 10
"""Steps in one dispatch on an accelerator, as in training; on a CPU it is one."""


def random_samples(stage: str, count: int) -> Samples:
    """Noise of all four kinds: a step takes as long with it as with faces."""
    rng = np.random.default_rng(0)
    side = round(INPUT_SIZE[stage] * CONTEXT)
    low = rng.uniform(0, 0.2, (count, 2))
    return Samples(
        rng.integers(0, 256, (count, side, side, 3), np.uint8),
        rng.integers(0, 4, count).astype(np.int8),
        np.concatenate([low, low + 0.8], axis=1).astype(np.float32),
        rng.uniform(0, 1, (count, 5, 2)).astype(np.float32),
    )


def time_training(batch_sizes: dict[str, int], *, runs: int) -> dict[str, tuple[int, Times]]:
    """Batch size and seconds a step of each network.

    Args:
        batch_sizes: of each network; {} for those that `experiments.train` has by default.
        runs: rounds that count.
    """
    tasks, sizes, on_cpu = {}, {}, jax.default_backend() == "cpu"
    for stage in INPUT_SIZE:
        size = batch_sizes.get(stage, DEFAULTS[stage]["batch_size"])
        recipe = Recipe(stage, 1000, augment=AUGMENTS[stage])
        samples = jax.device_put(random_samples(stage, 4 * size))
        rows = np.random.default_rng(1).integers(0, 4 * size, (STEPS, size)).astype(np.int32)
        batch = jax.tree.map(lambda field, first=rows[0]: field[first], samples)
        state = [create_state(recipe, seed=0)]

        def run(state=state, samples=samples, rows=rows, batch=batch) -> float:
            start = time.perf_counter()
            if on_cpu:
                state[0], metrics = train_step(state[0], batch)
            else:
                state[0], metrics = train_steps(state[0], samples, rows)
            jax.block_until_ready(metrics)
            return (time.perf_counter() - start) / (1 if on_cpu else STEPS)

        tasks[stage], sizes[stage] = run, size
    taken = take_turns(tasks, runs)
    return {stage: (sizes[stage], times) for stage, times in taken.items()}
