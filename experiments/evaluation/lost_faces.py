"""Which stage of the cascade lost each missed face."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
import tqdm

import mtcnn_jax as mj
from data.records import Picture
from experiments.evaluation.protocols.average_precision import iou
from experiments.evaluation.stage_recall import LEFT
from mtcnn_jax.cascade.stages import Params

REASONS = {
    "pnet": "never proposed by P-Net",
    "rnet": "rejected by R-Net",
    "onet": "rejected by O-Net",
    "nms": "suppressed",
}
"""Each with what it means; the last: windows on the face passed the network, and suppression took
them away or left them to another face."""

SUPPRESSIONS = {"pnet": (0, 1), "rnet": (2,), "onet": (3,)}
"""Which of `DetectConfig.nms_thresholds` belong to each stage, in the order of the cascade."""

CAPACITIES = (16384, 4096, 1024)
"""Without suppression many windows are left."""


def without_suppression(config: mj.DetectConfig, stage: str | None) -> mj.DetectConfig:
    """The same, but that windows do not suppress each other after `stage` (None: they do).

    Nor do they vote then, or get a second look, so that what a network said stays as it was.
    """
    off = SUPPRESSIONS.get(stage, ())
    thresholds = tuple(
        1.0 if number in off else value for number, value in enumerate(config.nms_thresholds)
    )
    config = dataclasses.replace(config, nms_thresholds=thresholds, capacities=CAPACITIES)
    return dataclasses.replace(config, voting=1, second_look=False) if off else config


def losing_stage(windows: dict[str, np.ndarray], box: np.ndarray) -> str | None:
    """The first stage that leaves no window on a face [4]; None if all leave some.

    Args:
        windows: for each stage float [n, 5], as `mtcnn_jax.detect_stages` gives them.
        box: the face.
    """
    for stage in SUPPRESSIONS:  # In the order of the cascade, which jit does not keep.
        if stage in windows and iou(box[None], windows[stage][:, :4]).max(initial=0) < LEFT:
            return stage
    return None


def reasons(
    params: Params,
    pictures: Sequence[Picture],
    missed: Sequence[np.ndarray],
    config: mj.DetectConfig,
) -> list[list[str]]:
    """Looks again at the pictures with missed faces.

    A face is lost at the first stage that leaves no window on it. Whether the network rejected it
    there or suppression took it shows with that stage's suppression off.

    Args:
        params: of the three networks.
        pictures: the labelled pictures.
        missed: for each of them int [k], which of its faces were missed.
        config: how it was looked.

    Returns:
        For each picture the keys in `REASONS` of its missed faces.
    """
    found: list[list[str]] = [[] for _ in pictures]
    rows = [row for row, faces in enumerate(missed) if len(faces)]
    for row in tqdm.tqdm(rows, desc="missed faces", unit="picture", disable=None):
        picture = pictures[row]

        def look(off: str | None, image: bytes = picture.encoded) -> dict[str, np.ndarray]:
            # P-Net alone where its windows are not thinned out: R-Net would see thousands.
            until = "pnet" if off == "pnet" else "onet"
            loose = without_suppression(config, off)
            return mj.detect_stages(params, [image], loose, until=until)[0]

        boxes = picture.boxes[missed[row]]
        windows = look(None)
        lost = [losing_stage(windows, box) for box in boxes]
        again = {stage: look(stage)[stage] for stage in sorted({*lost} - {None})}
        for stage, box in zip(lost, boxes, strict=True):
            rejected = stage and losing_stage({stage: again[stage]}, box) == stage
            found[row].append(stage if rejected else "nms")
    return found


def count(found: Sequence[Sequence[str]]) -> dict[str, int]:
    """How many faces were lost for each of `REASONS`."""
    counts = Counter(key for one in found for key in one)
    return {key: counts[key] for key in REASONS}
