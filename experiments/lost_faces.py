"""Which stage of the cascade lost each missed face."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
import tqdm

import mtcnn_jax as mj
from data.records import Picture
from experiments.average_precision import iou
from experiments.stage_recall import LEFT
from mtcnn_jax.cascade import Params

REASONS = {
    "pnet": "never proposed by P-Net",
    "rnet": "rejected by R-Net",
    "onet": "rejected by O-Net",
    "nms": "suppressed",
}
"""Each with what it means; the last: all three networks pass a window on the face, and suppression
takes it away or leaves it to another face."""

CAPACITIES = (16384, 16384, 4096)
"""Without suppression many windows are left."""


def without_suppression(config: mj.DetectConfig) -> mj.DetectConfig:
    """The same, but that no window suppresses another."""
    return dataclasses.replace(config, nms_thresholds=(1.0,) * 4, capacities=CAPACITIES)


def reason(overlaps: dict[str, np.ndarray]) -> str:
    """The key in `REASONS` of one face.

    Args:
        overlaps: for each stage float [n], IoU with the face of all windows that it leaves.
    """
    for stage, shares in overlaps.items():
        if shares.max(initial=0) < LEFT:
            return stage
    return "nms"


def reasons(
    params: Params,
    pictures: Sequence[Picture],
    missed: Sequence[np.ndarray],
    config: mj.DetectConfig,
) -> list[list[str]]:
    """Looks again at the pictures with missed faces, without suppression.

    Args:
        params: of the three networks.
        pictures: the labelled pictures.
        missed: for each of them int [k], which of its faces were missed.
        config: how it was looked.

    Returns:
        For each picture the keys in `REASONS` of its missed faces.
    """
    found: list[list[str]] = [[] for _ in pictures]
    loose = without_suppression(config)
    rows = [row for row, faces in enumerate(missed) if len(faces)]
    for row in tqdm.tqdm(rows, desc="missed faces", unit="picture", disable=None):
        picture = pictures[row]
        (left,) = mj.detect_stages(params, [picture.encoded], loose)
        for face in missed[row]:
            box = picture.boxes[face][None]
            overlaps = {stage: iou(box, windows[:, :4])[0] for stage, windows in left.items()}
            found[row].append(reason(overlaps))
    return found


def count(found: Sequence[Sequence[str]]) -> dict[str, int]:
    """How many faces were lost for each of `REASONS`."""
    counts = Counter(key for one in found for key in one)
    return {key: counts[key] for key in REASONS}
