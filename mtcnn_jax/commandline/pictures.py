"""The pictures that paths, folders and patterns stand for."""

import glob
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from mtcnn_jax.commandline.results import is_result

ENDINGS = frozenset(
    ".avif .bmp .gif .heic .heif .hif .jfif .jp2 .jpe .jpeg .jpg .jxl .mpo .pgm .png .pnm .ppm "
    ".tif .tiff .webp".split()
)
"""How the names of the pictures in a folder end, in small or capital letters. Some are read only
where a plugin of Pillow is installed; `read_image` says which."""


CLIPS = frozenset(".avi .m4v .mkv .mov .mp4 .webm".split())
"""How the names of videos end. They are looked at where they are named, not where folders are."""


class Found(NamedTuple):
    """The pictures to look at.

    Attributes:
        root: The folder that holds all of them.
        files: Their absolute paths, sorted; those of videos among them.
        left_out: How many other files there were: not pictures, or results of an earlier run.
    """

    root: pathlib.Path
    files: list[pathlib.Path]
    left_out: int


def find_pictures(sources: Sequence[str], output: str) -> Found:
    """Finds the pictures that paths, folders and patterns stand for.

    Args:
        sources: Paths of files and folders; where there is neither, a glob pattern. A picture that
            several lead to is found once.
        output: The folder for results. The pictures in it that are some are left out.

    Raises:
        FileNotFoundError: For one of them there is no such path and no file matches the pattern, or
            nothing of what was found is a picture.
    """
    results = pathlib.Path(os.path.abspath(output))
    every = [_find(source, results) for source in sources]
    root = pathlib.Path(os.path.commonpath([found.root for found in every]))
    files = sorted({file for found in every for file in found.files})
    return Found(root, files, sum(found.left_out for found in every))


def _find(source: str, results: pathlib.Path) -> Found:
    path = pathlib.Path(os.path.abspath(source))
    if path.is_file():
        return Found(path.parent, [path], 0)
    if path.is_dir():
        root, files = path, _files_in(path)
        # A folder among them could not be listed, and is named when it can't be read.
        wanted = [file for file in files if file.suffix.lower() in ENDINGS or file.is_dir()]
    else:
        matches = {os.path.abspath(match) for match in glob.glob(source, recursive=True)}
        # A pipe or a link that leads nowhere stays, to be named when it can't be read.
        files = wanted = sorted(pathlib.Path(name) for name in matches if not os.path.isdir(name))
        root = pathlib.Path(os.path.commonpath([file.parent for file in files])) if files else path
    wanted = [file for file in wanted if not (is_result(file.name) and results in file.parents)]
    if not wanted:
        raise FileNotFoundError(
            f"no picture at {source}; accepted: a picture file, a folder with pictures in it or in "
            "its sub folders, or a pattern such as 'photos/*.jpg'"
        )
    return Found(root, wanted, len(files) - len(wanted))


def is_clip(path: pathlib.Path) -> bool:
    """Whether a file is named like a video."""
    return path.suffix.lower() in CLIPS


def _files_in(folder: pathlib.Path) -> list[pathlib.Path]:
    """All files in a folder and its sub folders but hidden ones, and folders not listed; sorted."""
    files: list[pathlib.Path] = []

    def keep(error: OSError) -> None:
        files.append(pathlib.Path(error.filename))

    for parent, folders, names in os.walk(folder, onerror=keep):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [pathlib.Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(files)
