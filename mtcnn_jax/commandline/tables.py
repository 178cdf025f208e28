"""The faces of all pictures as one table, faces.csv, and in the format of COCO."""

import csv
import io
import json
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import mtcnn_jax as mj
from mtcnn_jax.commandline.lines import read_records
from mtcnn_jax.commandline.results import LINES, check_replaced, start_of
from mtcnn_jax.faces import POINTS
from mtcnn_jax.writing import whole_file

COLUMNS = (
    *("file", "height", "width", "face", "x1", "y1", "x2", "y2", "score"),
    *(f"{name}_{axis}" for name in POINTS for axis in "xy"),
)
"""Those of faces.csv. `face` counts the faces of a picture from 0."""

_CATEGORY = {
    "id": 1,
    "name": "face",
    "supercategory": "person",
    "keypoints": list(POINTS),
    "skeleton": [],
}


def write_tables(folder: pathlib.Path, formats: Iterable[str]) -> list[pathlib.Path]:
    """Writes the tables asked for, each of all of faces.jsonl; gives their paths.

    Raises:
        OSError: One cannot be written; the text names it.
    """
    written = []
    for name in formats:
        if name in _TABLES:
            file, _, write = _TABLES[name]
            with whole_file(folder / file) as opened:
                write(folder / LINES, opened)
            written.append(folder / file)
    return written


def check_tables(folder: pathlib.Path, formats: Iterable[str]) -> None:
    """Refuses to replace tables that are none of an earlier run.

    Raises:
        FileExistsError: There is such a file.
    """
    for name in formats:
        if name in _TABLES:
            check_replaced(folder / _TABLES[name][0], _TABLES[name][1])


def remove_tables(folder: pathlib.Path) -> None:
    """Removes the tables of earlier runs, since lines are to come that they lack."""
    for file, start, _ in _TABLES.values():
        path = folder / file
        is_own_file = path.is_file() and not path.is_symlink()
        if is_own_file and start_of(path, len(start)) == start:
            path.unlink()


def _write_csv(lines: pathlib.Path, file: BinaryIO) -> None:
    # A file's name may be no text, and is then written byte by byte as it is.
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for record in read_records(lines):
        faces = zip(record["boxes"], record["scores"], record["landmarks"], strict=True)
        for number, (box, score, points) in enumerate(faces):
            numbers = [value for point in points for value in point]
            table.writerow([record["file"], *record["size"], number, *box, score, *numbers])
    text.detach()


def _write_coco(lines: pathlib.Path, file: BinaryIO) -> None:
    """Twice through the lines, so that few of them are held."""
    info = {"description": "mtcnn_jax", "version": mj.__version__}
    file.write(b'{"info": %s,\n"licenses": [],\n' % json.dumps(info).encode())
    file.write(b'"categories": [%s],\n"images": [' % json.dumps(_CATEGORY).encode())
    _write_items(file, _images(lines))
    file.write(b'],\n"annotations": [')
    _write_items(file, _annotations(lines))
    file.write(b"]}\n")


def _write_items(file: BinaryIO, items: Iterable[dict[str, Any]]) -> None:
    for number, item in enumerate(items):
        file.write((",\n" if number else "\n").encode() + json.dumps(item).encode())


def _images(lines: pathlib.Path) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(read_records(lines), 1):
        height, width = record["size"]
        yield {"id": number, "file_name": record["file"], "height": height, "width": width}


def _annotations(lines: pathlib.Path) -> Iterator[dict[str, Any]]:
    """With scores: the list of them is one of COCO's results, too."""
    identity = 0
    for image, record in enumerate(read_records(lines), 1):
        faces = zip(record["boxes"], record["scores"], record["landmarks"], strict=True)
        for (x1, y1, x2, y2), score, points in faces:
            identity += 1
            width, height = round(x2 - x1, 3), round(y2 - y1, 3)
            yield {
                "id": identity,
                "image_id": image,
                "category_id": _CATEGORY["id"],
                "bbox": [x1, y1, width, height],
                "area": round(width * height, 3),
                "iscrowd": 0,
                "score": score,
                "keypoints": [value for x, y in points for value in (x, y, 2)],
                "num_keypoints": len(points),
            }


_TABLES: dict[str, tuple[str, bytes, Callable]] = {
    "csv": ("faces.csv", ",".join(COLUMNS).encode(), _write_csv),
    "coco": ("faces.coco.json", b'{"info": {"description": "mtcnn_jax"', _write_coco),
}
"""Of each format the file, how it begins, and what writes it."""
