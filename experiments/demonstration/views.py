"""What a photo looks like to the cascade, as pictures: pure functions, without a browser."""

import os
import time
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

import mtcnn_jax as mj
from mtcnn_jax.cascade.stages import Params

SIDE = 1280
"""Longer side, in pixels, that pictures are shown with at most."""

MOST_PIXELS = 50_000_000
"""Of a photo: a larger one takes gigabytes, and the page is for several people."""

MOST_CROPS = 60
"""Shown of one photo: low thresholds leave hundreds of faces, which fill no browser to any use."""

STAGES = {"pnet": "P-Net", "rnet": "R-Net", "onet": "O-Net"}

_LOW, _HIGH = np.array([64, 132, 255]), np.array([255, 214, 0])


class View(NamedTuple):
    """What is shown of one photo.

    Attributes:
        faces: the photo with boxes, scores and points.
        crops: each face aligned, 112 x 112, with its score as a caption.
        stages: the photo with the windows that each stage left, and what they are, in order.
        said: one sentence on what was found.
    """

    faces: Image.Image
    crops: list[tuple[Image.Image, str]]
    stages: list[tuple[Image.Image, str]]
    said: str


def read_photo(path: str | os.PathLike) -> np.ndarray:
    """Reads a photo that somebody gave, uint8 [h, w, 3].

    Raises:
        ValueError: It is no picture, or too large; the text has its name and no folder.
    """
    try:
        image = mj.read_image(path)
    except ValueError as error:
        whole = os.fspath(path)
        raise ValueError(str(error).replace(whole, os.path.basename(whole))) from error
    height, width = image.shape[:2]
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"the photo has {width} x {height} pixels; accepted are up to "
            f"{MOST_PIXELS // 1_000_000} million in all"
        )
    return image


def settings(
    min_face_size: float, pnet: float, rnet: float, onet: float, voting: float
) -> mj.DetectConfig:
    """The sliders' values as settings of detection; those that cannot be are a ValueError."""
    return mj.DetectConfig(
        min_face_size=min_face_size, thresholds=(pnet, rnet, onet), voting=voting
    )


def shown(image: np.ndarray) -> tuple[np.ndarray, float]:
    """A picture scaled down to what is shown, uint8 [h, w, 3], and by what factor."""
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    if scale == 1:
        return image, scale
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)), scale


def draw_windows(image: np.ndarray, windows: np.ndarray, *, least: float) -> Image.Image:
    """Draws the windows that a stage left, the best last; blue to yellow, by their scores.

    Args:
        image: uint8 [h, w, 3].
        windows: float32 [n, 5], box in its pixels and score, best first.
        least: the score that is drawn in blue: the stage's threshold.

    Returns:
        A PIL image of the same size, darker, so that windows show.
    """
    picture = Image.fromarray((image * 0.6).astype(np.uint8))
    canvas = ImageDraw.Draw(picture)
    line = max(1, round(max(picture.size) / 300))
    part = np.clip((windows[:, 4] - least) / max(1 - least, 1e-6), 0, 1)[:, None]
    colours = np.rint(_LOW + part * (_HIGH - _LOW)).astype(int)
    for (*box, _), colour in zip(windows[::-1], colours[::-1], strict=True):
        left, top, right, bottom = np.rint(box).astype(int)
        canvas.rectangle(
            (left, top, max(left, right - 1), max(top, bottom - 1)), None, tuple(colour), line
        )
    return picture


def look(params: Params, image: np.ndarray, config: mj.DetectConfig) -> View:
    """Finds the faces of a photo and draws all that there is to see.

    Args:
        params: of the networks.
        image: uint8 [h, w, 3].
        config: how to look.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        start = time.perf_counter()
        faces = mj.detect(params, image, config)
        took = time.perf_counter() - start
        (left,) = mj.detect_stages(params, [image], config)
    dropped = any("over the capacities" in str(one.message) for one in told)
    small, scale = shown(image)
    drawn = mj.Faces(faces.boxes * scale, faces.scores, faces.landmarks * scale)
    stages = []
    for (name, title), least in zip(STAGES.items(), config.thresholds, strict=True):
        windows = left[name] * np.array([scale] * 4 + [1.0], np.float32)
        picture = draw_windows(small, windows, least=least)
        stages.append((picture, f"{title} left {_counted(len(windows), 'window')}"))
    return View(
        mj.draw_faces(small, drawn),
        crops(image, faces[:MOST_CROPS]),
        stages,
        _said(len(faces), image.shape, took, dropped=dropped),
    )


def crops(image: np.ndarray, faces: mj.Faces) -> list[tuple[Image.Image, str]]:
    """Each face of a picture upright, 112 x 112, as face recognition takes it; and its score."""
    aligned = mj.align(image, faces, size=112)
    return [
        (Image.fromarray(crop), f"{score:.3f}")
        for crop, score in zip(aligned, faces.scores, strict=True)
    ]


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _said(count: int, shape: tuple[int, ...], took: float, *, dropped: bool) -> str:
    found = _counted(count, "face") if count else "No face"
    text = f"{found} in {shape[1]} x {shape[0]} pixels, {took * 1000:.0f} ms."
    if not count:
        text += " Lower thresholds, or a smaller smallest face, let more through."
    if count > MOST_CROPS:
        text += f" The surest {MOST_CROPS} are shown aligned."
    if dropped:
        text += " More windows passed than a stage takes: the weakest were dropped."
    return text
