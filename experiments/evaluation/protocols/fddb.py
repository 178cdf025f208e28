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


class Changes(NamedTuple):
    """What each picture adds to the curves at each of its thresholds, over the next higher one.

    Attributes:
        pictures: int64 [k], the picture that each is of.
        thresholds: float64 [k].
        sums: float64 [k, 3]: right detections, sum of the matched overlaps, false positives.
        faces: int64 [n], the annotations of each picture.
    """

    pictures: np.ndarray
    thresholds: np.ndarray
    sums: np.ndarray
    faces: np.ndarray


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


def match_pictures(
    annotations: Mapping[str, Sequence[Region]],
    detections: Mapping[str, Sequence[Region]],
    scores: Mapping[str, np.ndarray],
) -> Changes:
    """Matches the detections of many pictures.

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
    return Changes(
        np.repeat(np.arange(len(steps)), [len(one) for one in steps]),
        np.concatenate([*steps, np.zeros(0)]),
        np.concatenate([*changes, np.zeros((0, 3))]),
        np.array([len(faces) for faces in annotations.values()], np.int64),
    )


def roc(changes: Changes) -> Roc:
    """The curves of many pictures together."""
    thresholds, place = np.unique(-changes.thresholds, return_inverse=True)
    totals = np.zeros((len(thresholds) + 1, 3))
    np.add.at(totals, place + 1, changes.sums)
    totals = np.cumsum(totals, axis=0)[::-1]
    faces = max(changes.faces.sum(), 1)
    return Roc(
        np.append(-thresholds[::-1], np.inf),
        totals[:, 0] / faces,
        totals[:, 1] / faces,
        np.rint(totals[:, 2]).astype(np.int64),
    )


def rates_at(changes: Changes, times: np.ndarray, count: int, *, continuous: bool) -> np.ndarray:
    """The highest rate with at most `count` false positives, where pictures count `times` [b, n].

    Returns:
        float64 [b]; 0 where no threshold has as few.
    """
    order = np.argsort(-changes.thresholds, kind="stable")
    last = np.append(np.diff(changes.thresholds[order]) != 0, True)[: len(order)]
    often, sums = times[:, changes.pictures[order]], changes.sums[order]
    matched, false = (
        np.cumsum(often * sums[:, kind], axis=1)[:, last] for kind in (1 if continuous else 0, 2)
    )
    best = np.max(matched, axis=1, where=false <= count, initial=0)
    return best / np.maximum(times @ changes.faces, 1)
