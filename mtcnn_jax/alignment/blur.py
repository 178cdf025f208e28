"""Faces made unrecognisable.

What is left of a face is the means of a few blocks, never the picture under a filter: a blur whose
width is known can be undone in part, as long as each pixel still has a value of its own.
"""

import math
from typing import Any

import numpy as np
from PIL import Image

from mtcnn_jax.alignment.arguments import boxes_of
from mtcnn_jax.alignment.templates import check_margin
from mtcnn_jax.images import Source, read_image

BLOCKS = 6
"""Along a face's longer side, at most: no more than so many squared colours are left of it."""

LEAST_BLOCK = 3
"""Side in pixels of a block, so that nothing is left of tiny faces either."""

WAYS = ("blur", "pixels", "box")
SHAPES = ("ellipse", "box")


def blur_faces(
    image: Source,
    faces: Any,
    *,
    how: str = "blur",
    shape: str = "ellipse",
    margin: float = 0.2,
) -> Image.Image:
    """Makes faces unrecognisable on a copy of a picture.

    Of each face at most 6 x 6 colours are left, whatever its size; pixels outside the shape stay as
    they are. Save the result as a new file: thumbnails and comments of the old one, which may show
    the face, are not in it. A face that was not found stays as it is: look over what you publish,
    and detect with lower `thresholds` and a smaller `min_face_size` where that matters.

    Args:
        image: the picture, as anything that `read_image` takes.
        faces: what `detect` found in it, one face or a list of faces of that, or boxes, an array
            [n, 4].
        how: "blur" smooths the colours, "pixels" leaves them as blocks, "box" is black.
        shape: what "blur" and "pixels" cover, an "ellipse" in the box or all of the "box".
        margin: how far beyond the box to go, as a share of it, at each side. With 0.2 an ellipse
            goes nearly through the corners of the face's box.

    Returns:
        A PIL image in mode RGB, of the picture's size.

    Raises:
        FileNotFoundError: if `image` names a file that is not there.
        TypeError: if an argument is of a kind that is not accepted.
        ValueError: if `image` can't be read, a box is turned inside out, not finite or outside of
            the picture, or another argument is not accepted.

    Example:
        >>> import mtcnn_jax as mj
        >>> faces = mj.detect(mj.load_params(), "photo.jpg")
        >>> mj.blur_faces("photo.jpg", faces).size
        (512, 512)
    """
    for name, value, accepted in (("how", how, WAYS), ("shape", shape, SHAPES)):
        if value not in accepted:
            raise ValueError(f"{name} is {value!r}; accepted are {', '.join(map(repr, accepted))}")
    margin, boxes = check_margin(margin), boxes_of(faces)
    picture = Image.fromarray(read_image(image))
    _check_boxes(boxes, *picture.size)
    for box in boxes:
        _hide(picture, box, how, shape, margin)
    return picture


def _check_boxes(boxes: np.ndarray, width: int, height: int) -> None:
    for number, box in enumerate(boxes):
        if not (np.isfinite(box).all() and box[0] <= box[2] and box[1] <= box[3]):
            raise ValueError(
                f"faces[{number}] has the box {box.tolist()}; accepted are finite x1, y1, x2, y2, "
                "with x1 up to x2 and y1 up to y2"
            )
        if box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0:
            raise ValueError(
                f"faces[{number}] lies outside the picture, which has {width} x {height} pixels; "
                "accepted are faces of this picture"
            )


def _hide(picture: Image.Image, box: np.ndarray, how: str, shape: str, margin: float) -> None:
    """Changes one face in a picture."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * (0.5 + margin)
    half = np.maximum(half, 0.5)  # One pixel, of a box without area.
    low, high = np.floor(centre - half), np.ceil(centre + half)
    left, top = np.clip(low, 0, np.array(picture.size) - 1).astype(int).tolist()
    right, bottom = np.clip(high, (left + 1, top + 1), picture.size).astype(int).tolist()
    place = left, top, right, bottom
    if how == "box":
        picture.paste((0, 0, 0), place)
        return
    block = min((high - low).max() / BLOCKS, max(picture.size))
    hidden = _joined(picture, place, max(LEAST_BLOCK, math.ceil(block)), how)
    if shape == "box":
        picture.paste(hidden, place)
        return
    # All pixels that the ellipse touches, by their points nearest to its centre.
    x, y = np.arange(left, right) + 0.5 - centre[0], np.arange(top, bottom) + 0.5 - centre[1]
    x, y = np.maximum(0, np.abs(x) - 0.5) / half[0], np.maximum(0, np.abs(y) - 0.5) / half[1]
    covered = x**2 + y[:, None] ** 2 <= 1
    picture.paste(hidden, place, Image.fromarray(covered))


def _joined(
    picture: Image.Image, place: tuple[int, int, int, int], block: int, how: str
) -> Image.Image:
    """The part at `place`, of which the means of squares of `block` pixels are left."""
    means = picture.reduce(block, place)
    way = Image.Resampling.BICUBIC if how == "blur" else Image.Resampling.NEAREST
    large = means.resize((means.width * block, means.height * block), way)
    return large.crop((0, 0, place[2] - place[0], place[3] - place[1]))
