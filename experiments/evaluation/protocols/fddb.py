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


def _clipped(row: int, column: int, mask: np.ndarray, size: tuple[int, int] | None) -> Region:
    """Without the part outside a picture of `size`; where that is not known, left of or above 0."""
    height, width = size or (row + mask.shape[0], column + mask.shape[1])
    mask = mask[max(0, -row) : max(0, height - row), max(0, -column) : max(0, width - column)]
    return Region(max(row, 0), max(column, 0), mask)


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
    columns, rows = (np.arange(-length, length + 1) for length in reach)
    rows = rows[:, None]
    # A radius of zero leaves a line, as wide as a pixel.
    first, second = np.maximum(radii, 0.5)
    mask = ((columns * along[0] + rows * along[1]) / first) ** 2 + (
        (columns * across[0] + rows * across[1]) / second
    ) ** 2 <= 1
    return _clipped(int(np.rint(y)) - reach[1], int(np.rint(x)) - reach[0], mask, size)


def rectangle(
    x: float, y: float, width: float, height: float, *, size: tuple[int, int] | None = None
) -> Region:
    """The pixels of a rectangle, both rounded corners included."""
    left, top = int(np.rint(x)), int(np.rint(y))
    sides = (int(np.rint(y + height)) - top + 1, int(np.rint(x + width)) - left + 1)
    return _clipped(top, left, np.ones(np.maximum(sides, 0), bool), size)


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
