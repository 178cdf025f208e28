"""Whether files that would be run are this user's alone, and folders that nobody else can write to.

Where the system does not tell owners, as on Windows, everything counts as one's own.
"""

import os
import pathlib
import stat


def make_private(folder: pathlib.Path) -> None:
    """Makes a folder, where it is missing, that only this user can enter.

    Args:
        folder: the folder; those above it are made as the system makes any.

    Raises:
        OSError: it cannot be made, or is a file.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def distrust(found: os.stat_result) -> str | None:
    """Why others may have put there what was found.

    Args:
        found: what `os.stat` or `os.fstat` tell of a file or folder.

    Returns:
        The words that follow its name in a sentence; None if only this user and the system's own,
        who can do all anyway, can write to it.
    """
    if not hasattr(os, "geteuid"):
        return None
    if found.st_uid not in (os.geteuid(), 0):
        return f"belongs to user {found.st_uid}, not to this one ({os.geteuid()})"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"can be written to by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return None
