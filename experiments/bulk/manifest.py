"""The pictures of a job in partitions, written once: no process ever holds a list of them all."""

import bisect
import io
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

import mtcnn_jax as mj
from experiments.bulk.listing import Source
from experiments.bulk.storage import Place, naming, read, write

FOLDER = "_manifest"

SETTINGS = f"{FOLDER}/settings.json"
"""Of the job whose pictures are being listed; written first, which shows whether one may write."""

WEIGHTS = f"{FOLDER}/weights.npz"
"""The networks' parameters, which workers read: they need no other file of the machine that the job
was begun on."""

DONE = f"{FOLDER}/done.json"
"""How many pictures and partitions there are; written last, when all are listed."""

FILE_SIZE = 100_000
"""Pictures after which another file of the manifest begins."""

_SCHEMA = pa.schema(
    {"file": pa.binary(), "group": pa.int32(), "groups": pa.int32(), "row": pa.int64()}
    | {"pictures": pa.int64()}
)


class Manifest(NamedTuple):
    """The pictures of a job.

    Attributes:
        output: The folder of results, in which it lies.
        starts: Of each file of the manifest, the first partition in it; a row group is one.
        partitions: How many there are.
        pictures: How many there are.
        left_out: How many other files there were.
    """

    output: Place
    starts: tuple[int, ...]
    partitions: int
    pictures: int
    left_out: int

    def sources(self, partition: int) -> list[Source]:
        """The pictures of a partition.

        Raises:
            OSError: The manifest cannot be read; the text names the file.
        """
        number = bisect.bisect_right(self.starts, partition) - 1
        place = self.output / _name(number)
        with naming(place, "cannot be read"), place.fs.open(place.path, "rb") as opened:
            table = pq.ParquetFile(opened).read_row_group(partition - self.starts[number])
        return list(itertools.starmap(Source, zip(*table.to_pydict().values(), strict=True)))


def _name(number: int) -> str:
    return f"{FOLDER}/pictures-{number:06}.parquet"


def read_manifest(output: Place) -> tuple[Manifest, dict[str, Any]] | None:
    """The manifest that a folder of results holds, and the settings of its job.

    Returns:
        None where there is none, or one that was not finished.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged; the text names the file.
    """
    content = read(output / DONE)
    if content is None:
        return None
    try:
        told = json.loads(content)
        counts = (int(told[name]) for name in ("partitions", "pictures", "left_out"))
        return Manifest(output, tuple(told["starts"]), *counts), dict(told["settings"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{(output / DONE).url!r} is damaged; accepted: another --output, or --overwrite"
        ) from error


def write_manifest(
    output: Place, sources: Iterable[Source | None], settings: Mapping[str, Any], size: int
) -> Manifest:
    """Lists pictures and divides them.

    Args:
        output: The folder of results.
        sources: The pictures; None for each file that is left out.
        settings: Of the job.
        size: Pictures of a partition.

    Raises:
        OSError: It cannot be written; the text names the file.
        ValueError: There is no picture.
    """
    told = {"mtcnn_jax": mj.__version__, "settings": dict(settings)}
    write(output / SETTINGS, json.dumps(told, indent=2).encode())
    left_out = itertools.count()
    wanted = (source for source in sources if source is not None or next(left_out) is None)
    starts: list[int] = []
    partitions = pictures = 0
    parts = _partitions(wanted, size)
    for first in parts:
        starts.append(partitions)
        content, held = io.BytesIO(), 0
        with pq.ParquetWriter(content, _SCHEMA) as writer:
            for part in itertools.chain([first], parts):
                columns = map(list, zip(*part, strict=True))
                writer.write_table(pa.table(list(columns), schema=_SCHEMA))
                partitions += 1
                held += sum(source.pictures for source in part)
                if held >= FILE_SIZE:
                    break
        write(output / _name(len(starts) - 1), content.getvalue())
        pictures += held
    others = next(left_out)
    if not pictures:
        raise ValueError(
            f"no picture at {settings['input']}, and {others} other files; accepted: a folder with "
            "pictures in it or in its sub folders, a picture, or Parquet with --column"
        )
    counts = {"partitions": partitions, "pictures": pictures, "left_out": others}
    write(output / DONE, json.dumps(told | counts | {"starts": starts}, indent=2).encode())
    return Manifest(output, tuple(starts), **counts)


def _partitions(sources: Iterable[Source], size: int) -> Iterator[list[Source]]:
    part: list[Source] = []
    held = 0
    for source in sources:
        if part and held + source.pictures > size:
            yield part
            part, held = [], 0
        part.append(source)
        held += source.pictures
    if part:
        yield part


def shown(file: bytes) -> str:
    r"""A file's name as text, in which bytes that are none are written like \xe9."""
    return file.decode("utf-8", "backslashreplace")


def on_disk(file: bytes) -> str:
    """A file's name as the system takes it."""
    return os.fsdecode(file)
