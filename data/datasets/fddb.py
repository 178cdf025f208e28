"""FDDB (Jain and Learned-Miller 2010): elliptical annotations in ten folds, and the pictures.

A folder holds the annotations as `FDDB-folds/FDDB-fold-01-ellipseList.txt` to `-10-`, as they are
downloaded, or all together in `ellipseList.txt`; there `foldList.txt` may list the pictures. The
pictures are `originalPics/2002/07/19/big/img_130.jpg` and so on.
"""

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data.archives import ArchiveError, check_name, inside
from data.lines import Lines, read_text
from data.records import Picture

FOLDS = range(1, 11)
PICTURES = "originalPics"


class Labels(NamedTuple):
    """The annotations.

    Attributes:
        ellipses: for each picture's name (as "2002/07/19/big/img_130") float64 [m, 5]: major
            radius, minor radius, angle in radians, x and y of the centre.
        folds: the names of each fold, by its number; {} where they are not apart.
    """

    ellipses: dict[str, np.ndarray]
    folds: dict[int, list[str]]


class Block(NamedTuple):
    """What a file in FDDB's format says of one picture.

    Attributes:
        rows: float64 [n, k], the numbers of each region.
        place: file and line that name the picture.
    """

    rows: np.ndarray
    place: str


def read_blocks(path: str | os.PathLike, columns: tuple[int, ...]) -> dict[str, Block]:
    """Reads a file of FDDB's format: name, number of regions, a line of numbers for each.

    Args:
        path: the file.
        columns: accepted counts of numbers; all lines of a file have the same.

    Raises:
        ArchiveError: naming file and line, where it is malformed, has a number that is not finite
            or pixels beyond `FARTHEST`, or names a picture again; or if it is empty.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    lines, found, width = Lines(str(path), read_text(path)), {}, None
    while lines:
        name, place = lines.take(), lines.place
        name = check_name(name, place)
        if name in found:
            raise ArchiveError(f"{place}: {name} was on {found[name].place} already")
        rows = []
        for _ in range(lines.count("regions")):
            text = lines.take()
            if width is None and len(text.split()) in columns:
                width = len(text.split())
            # The last is a score.
            rows.append(lines.pixels(text, columns[0] if width is None else width, others=1))
        found[name] = Block(np.array(rows).reshape(len(rows), width if rows else 0), place)
    if not found:
        raise ArchiveError(f"{path} is empty; accepted is one picture or more")
    return found


def read_labels(folder: str | os.PathLike) -> Labels:
    """Reads the annotations.

    Raises:
        FileNotFoundError: if there are none.
        ArchiveError: if they are malformed, or the list of pictures names others.
    """
    folder = pathlib.Path(folder)
    paths = {fold: f"FDDB-fold-{fold:02d}-ellipseList.txt" for fold in FOLDS}
    for parent in (folder / "FDDB-folds", folder):
        if (parent / paths[1]).is_file():
            found = {fold: read_blocks(parent / path, (6,)) for fold, path in paths.items()}
            folds = {fold: list(blocks) for fold, blocks in found.items()}
            blocks = {name: block for part in found.values() for name, block in part.items()}
            return Labels({name: _ellipses(block) for name, block in blocks.items()}, folds)
    path = folder / "ellipseList.txt"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} has no annotations of FDDB; accepted: FDDB-folds/{paths[1]} and the other "
            "nine, or ellipseList.txt"
        )
    blocks = read_blocks(path, (6,))
    _check_list(folder / "foldList.txt", blocks)
    return Labels({name: _ellipses(block) for name, block in blocks.items()}, {})


def _ellipses(block: Block) -> np.ndarray:
    return block.rows.reshape(-1, 6)[:, :5]


def _check_list(path: pathlib.Path, blocks: dict[str, Block]) -> None:
    if not path.is_file():
        return
    lines = Lines(str(path), read_text(path))
    listed = {check_name(name, lines.place): lines.place for name in lines}
    for name in listed.keys() ^ blocks.keys():
        where, other = (
            (listed[name], "the annotations")
            if name in listed
            else (
                blocks[name].place,
                path,
            )
        )
        raise ArchiveError(f"{where}: {name} is not in {other}; accepted are the same pictures")


class Pictures(Sequence):
    """The pictures, read from their files as they are asked for, without labels of their own."""

    def __init__(self, folder: str | os.PathLike, names: Sequence[str]):
        self._root, self._names = pathlib.Path(folder) / PICTURES, list(names)
        missing = [name for name in self._names if not self.path(name).is_file()]
        if missing:
            raise FileNotFoundError(
                f"{len(missing)} of {len(self._names)} pictures are missing, the first is "
                f"{self.path(missing[0])}"
            )

    def path(self, name: str) -> pathlib.Path:
        """The file of a picture."""
        return inside(self._root, f"{name}.jpg", "FDDB's annotation")

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> Picture:
        name = self._names[index]
        none = np.zeros((0, 4), np.float32)
        return Picture(
            name,
            self.path(name).read_bytes(),
            none,
            np.zeros(0, bool),
            np.zeros((0, 5, 2), np.float32),
            True,
        )
