"""Forward passes of networks, timed in turns."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from experiments.speed.timing import Times, finished, take_turns
from experiments.studies.rivals.classify import RIVALS, network_of
from mtcnn_jax import compiler_options
from mtcnn_jax.networks.forward import forward
from mtcnn_jax.networks.layers import INPUT_SIZE, normalize

PASSES = 300
BATCHES = (1, 32)
"""Windows in one forward pass; the paper does not say how many its passes have."""

PLAIN, ARRANGED = "plain", "arranged"
"""A network as flax has it; P-, R- or O-Net as detection computes it on this machine."""

Key = tuple[str, str, int]
"""The network's name, its arrangement, and the windows in a pass."""


def _plain(name: str, params: Any, pixels: jax.Array) -> Any:
    return network_of(name).apply({"params": params}, pixels)


def time_passes(params: Mapping[str, Any], stages: Sequence[str], *, runs: int) -> dict[Key, Times]:
    """Seconds of `PASSES` forward passes; all are compiled with detection's options.

    Args:
        params: of each stage's network and of its rival.
        stages: whose networks are timed.
        runs: rounds that count, among which the passes are parted.
    """
    each = -(-PASSES // runs)
    jit = functools.partial(jax.jit, compiler_options=compiler_options())
    tasks: dict[Key, Callable] = {}

    def repeated(run: Callable, params: Any, pixels: jax.Array) -> Callable:
        return finished(lambda: [run(params, pixels) for _ in range(each)])

    for stage in stages:
        side = INPUT_SIZE[stage]
        runners = {
            (RIVALS[stage], PLAIN): jit(functools.partial(_plain, RIVALS[stage])),
            (stage, PLAIN): jit(functools.partial(_plain, stage)),
            (stage, ARRANGED): jit(functools.partial(forward, stage, backend="auto")),
        }
        for batch in BATCHES:
            noise = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), np.uint8)
            pixels = normalize(jax.numpy.asarray(noise))
            for (name, kind), run in runners.items():
                tasks[name, kind, batch] = repeated(run, jax.device_put(params[name]), pixels)
    share = PASSES / each
    return {
        key: Times(times.median * share, times.least * share, times.runs)
        for key, times in take_turns(tasks, runs).items()
    }
