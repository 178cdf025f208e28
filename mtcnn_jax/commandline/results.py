"""What is told of a picture: a line of faces.jsonl; and how results are named and known."""

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import mtcnn_jax as mj
from mtcnn_jax.commandline.options import Options

LINES = "faces.jsonl"
"""The file with a line for each picture."""

ANNOTATED = ".faces.jpg"
"""What the name of an annotated picture ends with, after the whole name of its original: two
originals never share one."""

BLURRED = ".blurred.jpg"
"""The same of a picture without its faces."""

CROP = ".face{}.png"
"""The same of one of its faces, which are counted from 0."""

_RESULT = re.compile(r"\.((faces|blurred)\.(jpg|mp4|m4v|mov|mkv)|face\d+\.png)$")

MARK = b"mtcnn_jax: faces drawn"
"""A comment in each picture that is a result, that tells it from a file of the user's."""

_MARK_WITHIN = 2**12
"""Bytes from the start of a picture that the comment lies in."""

RECORD = b'{"file": "'
"""What a line of faces.jsonl begins with."""


def chosen(faces: mj.Faces, size: Sequence[int], options: Options) -> mj.Faces:
    """The faces of a picture of `size`, (height, width), that are kept, in their order."""
    faces = faces[faces.scores >= options.min_score]
    if options.select == "all":
        return faces[: options.max_faces]
    if options.select == "largest":
        return faces.largest(options.max_faces)
    return faces.most_central(size, options.max_faces)


def to_record(file: str, height: int, width: int, faces: mj.Faces) -> dict[str, object]:
    """One line of faces.jsonl; pixels rounded to 1/1000, scores to six digits."""
    return {
        "file": file,
        "size": [height, width],
        "boxes": faces.boxes.astype(float).round(3).tolist(),
        "scores": faces.scores.astype(float).round(6).tolist(),
        "landmarks": faces.landmarks.astype(float).round(3).tolist(),
    }


def to_faces(record: Mapping[str, Any]) -> mj.Faces:
    """The faces that a line of faces.jsonl tells of."""
    return mj.Faces(
        np.array(record["boxes"], np.float32).reshape(-1, 4),
        np.array(record["scores"], np.float32),
        np.array(record["landmarks"], np.float32).reshape(-1, 5, 2),
    )


def is_result(name: str) -> bool:
    """Whether a file is named like a picture or video that is a result."""
    return _RESULT.search(name) is not None


def is_ours(path: pathlib.Path) -> bool:
    """Whether a file is a picture that an earlier run wrote."""
    return path.is_file() and MARK in start_of(path, _MARK_WITHIN)


def check_replaced(path: pathlib.Path, start: bytes) -> None:
    """Refuses to replace what is there unless it is an earlier run's, or a link.

    Args:
        path: The file, or where one will be.
        start: How such a file of ours begins. Of one that was cut short there may be less.

    Raises:
        FileExistsError: There is a file that is none of an earlier run.
    """
    if path.exists() and not path.is_symlink():
        if not (path.is_file() and start.startswith(start_of(path, len(start)))):
            raise FileExistsError(taken(path))


def taken(path: pathlib.Path) -> str:
    """Says why a file in a result's place is not replaced: no earlier run wrote it."""
    return (
        f"{str(path)!r} is there and no result of an earlier run; accepted: another --output, or "
        "that file under another name"
    )


def start_of(path: pathlib.Path, size: int) -> bytes:
    """The first bytes of a file."""
    with open(path, "rb") as file:
        return file.read(size)
