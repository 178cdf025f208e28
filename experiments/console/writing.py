"""Writing files: in the place of a link, and never where it leads."""

import os
import pathlib
import tempfile


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Writes a file, which appears only once it is whole.

    Args:
        path: The file; one already there, or a link, is replaced.
        content: What it is to hold.

    Raises:
        OSError: It cannot be written; the text names it.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as beside:
            # Opened here and not by tempfile, for the permissions that any new file gets.
            whole = pathlib.Path(beside, path.name)
            whole.write_bytes(content)
            whole.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def append_line(path: pathlib.Path, line: str) -> None:
    """Adds a line to a file that `write_whole` has begun.

    Raises:
        OSError: The file is gone, is a link by now or cannot be written; the text names it.
    """
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        with open(os.open(path, flags), "a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
