"""Pictures and annotations in the archives that data sets come in.

An error names the archive, the line of the annotation and the picture, so that a broken download
can be told from a wrong folder. Names in annotations come from elsewhere: each goes through
`check_name` where it is parsed, and each file through `inside` before it is read.
"""

import lzma
import math
import os
import pathlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

FARTHEST = 100_000
"""Largest number of pixels in a label, either way: no JPEG has sides of more than 65,535."""

# What zipfile and its decoders raise on archives that are cut off, broken or encrypted.
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class ArchiveError(ValueError):
    """An archive is damaged, or does not hold what an annotation names."""


class PictureError(ArchiveError):
    """A picture is broken, or its labels are not on it; the others may be fine."""


def require(folder: str | os.PathLike[str], names: tuple[str, ...]) -> pathlib.Path:
    """The folder, once it is sure that it holds the files or folders `names`.

    A name of the form "a.zip|a" is there if either is.

    Raises:
        FileNotFoundError: naming what is missing and all that is wanted.
    """
    folder = pathlib.Path(folder)
    missing = [
        name for name in names if not any((folder / one).exists() for one in name.split("|"))
    ]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)}; accepted is a folder with {', '.join(names)}"
        )
    return folder


def shown(text: str) -> str:
    """A text in quotes for an error, cut after 80 characters."""
    return repr(text if len(text) <= 80 else f"{text[:80]}...")


def check_name(name: str, place: str) -> str:
    """A picture's name out of an annotation, once it is sure to stay below its folder.

    Args:
        name: the path, with / between its parts.
        place: the file and line that it stands on, for the error.

    Returns:
        The name without parts that say nothing ("./a.jpg" is "a.jpg").

    Raises:
        ArchiveError: if it is empty or absolute, goes up by "..", has a drive letter, a control
            character or what no UTF-8 can say, or a part of more than 255 bytes.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    wrong = (
        not parts
        or name[0] in "/\\"
        or re.match("[A-Za-z]:", name)
        or ".." in re.split(r"[/\\]", name)
        or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name)
        or max(len(part.encode()) for part in parts) > 255
    )
    if wrong:
        raise ArchiveError(
            f"{place}: {shown(name)}; accepted is the path of a picture below its folder, without "
            ".., drive or control character"
        )
    return "/".join(parts)


def inside(folder: pathlib.Path, name: str, place: str) -> pathlib.Path:
    """The file `name` of a folder, whether it is there or not.

    Raises:
        ArchiveError: if it lies elsewhere once links are followed.
    """
    real = pathlib.Path(os.path.realpath(folder / name))
    if not real.is_relative_to(os.path.realpath(folder)):
        raise ArchiveError(
            f"{folder}: {name}, which {place} names, is a link to {real}; accepted are files "
            "within the folder"
        )
    return folder / name


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


class PictureArchive:
    """The pictures of a ZIP archive, or of the folder that it unpacks to."""

    def __init__(self, path: str | os.PathLike[str]):
        """Opens the archive.

        Raises:
            ArchiveError: if the file is no whole ZIP archive.
            FileNotFoundError: if there is nothing at the path.
        """
        self.path = pathlib.Path(path)
        self._zip = None
        if not self.path.is_dir():
            try:
                self._zip = zipfile.ZipFile(self.path)
            except (FileNotFoundError, PermissionError):
                raise
            except ZIP_ERRORS as error:
                raise ArchiveError(
                    f"{self.path} is no whole ZIP archive: {error}; accepted: a ZIP archive or a "
                    "folder"
                ) from error

    @property
    def names(self) -> list[str]:
        """The members of a ZIP archive, sorted."""
        return sorted(self._zip.namelist())

    def read(self, member: str, *, named_by: str) -> bytes:
        """The bytes of a member.

        Args:
            member: path within the archive.
            named_by: the annotation and line that name it, for the error.

        Raises:
            ArchiveError: if the member is missing, or lies outside a folder.
            PictureError: if it is damaged or encrypted.
        """
        check_name(member, named_by)
        missing = ArchiveError(f"{self.path} holds no {member}, which {named_by} names")
        if self._zip is None:
            try:
                return inside(self.path, member, named_by).read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                raise missing from None
        try:
            return self._zip.read(member)
        except KeyError:
            raise missing from None
        except ZIP_ERRORS as error:
            raise PictureError(
                f"{self.path}: {member}, which {named_by} names, is damaged or encrypted: {error}"
            ) from error

    def close(self) -> None:
        """Closes the archive's file."""
        if self._zip is not None:
            self._zip.close()


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
