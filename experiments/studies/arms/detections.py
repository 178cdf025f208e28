"""What one network detects: P-Net alone, R-Net and O-Net on the windows of the stages before.

R-Net's and O-Net's windows are found and cut once, and all networks look at the same ones.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from data import sampling
from data.records import Picture, read_pixels
from experiments.mining.buckets import overflow_is_meant, stages_by_bucket
from mtcnn_jax import DetectConfig
from mtcnn_jax.cascade.boxes import decode_offsets
from mtcnn_jax.cascade.nms import nms
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.training.inference import infer
from mtcnn_jax.training.recipe import Recipe

LOWEST = 0.05
"""Score from which a detection is on a curve."""

KEPT = 1024
"""Windows of a picture that P-Net alone leaves at most, those of highest score."""

TOGETHER = 32
"""Pictures in memory at a time."""

STAGES = tuple(INPUT_SIZE)


class Detected(NamedTuple):
    """What a network finds in one picture.

    Attributes:
        boxes: float32 [n, 4], xyxy, clipped to the picture, by descending score.
        scores: float32 [n].
    """

    boxes: np.ndarray
    scores: np.ndarray


class Outputs(NamedTuple):
    """What a network says of the windows of one picture.

    Attributes:
        windows: float32 [n, 4].
        size: height and width of the picture.
        scores: float32 [n].
        offsets: float32 [n, 4].
    """

    windows: np.ndarray
    size: tuple[int, int]
    scores: np.ndarray
    offsets: np.ndarray


def _groups(pictures: Sequence[Picture]) -> Iterator[list[np.ndarray]]:
    for start in range(0, len(pictures), TOGETHER):
        part = range(start, min(start + TOGETHER, len(pictures)))
        yield [read_pixels(pictures[row]) for row in part]


def _clipped(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.clip(boxes, 0, np.array([*size[::-1], *size[::-1]], np.float32))


def _windows(
    params: Mapping[str, Any], images: Sequence[np.ndarray], last: str, lowest: float
) -> list[np.ndarray]:
    """float32 [n, 5] of each picture: the windows of the stages until `last`, and their scores."""
    # P-Net's are looked at with one program, whatever their scores have to be.
    config = DetectConfig(
        thresholds=(lowest, *DetectConfig.thresholds[1:]),
        size_prior=0,  # As in the paper.
        capacities=(16 * KEPT, KEPT, 1 if last == "pnet" else DetectConfig.capacities[2]),
        retries=0,
    )
    with overflow_is_meant():
        return [one[last] for one in stages_by_bucket(params, images, config, until=last)]


def detect_by_pnet(network: Any, pictures: Sequence[Picture]) -> list[Detected]:
    """P-Net's windows after suppression, squares as R-Net would get them."""
    found = []
    for images in _groups(pictures):
        for image, rows in zip(
            images, _windows({"pnet": network}, images, "pnet", LOWEST), strict=True
        ):
            rows = rows[np.argsort(-rows[:, 4], kind="stable")]
            found.append(Detected(_clipped(rows[:, :4], image.shape[:2]), rows[:, 4]))
    return found


def look_at_windows(
    stage: str,
    networks: Mapping[Any, Any],
    before: Mapping[str, Any],
    pictures: Sequence[Picture],
) -> dict[Any, list[Outputs]]:
    """What networks of one stage say of the same windows.

    Args:
        stage: "rnet" or "onet".
        networks: parameters of the stage, by any name.
        before: parameters of the stages before, by stage.
        pictures: to look at.

    Returns:
        For each network its outputs in each picture.
    """
    recipe, found = Recipe(stage, 1000), {name: [] for name in networks}
    last = STAGES[STAGES.index(stage) - 1]
    for images in _groups(pictures):
        left = _windows(before, images, last, DetectConfig.thresholds[0])
        windows = [rows[:, :4] for rows in left]
        patches = [_cut(image, rows, stage) for image, rows in zip(images, windows, strict=True)]
        ends = np.cumsum([len(rows) for rows in windows])[:-1]
        whole = np.concatenate(patches)
        for name, network in networks.items():
            scores, offsets = _outputs(recipe, network, whole)
            parts = zip(
                windows, images, np.split(scores, ends), np.split(offsets, ends), strict=True
            )
            found[name] += [
                Outputs(rows, image.shape[:2], score, offset)
                for rows, image, score, offset in parts
            ]
    return found


def _outputs(recipe: Recipe, network: Any, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not len(patches):
        return np.zeros(0, np.float32), np.zeros((0, 4), np.float32)
    return infer(recipe, {recipe.stage: network}, patches)[:2]


def _cut(image: np.ndarray, windows: np.ndarray, stage: str) -> np.ndarray:
    count = len(windows)
    unlabelled = sampling.Windows(
        windows,
        np.zeros(count, np.int8),
        np.zeros((count, 4), np.float32),
        np.zeros((count, 5, 2), np.float32),
    )
    return sampling.cut(image, unlabelled, crop_size=INPUT_SIZE[stage]).patches


def detect(stage: str, outputs: Outputs) -> Detected:
    """The detections of R-Net or O-Net, suppressed as in the cascade, without voting."""
    chosen = np.flatnonzero(outputs.scores > LOWEST)
    chosen = chosen[np.argsort(-outputs.scores[chosen], kind="stable")]
    windows, scores = outputs.windows[chosen], outputs.scores[chosen]
    boxes = np.asarray(decode_offsets(windows, outputs.offsets[chosen]))
    # R-Net's windows suppress each other as they came, O-Net's as they are moved.
    kept = _kept(windows, "union") if stage == "rnet" else _kept(boxes, "min")
    return Detected(_clipped(boxes[kept], outputs.size), scores[kept])


def _kept(boxes: np.ndarray, mode: str) -> np.ndarray:
    """bool [n]: what suppression leaves of sorted boxes, padded so that few shapes compile."""
    room = 64
    while room < len(boxes):
        room *= 2
    padded = np.zeros((room, 4), np.float32)
    padded[: len(boxes)] = boxes
    threshold = DetectConfig().nms_thresholds[2 if mode == "union" else 3]
    kept = _nms(padded, np.arange(room) < len(boxes), threshold, mode=mode)
    return np.asarray(kept)[: len(boxes)]


@functools.partial(jax.jit, static_argnames="mode")
def _nms(boxes: np.ndarray, valid: np.ndarray, threshold: float, *, mode: str) -> jax.Array:
    return nms(boxes, valid, threshold, mode=mode)
