"""The pictures of a partition: fetched ahead, since networks and disks are slow, and decoded."""

import contextlib
import functools
import io
import os
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

import mtcnn_jax as mj
from experiments.bulk.listing import Source, column_of
from experiments.bulk.manifest import on_disk, shown
from experiments.bulk.storage import Place, failures, open_place, reason
from mtcnn_jax.runtime.buckets import check_size
from mtcnn_jax.runtime.readahead import read_ahead

THREADS_HERE, THREADS_ELSEWHERE = 2, 32
"""That fetch: a bucket answers after tens of milliseconds, however small a picture is."""

ROWS = 16
"""Rows of Parquet that are read at a time."""


class Fetched(NamedTuple):
    """An encoded picture.

    Attributes:
        name: As results tell it.
        content: The file's bytes; None where they could not be had.
        failure: A sentence that says why; "" where nothing failed.
    """

    name: str
    content: bytes | None = None
    failure: str = ""

    def __str__(self) -> str:
        return self.name


def fetch_all(sources: Iterable[Source], root: Place, column: str | None) -> Iterator[Fetched]:
    """Fetches pictures in threads, ahead of their being wanted.

    Args:
        sources: From a manifest.
        root: The folder that they are in.
        column: Of Parquet, see `listing.column_of`.

    Yields:
        Each picture, in order.
    """
    threads = THREADS_HERE if root.is_local else THREADS_ELSEWHERE
    calls = _calls(sources, root, column)
    with contextlib.closing(
        read_ahead(lambda call: call(), calls, ahead=2 * threads, threads=threads)
    ) as outcomes:
        for outcome in outcomes:
            yield outcome.result()


def _calls(
    sources: Iterable[Source], root: Place, column: str | None
) -> Iterator[Callable[[], Fetched]]:
    """What fetches each picture, to be called in any thread."""
    for source in sources:
        if source.group is None:
            yield functools.partial(_fetch, source, root)
        else:
            for fetched in _rows(source, root, column):
                yield functools.partial(_same, fetched)


def _same(fetched: Fetched) -> Fetched:
    return fetched


def _located(source: Source, root: Place) -> Place:
    """Where a file is: below the folder, or, of names in Parquet, wherever that says."""
    file = on_disk(source.file)
    return open_place(file) if "://" in file or os.path.isabs(file) else root / file


def _fetch(source: Source, root: Place) -> Fetched:
    name = shown(source.file)
    try:
        place = _located(source, root)
        if place.is_local and not os.path.isfile(place.path) and os.path.lexists(place.path):
            # A pipe would be waited for without end.
            raise ValueError(_no_file(name, place.path))
        return Fetched(name, place.fs.cat_file(place.path))
    except (*failures(), ValueError) as error:
        told = str(error) if isinstance(error, ValueError) else f"{name!r}: {reason(error)}"
        return Fetched(name, failure=told)


def _no_file(name: str, path: str) -> str:
    if os.path.isdir(path):
        return f"{name!r} cannot be listed; accepted: a folder that you may read"
    if os.path.islink(path) and not os.path.exists(path):
        return f"{name!r} is a link that leads nowhere; accepted: a picture file"
    return f"{name!r} is a pipe, a device or the like; accepted: a picture file"


def _rows(source: Source, root: Place, column: str | None) -> Iterator[Fetched]:
    """The pictures in rows of Parquet, named FILE#ROW; rows that cannot be read are failures."""
    file, done = shown(source.file), 0
    try:
        place = _located(source, root)
        with place.fs.open(place.path, "rb") as opened, pq.ParquetFile(opened) as parquet:
            chosen = column_of(parquet.schema_arrow, column, place)
            groups = list(range(source.group, source.group + source.groups))
            for batch in parquet.iter_batches(ROWS, row_groups=groups, columns=[chosen]):
                for value in batch.column(0):
                    yield _of_row(f"{file}#{source.row + done}", value.as_py())
                    done += 1
    except (*failures(), ValueError, pa.ArrowException) as error:
        for row in range(source.row + done, source.row + source.pictures):
            name = f"{file}#{row}"
            yield Fetched(name, failure=f"{name!r} cannot be read: {reason(error)}")


def _of_row(name: str, value: bytes | dict | None) -> Fetched:
    content = value.get("bytes") if isinstance(value, dict) else value
    if content is None:
        return Fetched(name, failure=f"{name!r} holds no bytes; accepted: an encoded picture")
    return Fetched(name, content)


def decode(fetched: Fetched, *, max_pixels: int) -> np.ndarray:
    """Decodes a picture, uint8 [h, w, 3].

    Args:
        fetched: The picture.
        max_pixels: Of one with more, as it says of itself, nothing is decoded.

    Raises:
        ValueError: It was not fetched, is no picture or is too large; the text names it.
    """
    if fetched.failure:
        raise ValueError(fetched.failure)
    name = repr(fetched.name)
    width, height = _size(fetched.content)
    if width * height > max_pixels:
        raise ValueError(
            f"{name} has {width} x {height} pixels; accepted are up to --max_pixels={max_pixels}"
        )
    try:
        image = mj.read_image(fetched.content)
    except MemoryError as error:
        raise ValueError(f"{name} takes more memory than there is") from error
    except ValueError as error:
        raise ValueError(str(error).replace("the bytes given", name)) from error
    check_size(*image.shape[:2], name=name)
    return image


def _size(content: bytes) -> tuple[int, int]:
    """Width and height without decoding; zeros where Pillow cannot tell, and reading says why."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return 0, 0
