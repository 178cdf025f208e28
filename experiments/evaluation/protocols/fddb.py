"""The FDDB protocol (Jain and Learned-Miller 2010): matching of regions, and its two ROC curves.

As the official tool does, regions are sets of whole pixels: an ellipse has its centre rounded, its
radii cut to whole pixels and its angle rounded to a degree; a rectangle has both corners rounded
and inclusive; both are clipped to the picture. (For an ellipse the tool fills a polygon; here it is
the ellipse itself.) Detections are assigned to annotations so that the sum of the overlaps is
highest (the Hungarian method), anew at each threshold.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

RIGHT = 0.5
"""IoU above which a matched detection is right, in the discrete score."""


class Region(NamedTuple):
    """A set of pixels.

    Attributes:
        row: of the first row of `mask` in the picture.
        column: of its first column.
        mask: bool [h, w].
    """

    row: int
    column: int
    mask: np.ndarray


class Roc(NamedTuple):
    """Both curves, from the lowest threshold up.

    Attributes:
        thresholds: float64 [n], every score that occurs, then infinity.
        discrete: float64 [n], share of the annotations matched with an IoU above `RIGHT`.
        continuous: float64 [n], sum of the matched IoU over the number of annotations.
        false_positives: int64 [n], detections not matched with an IoU above `RIGHT`.
    """

    thresholds: np.ndarray
    discrete: np.ndarray
    continuous: np.ndarray
    false_positives: np.ndarray


def _shown(
    low: np.ndarray, high: np.ndarray, size: tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray]:
    """The columns and the rows from `low` to `high` (x, y), both included, in a picture of `size`.

    Where that is not known, those from 0 up. No more is made, however far a region goes.
    """
    last = high if size is None else np.minimum(high, np.array(size[::-1]) - 1)
    columns, rows = (
        np.arange(start, stop + 1)
        for start, stop in np.stack([np.maximum(low, 0), last], axis=1).astype(int)
    )
    return columns, rows


def ellipse(
    major: float,
    minor: float,
    angle: float,
    x: float,
    y: float,
    *,
    size: tuple[int, int] | None = None,
) -> Region:
    """The pixels of an ellipse.

    Args:
        major: radius in pixels along the axis at `angle`.
        minor: the other radius.
        angle: in radians, from the horizontal axis.
        x: of the centre.
        y: of the centre.
        size: height and width of the picture, where known.
    """
    turn = np.deg2rad(np.rint(np.rad2deg(angle)))
    radii = np.array([int(major), int(minor)])
    along = np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-along[1], along[0]])
    reach = np.ceil(np.hypot(radii[0] * along, radii[1] * across)).astype(int)
    middle = np.rint([x, y]).astype(int)
    columns, rows = _shown(middle - reach, middle + reach, size)
    right, down = columns - middle[0], rows[:, None] - middle[1]
    # A radius of zero leaves a line, as wide as a pixel.
    first, second = np.maximum(radii, 0.5)
    mask = ((right * along[0] + down * along[1]) / first) ** 2 + (
        (right * across[0] + down * across[1]) / second
    ) ** 2 <= 1
    return Region(*np.maximum(middle - reach, 0)[::-1].tolist(), mask)


def rectangle(
    x: float, y: float, width: float, height: float, *, size: tuple[int, int] | None = None
) -> Region:
    """The pixels of a rectangle, both rounded corners included."""
    low = np.rint([x, y]).astype(int)
    columns, rows = _shown(low, np.rint([x + width, y + height]).astype(int), size)
    return Region(*np.maximum(low, 0)[::-1].tolist(), np.ones((len(rows), len(columns)), bool))


def overlap(a: Region, b: Region) -> float:
    """IoU of two regions; 0 if both are empty."""
    top, left = max(a.row, b.row), max(a.column, b.column)
    bottom = min(a.row + a.mask.shape[0], b.row + b.mask.shape[0])
    right = min(a.column + a.mask.shape[1], b.column + b.mask.shape[1])
    shared = 0
    if top < bottom and left < right:
        parts = [
            one.mask[top - one.row : bottom - one.row, left - one.column : right - one.column]
            for one in (a, b)
        ]
        shared = np.count_nonzero(parts[0] & parts[1])
    whole = np.count_nonzero(a.mask) + np.count_nonzero(b.mask) - shared
    return shared / whole if whole else 0.0


def match(overlaps: np.ndarray) -> np.ndarray:
    """IoU of the pairs of the best assignment: float64 [k], those above 0, of `overlaps` [n, m]."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    matched = overlaps[rows, columns]
    return matched[matched > 0]


def score_picture(
    annotations: Sequence[Region], detections: Sequence[Region], scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What one picture adds to the curves.

    Args:
        annotations: the labelled faces.
        detections: what was found.
        scores: float [n] of the detections.

    Returns:
        The scores that occur, descending, and for each threshold at one of them float64 [k, 3]:
        right detections, sum of the matched overlaps, false positives.
    """
    table = np.array([[overlap(face, one) for one in detections] for face in annotations])
    table = table.reshape(len(annotations), len(detections))
    thresholds = np.unique(scores)[::-1]
    sums = np.zeros((len(thresholds), 3))
    for row, threshold in enumerate(thresholds):
        valid = scores >= threshold
        matched = match(table[:, valid])
        right = np.count_nonzero(matched > RIGHT)
        sums[row] = right, matched.sum(), np.count_nonzero(valid) - right
    return thresholds, sums


def roc(
    annotations: Mapping[str, Sequence[Region]],
    detections: Mapping[str, Sequence[Region]],
    scores: Mapping[str, np.ndarray],
) -> Roc:
    """The curves of many pictures together.

    Args:
        annotations: for each picture its labelled faces.
        detections: for each of these pictures what was found.
        scores: for each of them float [n], of the detections.

    Raises:
        ValueError: if a picture's detections are missing.
    """
    missing = [name for name in annotations if name not in detections]
    if missing:
        raise ValueError(f"the detections lack {len(missing)} pictures, the first {missing[0]}")
    steps, changes = [], []
    for name, faces in annotations.items():
        thresholds, sums = score_picture(faces, detections[name], scores[name])
        steps.append(thresholds)
        # What each threshold adds to the next higher one, so that pictures can be summed up.
        changes.append(np.diff(sums, axis=0, prepend=0))
    every = np.concatenate([*steps, np.zeros(0)])
    thresholds, place = np.unique(-every, return_inverse=True)
    totals = np.zeros((len(thresholds) + 1, 3))
    np.add.at(totals, place + 1, np.concatenate([*changes, np.zeros((0, 3))]))
    totals = np.cumsum(totals, axis=0)[::-1]
    faces = max(sum(map(len, annotations.values())), 1)
    return Roc(
        np.append(-thresholds[::-1], np.inf),
        totals[:, 0] / faces,
        totals[:, 1] / faces,
        np.rint(totals[:, 2]).astype(np.int64),
    )
