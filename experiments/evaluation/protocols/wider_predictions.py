"""Predictions in WIDER FACE's official text format, read and written.

One file for each picture, EVENT/NAME.txt in a folder or a ZIP archive:

    0--Parade/0_Parade_marchingband_1_20.jpg      name (the official tool does not read it)
    2                                             how many boxes
    466.7 347.9 23.5 34.9 0.99021                 x, y, width, height, score
    27.2 400.4 27.0 39.1 0.98915
"""

import math
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from data.archives import PictureArchive, check_name, shown
from data.lines import decode_text, read_text


def log_odds(scores: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of scores within 0..1, float64.

    Close to 1 probabilities crowd: many are one and the same at five digits, and the protocol's
    1,000 equal steps cannot part them. Log-odds keep the order and spread it.
    """
    scores = np.asarray(scores, np.float64)
    smallest = 2.0**-25  # Half of float32's step below 1.
    return np.log(np.maximum(scores, smallest)) - np.log(np.maximum(1 - scores, smallest))


def write_predictions(folder: str | os.PathLike, predictions: Mapping[str, np.ndarray]) -> None:
    """Writes one file for each picture.

    Args:
        folder: made where it is missing.
        predictions: for each picture's name (without ".jpg") float [n, 5]: x, y, width, height,
            score. Empty arrays are written too: they say that nothing was found.

    Raises:
        ValueError: if a name leads out of the folder.
    """
    for name, boxes in predictions.items():
        name = check_name(name, "the predictions")
        path = pathlib.Path(folder) / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [" ".join(f"{value:.9g}" for value in row) for row in np.asarray(boxes, np.float64)]
        path.write_text("\n".join([f"{name}.jpg", str(len(rows)), *rows, ""]), encoding="utf-8")


def _texts(source: pathlib.Path) -> Iterator[tuple[str, str, str]]:
    """Name, place and text of every .txt in a folder or archive."""
    if source.is_dir():
        for path in sorted(source.rglob("*.txt")):
            yield path.relative_to(source).as_posix(), str(path), read_text(path)
    elif source.is_file():
        archive = PictureArchive(source)
        try:
            for name in archive.names:
                if name.endswith(".txt"):
                    place = f"{source}: {name}"
                    content = archive.read(name, named_by="its own list")
                    yield name, place, decode_text(content, place)
        finally:
            archive.close()
    else:
        raise FileNotFoundError(f"no such folder or archive: {source}")


def parse(text: str, place: str) -> np.ndarray:
    """The boxes float64 [n, 5] of one file.

    Raises:
        ValueError: naming the line that is malformed.
    """
    lines = text.rstrip().splitlines()
    try:
        count = int(lines[1])
    except (IndexError, ValueError):
        found = shown(lines[1]) if len(lines) > 1 else "the end of the file"
        raise ValueError(f"{place}, line 2: {found}; accepted is the number of boxes") from None
    if count != len(lines) - 2:
        raise ValueError(f"{place}, line 2: {count}; there are {len(lines) - 2} lines of boxes")
    boxes = np.zeros((count, 5))
    for row, line in enumerate(lines[2:]):
        try:
            values = [float(part) for part in line.split()]
        except ValueError:
            values = []
        if len(values) != 5 or not all(map(math.isfinite, values)):
            raise ValueError(
                f"{place}, line {row + 3}: {shown(line)}; accepted are 5 finite numbers: x, y, "
                "width, height, score"
            )
        boxes[row] = values
    return boxes


def read_predictions(
    source: str | os.PathLike, names: Iterable[str], *, known: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Reads the predictions for some pictures.

    Args:
        source: folder or ZIP archive, with the files at any depth.
        names: the pictures (event and file name without ending) to read, all of which have to be
            there.
        known: further pictures that may be there and are not read.

    Returns:
        For each of `names` float64 [n, 5]: x, y, width, height, score.

    Raises:
        FileNotFoundError: if there is no such folder or archive.
        ValueError: naming file and line, if a line is malformed, a picture unknown or there twice,
            or one has no predictions.
    """
    source, names = pathlib.Path(source), list(names)
    wanted, allowed, places, found = set(names), {*names, *known}, {}, {}
    for member, place, text in _texts(source):
        parts = member.removesuffix(".txt").split("/")
        ends = ["/".join(parts[start:]) for start in range(len(parts))]
        name = next((end for end in ends if end in allowed), None)
        if name is None:
            raise ValueError(f"{place}: {ends[0]} is no picture of the ground truth")
        if name in places:
            raise ValueError(f"{place}: {name} was in {places[name]} already")
        places[name] = place
        if name in wanted:
            found[name] = parse(text, place)
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(
            f"{source} has no predictions for {len(missing)} of {len(names)} pictures, the first "
            f"{missing[0]}; a file that says 0 boxes is accepted"
        )
    return {name: found[name] for name in names}
