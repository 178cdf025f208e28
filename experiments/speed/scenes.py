"""Pictures with a given number of faces, put together from one photo of a face."""

import pathlib

import numpy as np
from PIL import Image

PHOTO = pathlib.Path(__file__).parents[2] / "docs" / "astronaut.jpg"

FACE = (160, 20, 300, 200)
"""x1 y1 x2 y2 of the head in docs/astronaut.jpg (512 x 512)."""

GROUND = (0, 330, 130, 512)
"""A part of it without a face, tiled and mirrored to a background."""


def open_photo() -> Image.Image:
    """The photo that scenes are made of, which comes with the project."""
    with Image.open(PHOTO) as image:
        return image.convert("RGB")


def background(photo: Image.Image, width: int, height: int) -> Image.Image:
    """A picture without a face that is no flat colour: P-Net passes some of its windows."""
    tile = np.asarray(photo.crop(GROUND))
    tile = np.concatenate([tile, tile[:, ::-1]], axis=1)
    tile = np.concatenate([tile, tile[::-1]], axis=0)
    across, down = -(-width // tile.shape[1]), -(-height // tile.shape[0])
    return Image.fromarray(np.tile(tile, (down, across, 1))[:height, :width])


def scene(photo: Image.Image, size: tuple[int, int], faces: int) -> np.ndarray:
    """Lays copies of a face on a grid, their sizes going from large to small.

    Args:
        photo: docs/astronaut.jpg.
        size: height and width of the picture.
        faces: how many; 0 or more.

    Returns:
        uint8 [h, w, 3].

    Raises:
        ValueError: if that many faces do not fit.
    """
    height, width = size
    picture = background(photo, width, height)
    if not faces:
        return np.asarray(picture)
    columns = int(np.ceil(np.sqrt(faces * width / height)))
    rows = -(-faces // columns)
    cell = min(width // columns, height // rows)
    if cell < 48:
        raise ValueError(
            f"{faces} faces in {width} x {height} pixels leave {cell} for each; accepted are 48 "
            "and more"
        )
    head = photo.crop(FACE)
    for number in range(faces):
        side = round(cell * np.interp(number, [0, max(1, faces - 1)], [0.95, 0.6]))
        small = head.resize((round(side * head.width / head.height), side))
        row, column = divmod(number, columns)
        corner = (column * width // columns, row * height // rows)
        picture.paste(small, corner)
    return np.asarray(picture)
