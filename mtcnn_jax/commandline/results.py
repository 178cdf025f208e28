"""What is written for a picture: a line of faces.jsonl, and the picture with its faces drawn."""

import io
import pathlib

import numpy as np

import mtcnn_jax as mj
from mtcnn_jax.writing import write_whole

ANNOTATED = ".faces.jpg"
"""What the name of an annotated picture ends with, after the whole name of its original: two
originals never share one."""

MARK = b"mtcnn_jax: faces drawn"
"""A comment in each annotated picture, that tells it from a file of the user's."""

_RECORD = b'{"file": "'
"""What a line of faces.jsonl begins with."""

_MARK_WITHIN = 2**12
"""Bytes from the start of a JPEG file that the comment lies in."""

MOST_SIDE = 65_500
"""Rows or columns of a JPEG file, by libjpeg."""


def to_record(file: str, height: int, width: int, faces: mj.Faces) -> dict[str, object]:
    """One line of faces.jsonl; pixels rounded to 1/1000, scores to six digits."""
    return {
        "file": file,
        "size": [height, width],
        "boxes": faces.boxes.astype(float).round(3).tolist(),
        "scores": faces.scores.astype(float).round(6).tolist(),
        "landmarks": faces.landmarks.astype(float).round(3).tolist(),
    }


def begin_lines(path: pathlib.Path) -> None:
    """Begins faces.jsonl: an empty file, in the place of that of an earlier run or of a link.

    Raises:
        FileExistsError: There is a file that is none of an earlier run.
        OSError: It cannot be written; the text names it.
    """
    if path.exists() and not path.is_symlink():
        # Of a run that ended on a full disk there may be less than a line.
        if not (path.is_file() and _RECORD.startswith(_start(path, len(_RECORD)))):
            raise FileExistsError(
                f"{str(path)!r} is there and no result of an earlier run; accepted: another "
                "--output, or that file under another name"
            )
    write_whole(path, b"")


def write_annotated(path: pathlib.Path, image: np.ndarray, faces: mj.Faces) -> None:
    """Writes a picture with its faces drawn.

    Args:
        path: The file; its folder is made where it is missing, and a result of an earlier run is
            replaced.
        image: uint8 [h, w, 3].
        faces: Those in it.

    Raises:
        OSError: It cannot be written; the text names it.
        ValueError: A file that is no result of an earlier run has its name, or the picture is too
            large to be drawn on, or for a JPEG file.
    """
    height, width = image.shape[:2]
    if max(height, width) > MOST_SIDE:
        raise ValueError(
            f"{str(path)!r} would have {width} x {height} pixels; a JPEG file has at most "
            f"{MOST_SIDE} a side"
        )
    if path.exists() and not (path.is_file() and MARK in _start(path, _MARK_WITHIN)):
        raise ValueError(
            f"{str(path)!r} is there and no result of an earlier run; accepted: another --output, "
            "or that file under another name"
        )
    content = io.BytesIO()
    try:
        mj.draw_faces(image, faces).save(content, "jpeg", quality=92, comment=MARK)
    except MemoryError as error:
        raise ValueError(f"{str(path)!r} takes more memory than there is") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.getvalue())


def _start(path: pathlib.Path, size: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(size)
