"""Corruptions of labelled pictures, unlike those trained on; the boxes move along."""

import io
import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from data.records import Picture, read_pixels

Corruption = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From a picture uint8 [h, w, 3] and boxes [m, 4] to both as they are after it."""

DARK = 0.2
"""Factor on the values of a dark picture."""

MASK_FROM = 0.55
"""Share of a face's height above its mask, which hides the nose's tip, mouth and chin."""

MASK_COLOUR = (170, 195, 215)


def grey(image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without colour."""
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB")), boxes


def dark(image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With a fifth of the light."""
    return np.round(image * DARK).astype(np.uint8), boxes


def masked(image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With a rectangle of one colour over the lower part of every face."""
    image = image.copy()
    for left, top, right, bottom in boxes:
        top = bottom - (1 - MASK_FROM) * (bottom - top)
        edges = [max(round(float(edge)), 0) for edge in (left, top, right, bottom)]
        image[edges[1] : edges[3], edges[0] : edges[2]] = MASK_COLOUR
    return image, boxes


def tilted(degrees: float) -> Corruption:
    """Turned counter-clockwise about its middle, black beside; boxes keep their sides."""

    def corrupt(image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turned = np.asarray(
            Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR, expand=True)
        )
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2 - np.array(image.shape[1::-1]) / 2).T
        centres = np.column_stack([cos * x + sin * y, cos * y - sin * x])
        centres += np.array(turned.shape[1::-1]) / 2
        half = (boxes[:, 2:] - boxes[:, :2]) / 2
        return turned, np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)

    return corrupt


def none(image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As it is."""
    return image, boxes


CORRUPTIONS: dict[str, Corruption] = {
    "none": none,
    "grey": grey,
    "dark": dark,
    "masked": masked,
    "tilted_15": tilted(15),
    "tilted_30": tilted(30),
}


class Corrupted(Sequence):
    """Labelled pictures, each corrupted as it is read; without landmarks."""

    def __init__(self, pictures: Sequence[Picture], corruption: Corruption):
        self._pictures, self._corrupt = pictures, corruption

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Picture:
        picture = self._pictures[index]
        image, boxes = self._corrupt(read_pixels(picture), picture.boxes)
        file = io.BytesIO()
        Image.fromarray(image).save(file, "BMP")  # Nothing is lost, and little time.
        unknown = np.full_like(picture.landmarks, np.nan)
        return picture._replace(encoded=file.getvalue(), boxes=boxes, landmarks=unknown)
