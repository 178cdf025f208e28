"""How many of the faces each stage of the cascade leaves, and with how many windows."""

from collections.abc import Sequence

import numpy as np

from data.records import Picture
from experiments.evaluation.detections import Found
from experiments.evaluation.protocols.figures import Figure, ratio

LEFT = 0.5
"""IoU of some window from which a face counts as left."""


def summary(
    pictures: Sequence[Picture], found: Sequence[Found], *, smallest: float
) -> dict[str, dict[str, float | None]]:
    """Shares of the faces of at least `smallest` pixels of height that each stage leaves.

    Args:
        pictures: the labelled pictures.
        found: what was found in each, with stages.
        smallest: height in pixels.

    Returns:
        For each stage `faces_left` (a share; None without faces) and `windows_per_picture`.
    """
    table: dict[str, dict[str, float | None]] = {stage: {} for stage in found[0].windows}
    once = np.ones((1, len(found)), np.int64)
    for path, figure in figures(pictures, found, smallest=smallest).items():
        _, stage, key = path.split("/")
        value = float(figure.values(once)[0])
        table[stage][key] = None if np.isnan(value) else value
    return table


def figures(
    pictures: Sequence[Picture], found: Sequence[Found], *, smallest: float
) -> dict[str, Figure]:
    """What `summary` tells, as functions of how often each picture counts."""
    tall = [
        (picture.boxes[:, 3] - picture.boxes[:, 1] >= smallest) & ~picture.ignored
        for picture in pictures
    ]
    faces, ones = [rows.sum() for rows in tall], np.ones(len(found))
    table = {}
    for stage in found[0].windows:
        left = [
            (one.overlaps[stage][rows] >= LEFT).sum() for rows, one in zip(tall, found, strict=True)
        ]
        windows = [one.windows[stage] for one in found]
        table[f"stages/{stage}/faces_left"] = ratio(left, faces)
        table[f"stages/{stage}/windows_per_picture"] = ratio(windows, ones)
    return table
