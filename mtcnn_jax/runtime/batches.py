"""Compiled functions run on many pictures of any sizes, as they come and in their order."""

import collections
import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.networks.backends import BATCH_CHUNKS, backend_of
from mtcnn_jax.runtime.buckets import BUCKETS, MOST_PIXELS, Buckets, bucket_of
from mtcnn_jax.runtime.canvases import fill, overflow_of, placed, run_one, warn

UNDER_WAY = 2
"""Batches on the device at a time: while it looks at one, the host lays out the next."""

WINDOW = 8
"""Batches' worth of pictures that the first one still held waits for others of its bucket."""

HELD_PIXELS = 2 * MOST_PIXELS
"""Of pictures that wait for others of their buckets, 268 megapixels: 805 MB."""

SPARE = 4
"""Arrays kept to lay batches out in."""


class _Waiting:
    """Pictures that wait for others of their buckets."""

    def __init__(self, buckets: Buckets) -> None:
        self.buckets = buckets
        self.images: dict[int, np.ndarray] = {}
        self.by_shape: dict[tuple[int, int], list[int]] = {}
        self.pixels = 0

    def add(self, number: int, image: np.ndarray) -> tuple[int, int]:
        """Adds a picture and gives the bucket that it goes into."""
        shape = bucket_of(*image.shape[:2], self.buckets)
        self.images[number] = image
        self.by_shape.setdefault(shape, []).append(number)
        self.pixels += math.prod(image.shape[:2])
        return shape

    def first(self) -> int:
        """The number of the picture that has waited for longest."""
        return next(iter(self.images))

    def take(self, shape: tuple[int, int]) -> dict[int, np.ndarray]:
        """All pictures of a bucket, which wait no more."""
        taken = {number: self.images.pop(number) for number in self.by_shape.pop(shape)}
        self.pixels -= sum(math.prod(image.shape[:2]) for image in taken.values())
        return taken


def run_many(
    one: Callable,
    many: Callable,
    params: Params,
    images: Iterable[np.ndarray],
    config: DetectConfig,
    batch_size: int,
    buckets: Buckets = BUCKETS,
) -> Iterator[Any]:
    """Runs on every picture, `batch_size` of one bucket at a time.

    Args:
        one: what looks at one picture.
        many: what looks at several.
        params: of the networks.
        images: uint8 [h, w, 3], taken as they are wanted; no more than `WINDOW` batches and those
            under way are held.
        config: how to look.
        batch_size: how many; fewer where their canvases would have more than `MOST_PIXELS`.
        buckets: (height, width) of those that pictures go into.

    Yields:
        What is found in each, in order.
    """
    look = functools.partial(run_one, one, params, config=config, buckets=buckets)
    if batch_size == 1:
        yield from map(look, images)
        return
    chunks = config.chunks or BATCH_CHUNKS[backend_of(config.backend)]
    static = placed(dataclasses.replace(config, chunks=chunks, retries=0))
    waiting = _Waiting(buckets)
    under_way: collections.deque = collections.deque()
    results: dict[int, Any] = {}
    spare: list[np.ndarray] = []
    told = 0

    def room(shape: tuple[int, int]) -> int:
        return max(1, min(batch_size, MOST_PIXELS // math.prod(shape)))

    def send(shape: tuple[int, int]) -> None:
        if len(under_way) == UNDER_WAY:
            collect()
        laid_out = _array((room(shape), *shape, 3), spare)
        sizes = np.zeros((room(shape), 2), np.int32)
        part = waiting.take(shape)
        for row, image in enumerate(part.values()):
            sizes[row] = image.shape[:2]
            fill(laid_out[row], image)
        under_way.append((many(params, laid_out, sizes, static), part, laid_out))

    def collect() -> None:
        found, part, laid_out = under_way.popleft()
        found = jax.device_get(found)
        spare.append(laid_out)
        del spare[:-SPARE]
        for row, (number, image) in enumerate(part.items()):
            single = jax.tree.map(lambda x, row=row: x[row], found)
            if overflow_of(single).any():
                if config.retries:
                    single = look(image, overflown=True)
                else:
                    warn(overflow_of(single), image, config)
            results[number] = single

    def oldest() -> tuple[int, int]:
        return bucket_of(*waiting.images[waiting.first()].shape[:2], buckets)

    for number, image in enumerate(images):
        shape = waiting.add(number, image)
        if len(waiting.by_shape[shape]) == room(shape):
            send(shape)
        while waiting.images and (
            number - waiting.first() >= WINDOW * batch_size or waiting.pixels > HELD_PIXELS
        ):
            send(oldest())
        while told in results:
            yield results.pop(told)
            told += 1
    while waiting.images:
        send(oldest())
    while under_way:
        collect()
    while told in results:
        yield results.pop(told)
        told += 1


def _array(shape: tuple[int, ...], spare: list[np.ndarray]) -> np.ndarray:
    """An array to lay a batch out in: one of those that are spare, if it has the shape."""
    for place, array in enumerate(spare):
        if array.shape == shape:
            return spare.pop(place)
    return np.empty(shape, np.uint8)
