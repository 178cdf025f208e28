"""Writing a file so that it is, at any moment, as it was or whole."""

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def appears_whole(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Has a file appear once the block of `with` ends, and not at all where that fails.

    Args:
        path: The file; one already there, or a link, is replaced.

    Yields:
        Another path, in a hidden folder beside it, for the block to write.

    Raises:
        OSError: There is no such folder, or nothing can be written to it; the text names the file.
    """
    with contextlib.ExitStack() as stack:
        try:
            beside = tempfile.TemporaryDirectory(prefix=".", dir=path.parent)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        whole = pathlib.Path(stack.enter_context(beside), path.name)
        yield whole
        try:
            whole.replace(path)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error


def write_whole(path: pathlib.Path, content: bytes, *, private: bool = False) -> None:
    """Writes a file, which appears only once it is whole.

    Args:
        path: The file; one already there, or a link, is replaced.
        content: What it is to hold.
        private: Whether this user alone may read and write it.

    Raises:
        OSError: It cannot be written; the text names it.
    """
    try:
        with appears_whole(path) as whole:
            # Opened here and not by tempfile, for the permissions that any new file gets.
            whole.touch(0o600 if private else 0o666)
            whole.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
