"""Writing a file so that it is, at any moment, as it was or whole."""

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

BESIDE = ".mtcnn_jax-"
"""How the name of a folder begins in which a file is made. One that is still there was left by a
process that was killed."""


@contextlib.contextmanager
def whole_path(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Another path for a file to be written at, which appears at its own once the block is through.

    Args:
        path: The file; one already there, or a link, is replaced.

    Raises:
        OSError: There is no such folder, or it cannot be written to; the text names the file.
    """
    with contextlib.ExitStack() as stack:
        try:
            beside = tempfile.TemporaryDirectory(prefix=BESIDE, dir=path.parent)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        whole = pathlib.Path(stack.enter_context(beside), path.name)
        yield whole
        try:
            whole.replace(path)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error


@contextlib.contextmanager
def whole_file(path: pathlib.Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which appears at its path only once the block is through.

    Args:
        path: The file; one already there, or a link, is replaced.
        private: Whether this user alone may read and write it.

    Raises:
        OSError: It cannot be written; the text names it.
    """
    try:
        with whole_path(path) as whole:
            # Opened here and not by tempfile, for the permissions that any new file gets.
            whole.touch(0o600 if private else 0o666)
            with open(whole, "wb") as file:
                yield file
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_whole(path: pathlib.Path, content: bytes, *, private: bool = False) -> None:
    """Writes a file of this content, as `whole_file` does."""
    with whole_file(path, private=private) as file:
        file.write(content)
