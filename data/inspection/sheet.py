"""Labels drawn on their pictures, many on one sheet: what a look at them takes."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data.datasets.folder import Folder, share_of
from data.datasets.labels import Labels
from data.inspection.findings import Finding
from mtcnn_jax import read_image

COLUMNS, TILE, CAPTION = 4, 320, 16
"""Pictures in a row, the side of one, and the height of the line below it; in pixels."""

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")

NAME = 40
"""Letters of a name's end that are shown."""

FACE, IGNORED, DOUBT = (0, 230, 118), (150, 150, 150), (255, 64, 64)
LEFT, RIGHT, NOSE = (64, 160, 255), (255, 160, 0), (255, 255, 255)
"""Colours of the points on the picture's left, on its right, and of the nose."""


def draw_labels(one: Labels, path: pathlib.Path, doubts: Sequence[Finding] = ()) -> Image.Image:
    """One picture with its boxes and points, at most TILE x TILE; below it name and doubts.

    Args:
        one: its labels.
        path: of its file.
        doubts: what was found in it; the boxes that they are about are red.
    """
    doubted = {found.face for found in doubts}
    picture = Image.fromarray(read_image(path))
    scale = min(TILE / side for side in picture.size)
    size = [max(1, round(side * scale)) for side in picture.size]
    tile = Image.new("RGB", (TILE, TILE + CAPTION), (32, 32, 32))
    tile.paste(picture.resize(size, Image.Resampling.BILINEAR))
    draw = ImageDraw.Draw(tile)
    for face, (box, points) in enumerate(
        zip(one.boxes * scale, one.landmarks * scale, strict=True)
    ):
        colour = DOUBT if face in doubted else IGNORED if one.ignored[face] else FACE
        x1, y1, x2, y2 = np.clip(box, -TILE, 2 * TILE).tolist()
        draw.rectangle((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), outline=colour)
        radius = float(np.clip((x2 - x1) / 25, 1, 4))
        for point, fill in zip(points, (LEFT, RIGHT, NOSE, LEFT, RIGHT), strict=True):
            if np.isfinite(point).all():
                x, y = point.tolist()
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    draw.rectangle((0, TILE, TILE, TILE + CAPTION), fill=(0, 0, 0))
    told = ", ".join(dict.fromkeys(found.kind for found in doubts))
    text = f"{told}: {one.name[-NAME:]}" if told else one.name[-NAME:]
    colour = DOUBT if told else (255, 255, 255)
    draw.text((3, TILE + 1), text, fill=colour, font=ImageFont.load_default(11))
    return tile


def check_ending(path: str | os.PathLike) -> None:
    """Refuses a name that no picture can be written to.

    Raises:
        ValueError: naming the endings that are accepted.
    """
    if pathlib.Path(path).suffix.lower() not in ENDINGS:
        accepted = ", ".join(ENDINGS)
        raise ValueError(f"--check={path}; accepted is the name of a picture, {accepted}")


def save_sheet(
    path: str | os.PathLike, folder: Folder, found: Sequence[Finding], *, count: int = 24
) -> int:
    """Writes a sheet of `count` pictures, and returns how many are on it.

    Half of them have something in doubt, where so many do: their doubted boxes are red. The others
    are chosen by their names.

    Raises:
        OSError: if it cannot be written.
    """
    broken = {one.place for one in found if one.kind in ("missing", "unreadable")}
    doubts: dict[pathlib.Path, list[Finding]] = {}
    for one in found:
        if one.picture is not None:
            doubts.setdefault(one.picture, []).append(one)
    every = [
        (root / one.name, one)
        for root, labels in folder.splits.values()
        for one in labels
        if one.place not in broken
    ]
    every.sort(key=lambda pair: share_of(pair[1].name))
    doubted = [pair for pair in every if pair[0] in doubts]
    others = [pair for pair in every if pair[0] not in doubts]
    kept = doubted[: max(-(-count // 2), count - len(others))]
    shown = [*kept, *others[: count - len(kept)]]
    rows = -(-len(shown) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, max(rows, 1) * (TILE + CAPTION)))
    for number, (file, one) in enumerate(shown):
        row, column = divmod(number, COLUMNS)
        tile = draw_labels(one, file, doubts.get(file, ()))
        sheet.paste(tile, (column * TILE, row * (TILE + CAPTION)))
    sheet.save(path)
    return len(shown)
