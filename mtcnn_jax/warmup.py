"""Compiling ahead, so that the first picture of a kind does not wait for it."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np

from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig, is_whole
from mtcnn_jax.detect import checked, detect
from mtcnn_jax.networks.backends import tries_unrolled
from mtcnn_jax.runtime import pictures
from mtcnn_jax.runtime.buckets import bucket_of
from mtcnn_jax.stream import detect_batch

OWN = 2**22
"""Pixels of a bucket up to which a program of its own is quicker than the one for any size."""


def warmup(
    params: Params,
    sizes: Iterable[Sequence[int]] = (),
    config: DetectConfig = DetectConfig(),
    *,
    batch_size: int = 1,
) -> list[tuple[int, int]]:
    """Compiles ahead what detection takes.

    On a CPU that is one program for all pictures of up to 4 megapixels, and others for those of up
    to 16 and up to 134; without `sizes` the first. Small pictures of which sizes are named get a
    program of their own, for their bucket: it takes longer to compile, and less time for a picture.
    Elsewhere, and in batches, each bucket has one in any case.

    With JAX's persistent compilation cache switched on (`jax.config.update(
    "jax_compilation_cache_dir", folder)`) a later process reads the result instead.

    Args:
        params: from `load_params`.
        sizes: (height, width) in pixels of pictures to come. Sizes that go into the same bucket
            share a compilation. None are wanted on a CPU.
        config: how to look.
        batch_size: above 1, compiles for `detect_batch` with it.

    Returns:
        The buckets (height, width) of `sizes`.

    Raises:
        TypeError: if `sizes` is a config.
        ValueError: if a size is not two whole numbers above 0, or larger than `detect` takes, or
            `batch_size` is not one.
    """
    batch_size = checked(config, batch_size)
    if isinstance(sizes, DetectConfig):
        raise TypeError("sizes is a DetectConfig; accepted are pairs: write config=...")
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
    any_size = batch_size == 1 and pictures.serves(config)
    if any_size and not shapes:
        more_than_a_chunk = np.zeros((600, 600, 3), np.uint8)
        pictures.look(params, more_than_a_chunk, config, twice=True)
    for shape in shapes:
        picture = np.zeros((*shape, 3), np.uint8)
        if any_size and math.prod(shape) > OWN:
            pictures.look(params, picture, config, twice=True)
        elif batch_size == 1:
            if any_size:
                pictures.give_own(shape, config)
            detect(params, picture, config)
            if tries_unrolled(config.backend):  # An empty picture does not come to the next one.
                detect(params, picture, dataclasses.replace(config, backend="gpu"))
        else:
            detect_batch(params, [picture], config, batch_size=batch_size)
    return shapes
