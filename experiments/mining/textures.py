"""Drawn pictures without a face: noise and stripes, which photographs have little of.

Networks that never saw any take blurred noise for faces: 421 in 48 pictures at a score of 0.7.
"""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from data.records import Picture

SIZE = (640, 480)
"""Width and height in pixels, about those of WIDER FACE's pictures when trained on."""

CELLS = (3.0, 48.0)
"""Sides in pixels of the finest and the coarsest noise."""

WAYS = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
"""How cells are filled: with edges, with creases, smoothly."""

CONTRASTS = (0.06, 0.4)
"""Least and greatest spread (standard deviation) of values, of which white is 1."""


class Textures(Sequence[Picture]):
    """Pictures without a face, each drawn from the seed and its number when it is asked for."""

    def __init__(self, count: int, *, seed: int):
        self._count, self._seed = count, seed

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Picture:
        if not 0 <= index < self._count:
            raise IndexError(f"texture {index} of {self._count}")
        file = io.BytesIO()
        Image.fromarray(draw(np.random.default_rng([self._seed, index]))).save(file, "PNG")
        boxes, landmarks = np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32)
        ignored = np.zeros(0, bool)
        return Picture(f"{index}.png", file.getvalue(), boxes, ignored, landmarks, True)


def draw(rng: np.random.Generator) -> np.ndarray:
    """Pixels of one texture, uint8 [480, 640, 3], grey or coloured."""
    channels = 1 if rng.random() < 0.7 else 3
    field = np.stack([_noise(rng) for _ in range(channels)], axis=-1)
    if rng.random() < 0.3:
        field = np.sin(field * rng.uniform(0.5, 3) + _slope(rng))
    # By spread, so that some are cut off at black and white: stretched from the least value to the
    # greatest, none were, and O-Net found 11 faces in 48 pictures of harder noise.
    contrast, middle = rng.uniform(*CONTRASTS), rng.uniform(0.35, 0.65)
    values = middle + contrast * (field - field.mean()) / max(field.std(), 1e-6)
    image = Image.fromarray(np.uint8(np.broadcast_to(values.clip(0, 1) * 255, (*SIZE[::-1], 3))))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(float(rng.choice([0, 0.7, 1.5, 3])))))


def _noise(rng: np.random.Generator) -> np.ndarray:
    """float64 [480, 640]: noise of one to three sizes of cells, smooth within them or not."""
    total = np.zeros(SIZE[::-1])
    for _ in range(rng.integers(1, 4)):
        cell = np.exp(rng.uniform(*np.log(CELLS)))
        shape = [int(side / cell) + 2 for side in SIZE[::-1]]
        coarse = Image.fromarray(rng.uniform(-1, 1, shape).astype(np.float32))
        way = Image.Resampling(rng.choice(WAYS))
        total += rng.uniform(0.3, 1) * np.asarray(coarse.resize(SIZE, way))
    return total


def _slope(rng: np.random.Generator) -> np.ndarray:
    """float64 [480, 640, 1]: what rises steadily in one direction, 2 pi every 4 to 40 pixels."""
    angle, wave = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(*np.log((4, 40))))
    rows, columns = np.indices(SIZE[::-1])
    along = columns * np.cos(angle) + rows * np.sin(angle)
    return (along * 2 * np.pi / wave)[..., None]
