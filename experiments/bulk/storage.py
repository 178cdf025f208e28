"""Folders here and buckets elsewhere, by fsspec; files appear whole; failures are a sentence."""

import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem

from mtcnn_jax.commandline.endings import is_of_full_disk, told
from mtcnn_jax.writing import write_whole

_RAISED_BY = {
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "aiohttp": ("ClientError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "gcsfs.retry": ("HttpError",),
}
"""What clients of buckets raise besides OSError, where they are in use."""


_ASKED = {"s3": {"max_concurrency": 1}}
"""Settings of clients by protocol: one request fetches a picture, where s3fs would ask for its size
before that to divide large files."""


class Place(NamedTuple):
    """A file or folder, here or elsewhere.

    Attributes:
        fs: An fsspec filesystem.
        path: Within it.
        url: As it is told of.
    """

    fs: Any
    path: str
    url: str

    def __truediv__(self, name: str) -> "Place":
        return Place(self.fs, f"{self.path.rstrip('/')}/{name}", f"{self.url.rstrip('/')}/{name}")

    @property
    def parent(self) -> "Place":
        """The folder that it is in."""
        path, url = (text.rstrip("/").rpartition("/")[0] for text in (self.path, self.url))
        return Place(self.fs, path or "/", url or "/")

    @property
    def is_local(self) -> bool:
        """Whether it lies in this machine's file system."""
        return isinstance(self.fs, LocalFileSystem)


def open_place(url: str) -> Place:
    """What a path or URL stands for; nothing need be there.

    Raises:
        ValueError: Of an unknown kind, or one that takes a package which is not installed.
    """
    try:
        asked = _ASKED.get(url.partition("://")[0].replace("s3a", "s3"), {})
        # No listing is kept: another run may be writing, and a large one would fill the memory.
        fs, path = fsspec.url_to_fs(url, use_listings_cache=False, **asked)
    except ImportError as error:
        raise ValueError(f"{url!r} cannot be opened: {error}") from error
    except ValueError as error:
        known = ", ".join(("a path", "file://", "s3://", "gs://", "az://", "hdfs://"))
        raise ValueError(
            f"{url!r} cannot be opened: {error}; accepted: {known} or what else fsspec knows"
        ) from error
    if isinstance(fs, LocalFileSystem):
        path = url = os.path.normpath(path)  # So that a job is known again by another way there.
    else:
        url = fs.unstrip_protocol(path)
    return Place(fs, path, url)


def failures() -> tuple[type[Exception], ...]:
    """What reading and writing raises where a file or bucket is to blame."""
    loaded = ((sys.modules.get(name), kinds) for name, kinds in _RAISED_BY.items())
    return (
        OSError,
        *(getattr(module, kind) for module, kinds in loaded if module for kind in kinds),
    )


def reason(error: Exception) -> str:
    """Why something failed, in words."""
    if is_of_full_disk(error):
        return told(error)
    if isinstance(error, FileNotFoundError) and not error.strerror and "bucket" not in str(error):
        return "there is no such file or folder"  # Where fsspec says no more than the name.
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextlib.contextmanager
def naming(place: Place, failed: str) -> Iterator[None]:
    """Makes a sentence of what fails: "'s3://bucket/a' cannot be read: no such bucket".

    Raises:
        OSError: The sentence.
    """
    try:
        yield
    except failures() as error:
        raise OSError(f"{place.url!r} {failed}: {reason(error)}") from error


def write(place: Place, content: bytes) -> None:
    """Writes a file, which appears whole or not at all; a folder here is made where it is missing.

    Raises:
        OSError: It cannot be written; the text names it.
    """
    with naming(place, "cannot be written"):
        if place.is_local:
            path = pathlib.Path(place.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        else:
            place.fs.pipe_file(place.path, content)


def read(place: Place) -> bytes | None:
    """A file's content; None where there is none.

    Raises:
        OSError: It cannot be read; the text names it.
    """
    with naming(place, "cannot be read"):
        try:
            return place.fs.cat_file(place.path)
        except (FileNotFoundError, NotADirectoryError):
            return None


def remove(place: Place) -> None:
    """Removes a file, if it is there.

    Raises:
        OSError: It cannot be removed; the text names it.
    """
    with naming(place, "cannot be removed"), contextlib.suppress(FileNotFoundError):
        place.fs.rm_file(place.path)


def sizes(folder: Place) -> dict[str, int]:
    """The names of the files in a folder and their sizes in bytes; none where there is no folder.

    Raises:
        OSError: It cannot be listed; the text names it.
    """
    with naming(folder, "cannot be listed"):
        try:
            listed = folder.fs.ls(folder.path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
    return {
        one["name"].rpartition("/")[2]: one["size"] or 0 for one in listed if one["type"] == "file"
    }
