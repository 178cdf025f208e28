"""The names of the pictures in a folder, or of Parquet's rows: as they come, never all at once."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.bulk.storage import Place, naming, reason
from mtcnn_jax.commandline.pictures import ENDINGS

PARQUET = (".parquet", ".pq")


class Source(NamedTuple):
    """A picture file, or some rows of a Parquet file that hold encoded pictures.

    Attributes:
        file: Relative to the input, or a whole path or URL; bytes, since a name may be no text.
        group: The first row group; None for a picture file.
        groups: How many row groups.
        row: The number of their first row in the file.
        pictures: How many there are.
    """

    file: bytes
    group: int | None = None
    groups: int | None = None
    row: int | None = None
    pictures: int = 1


def list_files(root: Place, endings: frozenset[str] | tuple[str, ...]) -> Iterator[str | None]:
    """The files below a folder, in no order, hidden ones and hidden folders left out.

    Yields:
        The name relative to the folder; None for a file that ends otherwise. A folder that cannot
        be listed is named like a file, and fails when it is read.

    Raises:
        OSError: The folder itself cannot be listed; the text names it.
    """
    entries = _entries_here(root) if root.is_local else _entries_elsewhere(root)
    for name in entries:
        yield name if os.path.splitext(name)[1].lower() in endings or name[-1] == "/" else None


def _entries_here(root: Place) -> Iterator[str]:
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(os.path.join(root.path, folder)) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    name = f"{folder}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{name}/")
                    elif not entry.is_dir():
                        yield name
        except OSError as error:
            if not folder:
                raise OSError(f"{root.url!r} cannot be listed: {reason(error)}") from error
            yield folder


def _entries_elsewhere(root: Place) -> Iterator[str]:
    with naming(root, "cannot be listed"):
        for parent, folders, names in root.fs.walk(root.path, on_error="raise"):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            within = parent[len(root.path.rstrip("/")) :].strip("/")
            for name in sorted(names):
                if name and not name.startswith("."):
                    yield f"{within}/{name}" if within else name


def is_file(root: Place) -> bool:
    """Whether an input is a file and no folder.

    Raises:
        OSError: It is neither, or cannot be read; the text names it.
    """
    with naming(root, "cannot be read"):
        return root.fs.info(root.path)["type"] != "directory"


def list_sources(
    root: Place, *, single: bool, column: str | None, most: int
) -> Iterator[Source | None]:
    """All pictures of an input; None for each file that is left out.

    Args:
        root: A folder of pictures or one picture; a Parquet file or, with `column`, a folder of
            such files.
        single: From `is_file`.
        column: Of Parquet, the one that holds the pictures, or their names; where there is one
            only that can, it need not be named.
        most: Pictures from several row groups of Parquet that come as one source.

    Raises:
        OSError: The folder cannot be listed, or a Parquet file not be read; the text names it.
        ValueError: Parquet is damaged, or lacks the column; the text names the file.
    """
    if single and root.path.lower().endswith(PARQUET):
        yield from _rows(root, root.path.rpartition("/")[2], column, most)
    elif single:
        yield Source(os.fsencode(root.path.rpartition("/")[2]))
    elif column is None:
        for name in list_files(root, ENDINGS):
            yield None if name is None else Source(os.fsencode(name))
    else:
        for name in list_files(root, PARQUET):
            yield from [None] if name is None else _rows(root / name, name, column, most)


def _rows(place: Place, name: str, column: str | None, most: int) -> Iterator[Source]:
    with naming(place, "cannot be read"):
        try:
            with place.fs.open(place.path, "rb") as opened, pq.ParquetFile(opened) as file:
                kind = file.schema_arrow.field(column_of(file.schema_arrow, column, place)).type
                if pa.types.is_string(kind) or pa.types.is_large_string(kind):
                    yield from _named_rows(file, column)
                else:
                    yield from _groups(file.metadata, os.fsencode(name), most)
        except pa.ArrowException as error:
            raise ValueError(
                f"{place.url!r} is not Parquet or damaged: {error}; accepted: Parquet files"
            ) from error


def column_of(schema: pa.Schema, column: str | None, place: Place) -> str:
    """The column that holds the pictures: encoded, in a struct's "bytes", or their names.

    Raises:
        ValueError: There is no such column, or none or several that can be.
    """
    can = [field.name for field in schema if _holds_pictures(field.type)]
    if column is None and len(can) == 1:
        return can[0]
    names = pa.types.is_string, pa.types.is_large_string
    if column in can or (
        column in schema.names and any(is_text(schema.field(column).type) for is_text in names)
    ):
        return column
    asked = "--column is not given" if column is None else f"--column={column}"
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
    raise ValueError(
        f"{asked}; accepted of {place.url!r}: a column of bytes, of structs with bytes, or of "
        f"names; it has {columns}"
    )


def _holds_pictures(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _named_rows(file: pq.ParquetFile, column: str) -> Iterator[Source]:
    for batch in file.iter_batches(columns=[column]):
        for name in batch.column(0):
            yield Source(os.fsencode(name.as_py() or ""))


def _groups(metadata: pq.FileMetaData, file: bytes, most: int) -> Iterator[Source]:
    """Row groups together while they have few rows; none is divided, so each is read once."""
    row = first = rows = 0
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).num_rows
        if rows and rows + size > most:
            yield Source(file, first, group - first, row, rows)
            row, first, rows = row + rows, group, 0
        rows += size
    if rows:
        yield Source(file, first, metadata.num_row_groups - first, row, rows)
