"""Compiling ahead, so that the first picture of a kind does not wait for it."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig, is_whole
from mtcnn_jax.detect import checked, detect, detect_batch
from mtcnn_jax.networks.backends import tries_unrolled
from mtcnn_jax.runtime.buckets import bucket_of


def warmup(
    params: Params,
    sizes: Iterable[Sequence[int]],
    config: DetectConfig = DetectConfig(),
    *,
    batch_size: int = 1,
) -> list[tuple[int, int]]:
    """Compiles what detection in pictures of the given sizes takes.

    With JAX's persistent compilation cache switched on (`jax.config.update(
    "jax_compilation_cache_dir", folder)`) a later process reads the result instead.

    Args:
        params: from `load_params`.
        sizes: (height, width) in pixels of pictures to come. Sizes that go into the same bucket
            share a compilation.
        config: how to look.
        batch_size: above 1, compiles for `detect_batch` with it.

    Returns:
        The buckets (height, width) that are ready now.

    Raises:
        ValueError: if a size is not two whole numbers above 0, or larger than `detect` takes, or
            `batch_size` is not one.
    """
    batch_size = checked(config, batch_size)
    shapes: list[tuple[int, int]] = []
    for size in sizes:
        sides = tuple(np.atleast_1d(np.asarray(size)).tolist())
        if len(sides) != 2 or not all(is_whole(side, least=1) for side in sides):
            raise ValueError(
                f"size {size!r}; accepted are two whole numbers above 0, height and width"
            )
        shape = bucket_of(*sides)
        if shape not in shapes:
            shapes.append(shape)
    for shape in shapes:
        picture = np.zeros((*shape, 3), np.uint8)
        if batch_size == 1:
            detect(params, picture, config)
            if tries_unrolled(config.backend):  # An empty picture does not come to the next one.
                detect(params, picture, dataclasses.replace(config, backend="gpu"))
        else:
            detect_batch(params, [picture], config, batch_size=batch_size)
    return shapes
