"""The lines of faces.jsonl: added as they come, never where a link leads, and read again."""

import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any


def append_line(path: pathlib.Path, line: str) -> None:
    """Adds a line to a file that `mtcnn_jax.writing.write_whole` has begun.

    Raises:
        OSError: The file is gone, is a link by now or cannot be written; the text names it.
    """
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        with open(os.open(path, flags), "ab", buffering=0) as file:
            left = memoryview(f"{line}\n".encode())
            while left:  # At once but for a full disk: Ctrl-C leaves no half of a line.
                left = left[file.write(left) :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def read_records(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    """The pictures' records, one after the other; a last line that was cut short is none.

    Raises:
        ValueError: Another line is no record; the text names it.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
                count = len(record["scores"])
                is_record = isinstance(record["file"], str) and len(record["size"]) == 2
                is_record &= len(record["boxes"]) == len(record["landmarks"]) == count
            except (ValueError, TypeError, KeyError):
                is_record = False
            if not is_record:
                raise ValueError(
                    f"{str(path)!r}, line {number}, is not the record of a picture; accepted: the "
                    "lines as they were written, another --output, or --overwrite"
                )
            yield record


def length_of_whole_lines(path: pathlib.Path) -> int:
    """Bytes up to the end of the last line that was not cut short."""
    with open(path, "rb") as file:
        return sum(len(line) for line in file if line.endswith(b"\n"))
