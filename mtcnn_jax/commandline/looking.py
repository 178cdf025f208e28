"""Pictures read in threads and looked at, one by one or in batches; what fails is named."""

import contextlib
import functools
import itertools
import math
import pathlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

import mtcnn_jax as mj
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.runtime.batches import HELD_PIXELS
from mtcnn_jax.runtime.buckets import check_size
from mtcnn_jax.runtime.readahead import read_ahead
from mtcnn_jax.stream import default_ahead

GROUP = 4
"""Batches of pictures that are read before the first of them is looked at: more of them are of one
bucket."""


class Seen(NamedTuple):
    """A picture that was looked at.

    Attributes:
        path: Of the picture, or what else it was read from; as text it is its name.
        image: uint8 [h, w, 3]; None where it could not be read.
        faces: Those found in it; None where that failed.
        failure: A sentence that names the picture and says why; "" where nothing failed.
    """

    path: Any
    image: np.ndarray | None = None
    faces: mj.Faces | None = None
    failure: str = ""


def read_picture(path: pathlib.Path) -> np.ndarray:
    """Reads a picture, uint8 [h, w, 3].

    Raises:
        OSError, ValueError: It cannot be read, or is too large; the text names it.
    """
    if path.is_dir():
        raise ValueError(f"{str(path)!r} cannot be listed; accepted: a folder that you may read")
    if path.exists() and not path.is_file():
        raise ValueError(f"{str(path)!r} is a pipe, a device or the like; accepted: a picture file")
    try:
        image = mj.read_image(path)
    except MemoryError as error:
        raise ValueError(f"{str(path)!r} takes more memory than there is") from error
    check_size(*image.shape[:2], name=repr(str(path)))
    return image


def look_at(params: Params, image: np.ndarray, name: str, config: mj.DetectConfig) -> mj.Faces:
    """Finds the faces of one picture.

    Raises:
        ValueError: It is too large for the memory; the text names it.
    """
    try:
        return mj.detect(params, image, config)
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from error
    except MemoryError as error:
        raise ValueError(f"{name!r} takes more memory than there is") from error
    except jax.errors.JaxRuntimeError as error:
        if not _is_of_memory(error):
            raise
        raise ValueError(f"{name!r} takes more memory than the device has") from error


def look_through(
    params: Params,
    paths: Iterable[Any],
    config: mj.DetectConfig,
    *,
    batch_size: int,
    known: Callable[[Any], mj.Faces | None] = lambda path: None,
    read: Callable[[Any], np.ndarray] | None = None,
) -> Generator[Seen, None, None]:
    """Looks at pictures, of which some are read ahead.

    Args:
        params: The networks' parameters.
        paths: The pictures: paths, or whatever `read` takes.
        config: How to look for faces.
        batch_size: How many go through together.
        known: Gives the faces of a picture that need not be looked for any more.
        read: Reads a picture, in threads; its OSError or ValueError is the picture's failure. By
            default `read_picture`.

    Yields:
        Each picture, in order.
    """
    ahead = default_ahead(batch_size)
    reading = functools.partial(_read, read or read_picture)
    with contextlib.closing(read_ahead(reading, paths, ahead=ahead)) as outcomes:
        pictures = (outcome.result() for outcome in outcomes)
        if batch_size == 1:
            for seen in pictures:
                yield _looked_at(params, seen._replace(faces=_known(seen, known)), config)
            return
        for group in _groups(pictures, GROUP * batch_size):
            group = [seen._replace(faces=_known(seen, known)) for seen in group]
            yield from _looked_at_together(params, group, config, batch_size)


def _known(seen: Seen, known: Callable) -> mj.Faces | None:
    return None if seen.failure else known(seen.path)


def _read(read: Callable[[Any], np.ndarray], path: Any) -> Seen:
    try:
        return Seen(path, read(path))
    except (OSError, ValueError) as error:
        return Seen(path, failure=str(error))


def _looked_at(params: Params, seen: Seen, config: mj.DetectConfig) -> Seen:
    if seen.failure or seen.faces is not None:
        return seen
    try:
        return seen._replace(faces=look_at(params, seen.image, str(seen.path), config))
    except ValueError as error:
        return seen._replace(failure=str(error))


def _looked_at_together(
    params: Params, group: Sequence[Seen], config: mj.DetectConfig, batch_size: int
) -> Iterator[Seen]:
    new = [seen.image for seen in group if not seen.failure and seen.faces is None]
    try:
        found = iter(mj.detect_batch(params, new, config, batch_size=batch_size))
    except (MemoryError, ValueError, jax.errors.JaxRuntimeError) as error:
        if not (isinstance(error, ValueError) or _is_of_memory(error)):
            raise
        # Together they are too much, say. One by one those that are will be named.
        yield from (_looked_at(params, seen, config) for seen in group)
        return
    for seen in group:
        is_new = not seen.failure and seen.faces is None
        yield seen._replace(faces=next(found)) if is_new else seen


def _is_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def _groups(pictures: Iterable[Seen], most: int) -> Iterator[list[Seen]]:
    """Lists of up to `most` pictures, fewer where these have many pixels."""
    pictures = iter(pictures)
    while group := list(itertools.islice(pictures, 1)):
        pixels = _pixels(group[0])
        while len(group) < most and pixels < HELD_PIXELS:
            seen = next(pictures, None)
            if seen is None:
                break
            group.append(seen)
            pixels += _pixels(seen)
        yield group


def _pixels(seen: Seen) -> int:
    return 0 if seen.image is None else math.prod(seen.image.shape[:2])
