"""The results of a partition: one Parquet file, with a row for each of its pictures."""

import io
import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import mtcnn_jax as mj
from experiments.bulk.storage import Place, naming, sizes, write

_NAME = re.compile(r"part-(\d{6,})\.parquet")

_BOX, _POINTS = pa.list_(pa.float32(), 4), pa.list_(pa.list_(pa.float32(), 2), 5)

SCHEMA = pa.schema(
    {
        "file": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "boxes": pa.list_(_BOX),
        "scores": pa.list_(pa.float32()),
        "landmarks": pa.list_(_POINTS),
        "error": pa.string(),
    }
)
"""Of a picture that could not be looked at all is null but `file` and `error`."""

CROPS = pa.field("crops", pa.list_(pa.binary()))
"""With crops, after the others: PNG files."""

_COUNTS = b"mtcnn_jax"

_ARRAYS = ("boxes", "scores", "landmarks")


class Counts(NamedTuple):
    """What a partition holds: pictures, those that failed among them, and faces."""

    pictures: int
    errors: int
    faces: int


def name(partition: int) -> str:
    """What the file of a partition is called."""
    return f"part-{partition:06}.parquet"


def finished(output: Place) -> set[int]:
    """The partitions that a folder holds whole.

    Raises:
        OSError: It cannot be listed.
    """
    found = ((_NAME.fullmatch(file), size) for file, size in sizes(output).items())
    # A machine that lost its power may have kept the name of a file and none of its bytes.
    return {int(match[1]) for match, size in found if match and size}


def to_row(
    file: str, size: tuple[int, int], faces: mj.Faces, crops: list[bytes] | None = None
) -> dict[str, Any]:
    """The row of a picture.

    Args:
        file: Its name.
        size: Height and width in pixels.
        faces: Those in it.
        crops: A PNG file of each, where they are wanted.
    """
    row = {"file": file, "height": size[0], "width": size[1], "error": None, "crops": crops}
    return row | {key: getattr(faces, key) for key in _ARRAYS}


def to_failure(file: str, error: str) -> dict[str, Any]:
    """The row of a picture that could not be looked at."""
    return {"file": file, "error": error}


def write_partition(
    place: Place, rows: Iterable[dict[str, Any]], *, row_group_size: int, crops: bool
) -> Counts:
    """Writes the file of a partition, at once, when all of its rows have come.

    Args:
        place: The file.
        rows: From `to_row` and `to_failure`.
        row_group_size: Pictures of a row group.
        crops: Whether there is a column of crops.

    Raises:
        OSError: It cannot be written; the text names it.
    """
    schema = SCHEMA.append(CROPS) if crops else SCHEMA
    content, held = io.BytesIO(), []
    pictures = errors = faces = 0
    with pq.ParquetWriter(content, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(_to_table(held, schema), row_group_size=len(held))
            held.clear()

        for row in rows:
            held.append(row)
            pictures += 1
            errors += row["error"] is not None
            faces += len(row.get("scores", ()))
            if len(held) == row_group_size:
                flush()
        if held:
            flush()
        counts = Counts(pictures, errors, faces)
        writer.add_key_value_metadata({_COUNTS: json.dumps(counts).encode()})
    write(place, content.getvalue())
    return counts


def _to_table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    columns = [
        _to_lists([row.get(field.name) for row in rows], field.type)
        if field.name in _ARRAYS
        else pa.array([row.get(field.name) for row in rows], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _to_lists(arrays: list[np.ndarray | None], kind: pa.ListType) -> pa.ListArray:
    """Lists of arrays, null for none, without a Python object for each number."""
    none = np.array([one is None for one in arrays])
    lengths = [0 if one is None else len(one) for one in arrays]
    found = [one.ravel() for one in arrays if one is not None]
    values = pa.array(np.concatenate(found or [np.empty(0)]), pa.float32())
    return pa.ListArray.from_arrays(
        pa.array(np.append(0, np.cumsum(lengths)), pa.int32()),
        _grouped(values, kind.value_type),
        kind,
        mask=pa.array(none),
    )


def _grouped(values: pa.Array, kind: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_list(kind):
        return values
    return pa.FixedSizeListArray.from_arrays(_grouped(values, kind.value_type), type=kind)


def read_counts(place: Place) -> Counts:
    """What a partition's file holds, by its end alone.

    Raises:
        OSError: It cannot be read; the text names it.
    """
    with naming(place, "cannot be read"), place.fs.open(place.path, "rb") as opened:
        return Counts(*json.loads(pq.read_metadata(opened).metadata[_COUNTS]))
