"""Drawing faces on a picture: boxes, scores and the five points."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mtcnn_jax.images import Source, read_image

_BOX = (0, 230, 118)
_POINT = (255, 214, 0)
_SHADE = (0, 0, 0)


class Found(Protocol):
    """What is drawn: `Faces`, or whatever has its three arrays."""

    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray


def draw_faces(image: Source, faces: Found, *, labels: Sequence[str] | None = None) -> Image.Image:
    """Draws faces on a copy of a picture.

    Lines, points and text grow with the picture, text and points also with the face, so that the
    result reads well from a thumbnail to a large photo.

    Args:
        image: The picture, as anything that `read_image` takes.
        faces: What `detect` found in it: `boxes` `[n, 4]`, `scores` `[n]` and `landmarks`
            `[n, 5, 2]`, in pixels of the picture.
        labels: What to write at each face; the scores if not given.

    Returns:
        A PIL image in mode RGB, of the picture's size. A box's line lies around its pixels.
    """
    picture = Image.fromarray(read_image(image))
    canvas = ImageDraw.Draw(picture)
    line = max(1, round(max(picture.size) / 300))
    for box, points in zip(faces.boxes, faces.landmarks, strict=True):
        _draw_box(canvas, box, line)
        _draw_points(canvas, points, radius=max(1.0, min(2.0 * line, (box[2] - box[0]) / 30)))
    # Text last: no box of a neighbour strikes it through.
    if labels is None:
        labels = [f"{score:.2f}" for score in faces.scores]
    for box, label in zip(faces.boxes, labels, strict=True):
        _draw_label(canvas, box, label, line, picture.size)
    return picture


def _draw_box(canvas: ImageDraw.ImageDraw, box: np.ndarray, line: int) -> None:
    left, top = math.floor(box[0]) - line, math.floor(box[1]) - line
    right, bottom = math.ceil(box[2]) - 1 + line, math.ceil(box[3]) - 1 + line
    canvas.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_SHADE)
    canvas.rectangle((left, top, right, bottom), outline=_BOX, width=line)


def _draw_points(canvas: ImageDraw.ImageDraw, points: np.ndarray, *, radius: float) -> None:
    for x, y in points - 0.5:  # Pillow counts from the centre of the first pixel.
        rim = _SHADE if radius > 2 else _POINT
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), _POINT, rim)


def _draw_label(
    canvas: ImageDraw.ImageDraw, box: np.ndarray, text: str, line: int, size: tuple[int, int]
) -> None:
    font = ImageFont.load_default(max(10.0, min((box[2] - box[0]) / 5, max(size) / 40)))
    pad = line + 1
    _, _, width, height = canvas.textbbox((0, 0), text, font=font, anchor="lt")
    width, height = width + 2 * pad, height + 2 * pad
    x = max(0, min(math.floor(box[0]) - line, size[0] - width))
    y = math.floor(box[1]) - line - height
    if y < 0:  # No room above the box: inside it.
        y = max(0, math.floor(box[1]))
    canvas.rectangle((x, y, x + width - 1, y + height - 1), fill=_BOX)
    canvas.text((x + pad, y + pad), text, fill=_SHADE, font=font, anchor="lt")
