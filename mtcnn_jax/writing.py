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
def whole_file(path: pathlib.Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which appears at its path only once the block is through.

    Args:
        path: The file; one already there, or a link, is replaced.
        private: Whether this user alone may read and write it.

    Raises:
        OSError: It cannot be written; the text names it.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=BESIDE, dir=path.parent) as beside:
            # Opened here and not by tempfile, for the permissions that any new file gets.
            whole = pathlib.Path(beside, path.name)
            whole.touch(0o600 if private else 0o666)
            with open(whole, "wb") as file:
                yield file
            whole.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_whole(path: pathlib.Path, content: bytes, *, private: bool = False) -> None:
    """Writes a file of this content, as `whole_file` does."""
    with whole_file(path, private=private) as file:
        file.write(content)
