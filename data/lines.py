"""The lines of annotation files, and the numbers on them."""

import math
import os
import pathlib
from collections.abc import Iterator

from data.archives import ArchiveError, PictureArchive, shown

FARTHEST = 100_000
"""Largest number of pixels in a label, either way: no JPEG has sides of more than 65,535."""


def decode_text(content: bytes, name: str) -> str:
    """The text of a file called `name`, with or without a byte order mark.

    Raises:
        ArchiveError: naming the line that is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ArchiveError(f"{name}, line {line}: {error}; accepted is UTF-8") from None


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of an annotation file; see `decode_text`."""
    return decode_text(pathlib.Path(path).read_bytes(), str(path))


def read_member(path: pathlib.Path, member: str, *, named_by: str) -> tuple[str, str]:
    """The text of an archive's member, and what to call it in errors.

    Raises:
        ArchiveError: as `PictureArchive.read` and `decode_text` do.
    """
    archive, name = PictureArchive(path), f"{path}: {member}"
    content = archive.read(member, named_by=named_by)
    archive.close()
    return decode_text(content, name), name


class Lines:
    """The lines of an annotation file, numbered, for errors that name the line."""

    def __init__(self, name: str, text: str):
        self.name = name
        # Not `splitlines`, which also ends lines where no editor does.
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._lines = [line.strip() for line in lines]
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        self.number = 0

    def __bool__(self) -> bool:
        """Whether there are lines left."""
        return self.number < len(self._lines)

    def __iter__(self) -> Iterator[str]:
        while self:
            yield self.take()

    @property
    def place(self) -> str:
        """The file and the line read last."""
        return f"{self.name}, line {self.number}"

    def take(self) -> str:
        """The next line."""
        self.number += 1
        if self.number > len(self._lines):
            raise ArchiveError(f"{self.place}: the file ends here; accepted is a whole one")
        return self._lines[self.number - 1]

    @property
    def next(self) -> str:
        """The next line, without taking it; empty at the end of the file."""
        return self._lines[self.number] if self else ""

    def split_name(self, line: str) -> tuple[str, str]:
        """A line's name, up to the first blank or tab, and the rest."""
        name, _, rest = line.replace("\t", " ").partition(" ")
        return name, rest.strip()

    def numbers(self, text: str, count: int) -> list[float]:
        """Exactly `count` finite numbers of a line's text."""
        try:
            values = [float(part) for part in text.split()]
        except ValueError:
            values = []
        if len(values) != count:
            raise ArchiveError(f"{self.place}: {shown(text)}; accepted are {count} numbers")
        if not all(map(math.isfinite, values)):
            raise ArchiveError(f"{self.place}: {shown(text)}; accepted are finite numbers")
        return values

    def pixels(self, text: str, count: int, *, others: int = 0) -> list[float]:
        """Exactly `count` numbers, none but the last `others` farther from 0 than `FARTHEST`."""
        values = self.numbers(text, count)
        if max(map(abs, values[: count - others])) > FARTHEST:
            raise ArchiveError(
                f"{self.place}: {shown(text)}; accepted are pixels from -{FARTHEST} to {FARTHEST}"
            )
        return values

    def count(self, things: str) -> int:
        """The next line, which says how many `things` follow."""
        (value,) = self.numbers(self.take(), 1)
        if value < 0 or value != int(value):
            raise ArchiveError(f"{self.place}: {value:g}; accepted is a whole number of {things}")
        return int(value)
