"""The program for any size, run on pictures one by one, in memory that is used again."""

import collections
import dataclasses
import functools
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.anysize.layout import Table, tables
from mtcnn_jax.anysize.scan import Work, blank
from mtcnn_jax.anysize.workspace import CHUNK, ROOM
from mtcnn_jax.cascade.arguments import first_leaf
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.networks.backends import backend_of
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.runtime import compiled, programs
from mtcnn_jax.runtime.buckets import bucket_of, check_size
from mtcnn_jax.runtime.canvases import GROWTH, placed, warn

KEPT = 2**29
"""Bytes of memory kept for pictures to come. One of up to 4 megapixels takes 90 MB, of up to 16
megapixels 290 MB."""

_free: collections.deque[tuple[tuple, Work]] = collections.deque()
_lock = threading.Lock()
_own: set[tuple] = set()


def serves(config: DetectConfig) -> bool:
    """Whether pictures that go one by one go through the program for any size.

    It has chunks of its own.
    """
    on_cpu = jax.default_backend() == "cpu" and backend_of(config.backend) == "cpu"
    return on_cpu and config.chunks is None


def has_own(image: np.ndarray, config: DetectConfig) -> bool:
    """Whether a picture's bucket has a program of its own that `warmup` was asked for."""
    if not _own:
        return False
    return _own_key(bucket_of(*image.shape[:2]), config) in _own


def give_own(shape: tuple[int, int], config: DetectConfig) -> None:
    """Notes that pictures of a bucket have a program of their own from now on."""
    _own.add(_own_key(shape, config))


def forget() -> None:
    """Lets go of all memory kept for pictures to come, and of programs of their own."""
    with _lock:
        _free.clear()
    _own.clear()


def _own_key(shape: tuple[int, int], config: DetectConfig) -> tuple:
    return shape, jax.tree.structure(config)


@functools.lru_cache(maxsize=128)
def _placed_tables(
    height: int, width: int, min_face_size: float, scale_factor: float
) -> tuple[Table, ...]:
    made = tables(height, width, min_face_size=min_face_size, scale_factor=scale_factor)
    with jax.ensure_compile_time_eval():
        return jax.device_put(made)


@functools.lru_cache(maxsize=256)
def _attempts(config: DetectConfig) -> tuple[DetectConfig, DetectConfig | None, DetectConfig]:
    """What to look with first, and where windows are over its capacities; the last of both.

    The first two are `placed`; there is no second without retries.
    """
    # Both are in the table; other values are no other program.
    alike = dataclasses.replace(config, min_face_size=20, scale_factor=0.709)
    if not config.retries:
        return placed(alike), None, alike
    growth = GROWTH**config.retries
    capacities = tuple(growth * capacity for capacity in config.capacities)
    last = dataclasses.replace(alike, capacities=capacities, retries=0)
    return placed(alike), placed(last), last


@functools.lru_cache(maxsize=1024)
def _number(value: int) -> jax.Array:
    """int32 [] on the device: a copy a call less."""
    with jax.ensure_compile_time_eval():
        return jnp.int32(value)


@functools.cache
def _no_counts() -> jax.Array:
    with jax.ensure_compile_time_eval():
        return jnp.zeros(2, jnp.int32)


def look(
    params: Params,
    image: np.ndarray,
    config: DetectConfig,
    *,
    wanted: str = "faces",
    twice: bool = False,
) -> Any:
    """Looks at uint8 [h, w, 3], again at larger capacities where they overflow.

    Args:
        params: of the networks.
        image: the picture.
        config: how to look.
        wanted: as in `anysize.cascade.looked`.
        twice: whether to look again in any case, so that it is compiled.

    Returns:
        With "faces" float32 [n + 1, 16], as `compiled.detector` gives it; else what
        `anysize.cascade.stages` does. In NumPy arrays.
    """
    height, width = image.shape[:2]
    check_size(height, width)
    first, second, last = _attempts(config)
    room = next(room for room in ROOM if height * width <= room)
    capacity = last.capacities[0]
    key = room, capacity, programs.context(), getattr(first_leaf(params), "sharding", None)
    work, chunk, at = _loaded(_taken(key) or blank(room, capacity), image)
    seen = _placed_tables(height, width, config.min_face_size, config.scale_factor)
    counts = _no_counts()
    for table in seen:
        ends = np.bool_(table is seen[-1])
        work, counts, found = compiled.looker(wanted)(
            params, work, chunk, at, table, counts, ends, first
        )
    found, (_, count) = jax.device_get((found, counts))
    over = count > config.capacities[0] or _overflow(found).any()
    if second is not None and (over or twice):
        found = jax.device_get(compiled.judge(wanted)(params, work, table, counts, second))
    _give_back(key, work)
    if _overflow(found).any():
        warn(_overflow(found), image, last)
    return found


def stages(found: Any, until: str) -> dict[str, np.ndarray]:
    """What `detect_stages` gives for a picture, from what `look` does."""
    left, counts, rows, count, _ = found
    names = list(INPUT_SIZE)[: list(INPUT_SIZE).index(until) + 1]
    before = len(names) - 1
    kept = [*zip(left[:before], counts[:before], strict=True), (rows, count)]
    parts = [rows[:count] for rows, count in kept]
    ordered = [part[np.argsort(-part[:, 4], kind="stable")] for part in parts]
    return dict(zip(names, ordered, strict=True))


def _overflow(found: Any) -> np.ndarray:
    """int [3]: windows over each capacity, from what `look` gives."""
    return found[-1][:3].astype(int)


def _taken(key: tuple) -> Work | None:
    """Memory of a form, if some is free."""
    with _lock:
        for place, (form, work) in enumerate(_free):
            if form == key:
                del _free[place]
                return work
    return None


def _give_back(key: tuple, work: Work) -> None:
    """Keeps memory for the next picture, and lets go of what has not been used for longest."""
    with _lock:
        _free.append((key, work))
        while sum(leaf.nbytes for _, work in _free for leaf in work) > KEPT:
            _free.popleft()


def _loaded(work: Work, image: np.ndarray) -> tuple[Work, np.ndarray, jax.Array]:
    """All but a picture's last numbers in the memory; those, and where they go."""
    numbers = image.reshape(-1)
    total = _number(numbers.size)
    last = (numbers.size - 1) // CHUNK * CHUNK
    for at in range(0, last, CHUNK):
        part = numbers[at : at + CHUNK]
        work = work._replace(mips=compiled.loader()(work.mips, part, _number(at), total))
    chunk = np.empty(CHUNK, np.uint8)
    chunk[: numbers.size - last] = numbers[last:]
    return work, chunk, _number(last)
