"""RetinaFace's five points of WIDER FACE's training faces, from its own download.

That is `retinaface_gt_v1.1.zip` or `retinaface_gt.zip`, or the folder that either unpacks to,
beside the archives of WIDER FACE. Of it `train/label.txt` is read; the others hold no points.
"""

import pathlib

import numpy as np

from data.datasets.retinaface import PointsAnnotation, parse_points
from data.lines import read_member

DOWNLOADS = ("retinaface_gt_v1.1.zip", "retinaface_gt.zip", "retinaface_gt_v1.1", "retinaface_gt")

LABELS = "train/label.txt"


def read_points(folder: pathlib.Path) -> dict[str, PointsAnnotation]:
    """The points of each picture of the training set, by its name; none without a download.

    Raises:
        ArchiveError: if the download is damaged or holds no such text, or a line is malformed.
    """
    for path in (folder / name for name in DOWNLOADS):
        if path.exists():
            text, name = read_member(path, LABELS, named_by="RetinaFace's layout")
            return {one.name: one for one in parse_points(name, text)}
    return {}


def points_of(boxes: np.ndarray, known: PointsAnnotation | None) -> tuple[np.ndarray, int]:
    """The points of a picture's faces, by their boxes, which both labels share.

    Args:
        boxes: float32 [m, 4] of WIDER FACE.
        known: RetinaFace's labels of the picture; None if it has none.

    Returns:
        float32 [m, 5, 2], NaN where unknown, and how many boxes with points are not among `boxes`.
    """
    points = np.full((len(boxes), 5, 2), np.nan, np.float32)
    if known is None:
        return points, 0
    same = (boxes[:, None] == known.boxes).all(axis=-1)
    for row, column in zip(*np.nonzero(same), strict=True):
        points[row] = known.landmarks[column]
    pointed = np.isfinite(known.landmarks).all(axis=(1, 2))
    return points, int((pointed & ~same.any(axis=0)).sum())
