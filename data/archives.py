"""Pictures in the archives that data sets come in.

An error names the archive, the line of the annotation and the picture, so that a broken download
can be told from a wrong folder. Names in annotations come from elsewhere: each goes through
`check_name` where it is parsed, and each file through `inside` before it is read.
"""

import lzma
import os
import pathlib
import re
import struct
import zipfile
import zlib

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
                f"{self.path}: {member}, which {named_by} names, is damaged or encrypted: "
                f"{str(error)[:200]}"
            ) from error

    def close(self) -> None:
        """Closes the archive's file."""
        if self._zip is not None:
            self._zip.close()
