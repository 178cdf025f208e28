"""Writing a file so that it is, at any moment, as it was or whole."""

import pathlib
import tempfile


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
        with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as beside:
            # Opened here and not by tempfile, for the permissions that any new file gets.
            whole = pathlib.Path(beside, path.name)
            whole.touch(0o600 if private else 0o666)
            whole.write_bytes(content)
            whole.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
