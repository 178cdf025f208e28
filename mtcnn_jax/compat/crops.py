"""Faces cut out of pictures as facenet-pytorch cuts them: squares of one side, channels first."""

import os
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from mtcnn_jax.compat.sources import read_picture


def cut(picture: np.ndarray, box: Any, side: int, margin: float) -> np.ndarray:
    """Cuts a box out, and makes it a square.

    Args:
        picture: uint8 [h, w, 3].
        box: x1 y1 x2 y2.
        side: of the square, in pixels.
        margin: around the box, in pixels of the square, on both sides together.

    Returns:
        uint8 [side, side, 3], resized by Pillow's bilinear filter.

    Raises:
        ValueError: if no pixel of the picture is in the box.
    """
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (float(edge) for edge in box)
    across, down = (margin * length / (side - margin) / 2 for length in (x2 - x1, y2 - y1))
    left, top = int(max(x1 - across, 0)), int(max(y1 - down, 0))
    right, bottom = int(min(x2 + across, width)), int(min(y2 + down, height))
    if left >= right or top >= bottom:
        raise ValueError(
            f"the box {[x1, y1, x2, y2]} holds no pixel of the picture of {width} x {height}; "
            "accepted are x1 y1 x2 y2 with at least one"
        )
    part = Image.fromarray(picture).crop((left, top, right, bottom))
    return np.asarray(part.resize((side, side), Image.Resampling.BILINEAR))


def numbered(path: str | os.PathLike, number: int) -> pathlib.Path:
    """The file for a picture's face: the first has the path itself, the others a number, from 2."""
    path = pathlib.Path(path)
    return path if number == 1 else path.with_name(f"{path.stem}_{number}{path.suffix}")


def save(face: np.ndarray, path: pathlib.Path) -> None:
    """Writes a face uint8 [h, w, 3] as a picture, whose format the name tells; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(face).save(path)


def cut_all(
    picture: np.ndarray,
    boxes: Iterable[Any],
    path: str | os.PathLike | None,
    *,
    side: int,
    margin: float,
    standardized: bool,
    stacked: bool,
) -> Any:
    """Cuts a picture's faces out, and saves them where there is a path.

    Args:
        picture: uint8 [h, w, 3].
        boxes: x1 y1 x2 y2, each.
        path: as in `numbered`.
        side: as in `cut`.
        margin: as in `cut`.
        standardized: whether to give (x - 127.5) / 128 of pixels, else 0..255.
        stacked: whether to give all, else the first.

    Returns:
        float32 [n, 3, side, side] or, not `stacked`, [3, side, side]; see `_to_tensor`.
    """
    faces = []
    for number, box in enumerate(boxes, 1):
        face = cut(picture, box, side, margin)
        if path is not None:
            save(face, numbered(path, number))
        face = _channels_first(face)
        faces.append(fixed_image_standardization(face) if standardized else face)
    return _to_tensor(np.stack(faces) if stacked else faces[0])


def extract_face(
    img: Any, box: Any, image_size: int = 160, margin: float = 0, save_path: Any = None
) -> Any:
    """Cuts one box out of a picture: float32 [3, s, s], pixels 0..255; a tensor as `MTCNN` gives.

    Args:
        img: a picture, as `MTCNN.detect` takes it.
        box: x1 y1 x2 y2.
        image_size: the side s of the square, in pixels.
        margin: around the box, in pixels of the square, on both sides together.
        save_path: a file for it.

    Raises:
        TypeError, ValueError, OSError: if there is no such picture, the box holds no pixel, or it
            cannot be saved.
    """
    return cut_all(
        read_picture(img),
        [box],
        save_path,
        side=image_size,
        margin=margin,
        standardized=False,
        stacked=False,
    )


def fixed_image_standardization(image_tensor: Any) -> Any:
    """(x - 127.5) / 128 of pixels 0..255."""
    return (image_tensor - 127.5) / 128.0


def _channels_first(face: np.ndarray) -> np.ndarray:
    """float32 [3, h, w], 0..255, of uint8 [h, w, 3]."""
    return np.ascontiguousarray(face.transpose(2, 0, 1), np.float32)


def _to_tensor(array: np.ndarray) -> Any:
    """A tensor of PyTorch with the array's memory; the array itself where PyTorch is not."""
    try:
        import torch
    except ImportError:
        return array
    return torch.from_numpy(array)
