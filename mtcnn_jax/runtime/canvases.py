"""Compiled functions run on a picture of any size: laid on a canvas, again where they overflow."""

import dataclasses
import functools
import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.networks.backends import UNROLLED_CAPACITIES, tries_unrolled
from mtcnn_jax.runtime.buckets import BUCKETS, Buckets, bucket_of

GROWTH = 4
"""How much larger the capacities get each time that a picture overflows them."""

GROWN_ABOVE = 2**20
"""Pixels of a canvas above which the first size of the capacities is left out: 40 faces at
1920x1080 overflow it, and with few the larger one costs nothing (decision 0013)."""


@functools.lru_cache(maxsize=256)
def _placed_size(height: int, width: int) -> jax.Array:
    """int32 [2] on the device: a copy a call less."""
    with jax.ensure_compile_time_eval():  # Else, under a user's `jit`, what is kept is its trace.
        return jnp.array([height, width], jnp.int32)


@functools.lru_cache(maxsize=256)
def placed(config: DetectConfig) -> DetectConfig:
    """`config` with its thresholds on the device: eight copies a call less."""
    with jax.ensure_compile_time_eval():
        return jax.tree.map(lambda threshold: jnp.asarray(threshold, jnp.float32), config)


def fill(canvas: np.ndarray, image: np.ndarray) -> None:
    """Lays `image` in the first corner of `canvas`, of which the rest may be anything."""
    canvas[: image.shape[0], : image.shape[1]] = image


@functools.lru_cache(maxsize=256)
def attempts(
    config: DetectConfig, shape: tuple[int, int], *, overflown: bool
) -> list[tuple[DetectConfig, DetectConfig]]:
    """What to try on a canvas, one after the other for as long as the capacities overflow.

    Args:
        config: how to look.
        shape: of the canvas.
        overflown: whether its capacities, as they are, have been tried in a batch.

    Returns:
        Configs, each as it is and `placed`.
    """
    tried = []
    large = math.prod(shape) > GROWN_ABOVE
    if tries_unrolled(config.backend) and not (large or overflown):
        least = tuple(map(min, config.capacities, UNROLLED_CAPACITIES))
        tried.append(
            dataclasses.replace(config, backend="gpu_unrolled", capacities=least, retries=0)
        )
    backend = "gpu" if tries_unrolled(config.backend) else config.backend
    for retry in range(min(large or overflown, config.retries), config.retries + 1):
        capacities = tuple(GROWTH**retry * capacity for capacity in config.capacities)
        tried.append(dataclasses.replace(config, backend=backend, capacities=capacities, retries=0))
    return [(attempt, placed(attempt)) for attempt in tried]


def run_one(
    run: Callable,
    params: Params,
    image: np.ndarray,
    config: DetectConfig,
    *,
    buckets: Buckets = BUCKETS,
    overflown: bool = False,
) -> Any:
    """Runs on uint8 [h, w, 3], again at larger capacities for as long as they overflow."""
    height, width = image.shape[:2]
    shape = bucket_of(height, width, buckets)
    canvas = image
    if image.shape[:2] != shape:
        canvas = np.empty((*shape, 3), np.uint8)
        fill(canvas, image)
    size = _placed_size(height, width)
    tried = attempts(config, shape, overflown=overflown)
    for _, looking in tried:
        found = jax.device_get(run(params, canvas, size, looking))
        if not overflow_of(found).any():
            return found
    warn(overflow_of(found), image, tried[-1][0])
    return found


def warn(overflow: np.ndarray, image: np.ndarray, config: DetectConfig) -> None:
    """Says, where the library was called, how many windows a picture had over the capacities."""
    height, width = image.shape[:2]
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] == "mtcnn_jax":
        frame, level = frame.f_back, level + 1
    warnings.warn(
        f"{tuple(overflow.tolist())} windows of a picture of {width} x {height} pixels went "
        f"over the capacities {config.capacities} of P-Net, R-Net and O-Net; those of lowest score "
        "were dropped. Raise DetectConfig's thresholds, min_face_size, capacities or retries.",
        stacklevel=level,
    )


def overflow_of(found: Any) -> np.ndarray:
    """int [3], from what any of the compiled functions gives for a picture."""
    return found[-1][:3].astype(int)
