"""How many of the faces each stage of the cascade leaves, and with how many windows."""

from collections.abc import Sequence

import numpy as np

from data.records import Picture
from experiments.evaluation.detections import Found

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
    table = {}
    for stage in found[0].windows:
        reached = []
        for picture, one in zip(pictures, found, strict=True):
            tall = picture.boxes[:, 3] - picture.boxes[:, 1] >= smallest
            reached.append(one.overlaps[stage][tall & ~picture.ignored] >= LEFT)
        reached = np.concatenate(reached)
        table[stage] = {
            "faces_left": float(reached.mean()) if len(reached) else None,
            "windows_per_picture": float(np.mean([one.windows[stage] for one in found])),
        }
    return table
