"""Pictures of examples: boxes cut out with their surroundings, in a grid, each with a caption."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE = 128
"""Side of an example in pixels."""

LINE = 14
"""Height of a caption."""

COLUMNS = 8
AROUND = 1.0
"""What is shown around a box on each side, in units of the box's longer side."""


class Example(NamedTuple):
    """What to show.

    Attributes:
        image: uint8 [h, w, 3].
        box: float [4], xyxy.
        caption: a few words.
    """

    image: np.ndarray
    box: np.ndarray
    caption: str


def tile(example: Example) -> Image.Image:
    """One example, TILE wide and TILE + LINE high; black outside its picture."""
    x1, y1, x2, y2 = (float(value) for value in example.box)
    side = max(x2 - x1, y2 - y1, 1.0) * (1 + 2 * AROUND)
    left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    scale = side / TILE
    picture = Image.fromarray(example.image).transform(
        (TILE, TILE),
        Image.Transform.AFFINE,
        (scale, 0, left, 0, scale, top),
        Image.Resampling.BILINEAR,
    )
    shown = Image.new("RGB", (TILE, TILE + LINE))
    shown.paste(picture)
    draw = ImageDraw.Draw(shown)
    corners = [(x1 - left) / scale, (y1 - top) / scale, (x2 - left) / scale, (y2 - top) / scale]
    draw.rectangle(corners, outline=(80, 255, 80))
    draw.text((2, TILE + 1), example.caption, fill=(255, 255, 255), font=ImageFont.load_default(10))
    return shown


def grid(examples: Iterable[Example]) -> Image.Image:
    """All examples, COLUMNS in a row; one black tile for none."""
    tiles = [tile(example) for example in examples] or [Image.new("RGB", (TILE, TILE + LINE))]
    rows = -(-len(tiles) // COLUMNS)
    whole = Image.new("RGB", (TILE * min(COLUMNS, len(tiles)), (TILE + LINE) * rows))
    for number, one in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        whole.paste(one, (column * TILE, row * (TILE + LINE)))
    return whole
