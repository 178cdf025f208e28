"""Adding lines to a file as they come, and never where a link leads."""

import os
import pathlib


def append_line(path: pathlib.Path, line: str) -> None:
    """Adds a line to a file that `mtcnn_jax.writing.write_whole` has begun.

    Raises:
        OSError: The file is gone, is a link by now or cannot be written; the text names it.
    """
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        with open(os.open(path, flags), "a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
