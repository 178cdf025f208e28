"""A worker: the pictures of a partition in, the file with their faces out."""

import contextlib
import functools
import io
import os
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import mtcnn_jax as mj
from experiments.bulk.attempts import Attempt
from experiments.bulk.isolation import isolated
from experiments.bulk.manifest import WEIGHTS, Manifest
from experiments.bulk.partitions import (
    Counts,
    name,
    read_counts,
    to_failure,
    to_row,
    write_partition,
)
from experiments.bulk.pictures import decode, fetch_all
from experiments.bulk.settings import Settings
from experiments.bulk.storage import Place, read
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.commandline.compilations import keep_compilations
from mtcnn_jax.commandline.copies import cut_out
from mtcnn_jax.commandline.looking import Seen, look_through
from mtcnn_jax.commandline.results import chosen
from mtcnn_jax.detect import checked

LOOKED_AFTER = 16
"""Pictures between two looks at the memory map, which takes up to 30 ms."""


class Job(NamedTuple):
    """What all workers know: what is asked for, where the pictures are, and which they are."""

    settings: Settings
    root: Place
    manifest: Manifest


def do_partition(job: Job, params: Params, partition: int) -> Counts:
    """Looks at the pictures of a partition and writes its file, unless that is there.

    Raises:
        OSError: The manifest cannot be read, or the file not written; the text names it.
        ValueError: The partition killed many workers.
    """
    output, settings = job.manifest.output, job.settings
    place = output / name(partition)
    if place.fs.exists(place.path):  # By a worker that died thereafter.
        return read_counts(place)
    attempt = Attempt(output, partition)
    looked_at = (_carefully if attempt.careful else _ahead)(job, params, partition, attempt)
    with contextlib.closing(looked_at) as rows:
        counts = write_partition(
            place,
            rows,
            row_group_size=settings.row_group_size,
            crops=settings.options.crops is not None,
        )
    attempt.end()
    return counts


def _look(job: Job, params: Params, pictures: Any, **arguments: Any) -> Iterator[dict[str, Any]]:
    options = job.settings.options
    size = checked(options.config, options.batch_size)
    seen = look_through(params, pictures, options.config, batch_size=size, **arguments)
    with contextlib.closing(seen):
        for number, one in enumerate(seen, 1):
            if number % LOOKED_AFTER == 0:
                mj.runtime.spare_mappings()
            yield _row(one, job)


def _row(seen: Seen, job: Job) -> dict[str, Any]:
    if seen.failure:
        return to_failure(str(seen.path), seen.failure)
    options, size = job.settings.options, seen.image.shape[:2]
    faces, crops = chosen(seen.faces, size, options), None
    if options.crops:
        crops = [_crop(seen.image, faces[n : n + 1], options) for n in range(len(faces))]
    return to_row(str(seen.path), size, faces, crops)


def _crop(image: np.ndarray, face: mj.Faces, options: Any) -> bytes | None:
    try:
        return cut_out(image, face, options)
    except ValueError:  # Its points are in one place, say: there is nothing to show.
        return None


def _ahead(job: Job, params: Params, partition: int, attempt: Attempt) -> Iterator[dict[str, Any]]:
    """The rows of a partition, whose pictures are fetched and decoded in threads."""
    sources = job.manifest.sources(partition)
    read = functools.partial(decode, max_pixels=job.settings.max_pixels)
    with contextlib.closing(fetch_all(sources, job.root, job.settings.column)) as pictures:
        yield from _look(job, params, pictures, read=read)


def _carefully(
    job: Job, params: Params, partition: int, attempt: Attempt
) -> Iterator[dict[str, Any]]:
    """The same, one picture after the other, each decoded in another process."""
    sources = job.manifest.sources(partition)
    with (
        isolated() as decoder,
        contextlib.closing(fetch_all(sources, job.root, job.settings.column)) as pictures,
    ):
        read = functools.partial(decoder.decode, max_pixels=job.settings.max_pixels)
        for number, fetched in enumerate(pictures):
            if attempt.take(number):
                yield from _look(job, params, [fetched], read=read)
            else:
                yield to_failure(
                    fetched.name,
                    f"{fetched.name!r} killed the workers that looked at it; accepted: a picture "
                    "that fits the memory",
                )
    attempt.take(None)


class Detector:
    """The worker that Ray Data calls: it loads the networks once."""

    def __init__(self, job: Job):
        """Makes this process a worker."""
        # Of XLA's threads, before it begins: workers beside each other share the cores.
        os.environ["NPROC"] = str(job.settings.cpus_per_worker)
        keep_compilations()
        mj.runtime.keep_memory()
        self._job = job
        content = read(job.manifest.output / WEIGHTS)
        if content is None:
            raise OSError(f"no such file: {(job.manifest.output / WEIGHTS).url!r}")
        self._params = mj.load_params(io.BytesIO(content))

    def __call__(self, batch: dict[str, np.ndarray]) -> Iterator[dict[str, list]]:
        """Does partitions, one after the other.

        Yields:
            Of each, one row: what its file holds, or why the job cannot go on.
        """
        for partition in map(int, batch["partition"]):
            begun, failed = time.monotonic(), ""
            counts = Counts(0, 0, 0)
            try:
                counts = do_partition(self._job, self._params, partition)
            except (OSError, ValueError) as error:
                failed = str(error)
            row = {"partition": partition, **counts._asdict(), "failed": failed}
            row["seconds"] = time.monotonic() - begun
            yield {key: [value] for key, value in row.items()}
