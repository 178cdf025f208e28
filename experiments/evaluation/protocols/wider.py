"""The official WIDER FACE protocol: AP on the easy, medium and hard faces of the validation set.

A box is x, y, width, height in pixels, and covers width + 1 by height + 1 of them: the convention
of the official tool, kept for its overlaps alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.evaluation.protocols.average_precision import envelope
from experiments.evaluation.protocols.wider_truth import LEVELS, Truth

STEPS = 1000
"""Thresholds at which precision and recall are taken, over scores normalised to 0..1."""

IOU = 0.5


class Curve(NamedTuple):
    """Precision over recall on one level.

    Attributes:
        average_precision: area under the envelope.
        recall: float64 [STEPS], rising.
        precision: float64 [STEPS].
        faces: how many were to be found.
    """

    average_precision: float
    recall: np.ndarray
    precision: np.ndarray
    faces: int


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU [n, m] of boxes [n, 4] and [m, 4] (x, y, width, height) that cover width + 1 pixels."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    sides = np.maximum(high - low + 1, 0)
    shared = sides[..., 0] * sides[..., 1]
    areas = [(boxes[:, 2] + 1) * (boxes[:, 3] + 1) for boxes in (a, b)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


class Matched(NamedTuple):
    """The detections of all pictures together, best first, and what they are on one level.

    Attributes:
        pictures: int64 [k], the picture that each is in.
        scores: float64 [k].
        shown: bool [k], detections that count for precision.
        found: bool [k], those that find a face.
        lowest: float64 [n], the lowest score in each picture; infinite without detections.
        highest: float64 [n], likewise.
        faces: int64 [n], how many are to be found in each picture.
    """

    pictures: np.ndarray
    scores: np.ndarray
    shown: np.ndarray
    found: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    faces: np.ndarray


def match_picture(
    predictions: np.ndarray, boxes: np.ndarray, counted: np.ndarray, iou: float = IOU
) -> tuple[np.ndarray, np.ndarray]:
    """Which detections of one picture count, and which of them find a face.

    A detection belongs to the face that it overlaps most. One on an ignored face counts for
    nothing; a second one on a face is as wrong as one on none. In a picture without labelled faces
    no detection counts.

    Args:
        predictions: float [n, 5], x, y, width, height and score, best first.
        boxes: float [m, 4] of the labelled faces.
        counted: bool [m].
        iou: from which overlap a face is found.

    Returns:
        bool [n] twice.
    """
    shown, found = np.zeros((2, len(predictions)), bool)
    if not len(predictions) or not len(boxes):
        return shown, found
    shares = overlaps(predictions[:, :4], boxes)
    face = shares.argmax(axis=1)
    hit = shares[np.arange(len(face)), face] >= iou
    faces, first = np.unique(np.where(hit & counted[face], face, -1), return_index=True)
    found[first[faces >= 0]] = True
    return ~(hit & ~counted[face]), found


def match(
    predictions: Mapping[str, np.ndarray], truth: Mapping[str, Truth], names: Sequence[str]
) -> dict[str, Matched]:
    """Matches the pictures `names`, on each of `LEVELS`.

    Args:
        predictions: for each picture's name float [n, 5]: x, y, width, height, score of any range.
        truth: from `wider_truth.read_truth`.
        names: pictures to count.

    Raises:
        ValueError: if a picture is named that is not in `truth`, or has no predictions (an empty
            array says that nothing was found).
    """
    for where, known in (("ground truth", truth), ("predictions", predictions)):
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(
                f"the {where} lack {len(missing)} of {len(names)} pictures, the first {missing[0]}"
            )
    best_first = [
        predictions[name][np.argsort(-predictions[name][:, 4], kind="stable")].astype(np.float64)
        for name in names
    ]
    pictures = np.repeat(np.arange(len(names)), [len(rows) for rows in best_first])
    scores = np.concatenate([*(rows[:, 4] for rows in best_first), np.zeros(0)])
    lowest = np.array([rows[:, 4].min(initial=np.inf) for rows in best_first])
    highest = np.array([rows[:, 4].max(initial=-np.inf) for rows in best_first])
    order = np.argsort(-scores, kind="stable")
    matched = {}
    for level in LEVELS:
        pairs = [
            match_picture(rows, truth[name].boxes, truth[name].counted[level])
            for rows, name in zip(best_first, names, strict=True)
        ]
        shown, found = np.concatenate([*map(np.stack, pairs), np.zeros((2, 0), bool)], axis=1)
        faces = np.array([truth[name].counted[level].sum() for name in names], np.int64)
        matched[level] = Matched(
            pictures[order], scores[order], shown[order], found[order], lowest, highest, faces
        )
    return matched


def curves(matched: Matched, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision, both float64 [b, STEPS], where pictures count `times` [b, n].

    The thresholds cut the range of the scores of the pictures that count into equal steps.
    """
    counts = np.zeros((2, len(times), STEPS), np.int64)
    thresholds = 1 - np.arange(1, STEPS + 1) / STEPS
    for row, often in enumerate(times):
        low = matched.lowest.min(initial=np.inf, where=often > 0)
        high = matched.highest.max(initial=-np.inf, where=often > 0)
        if not low <= high:
            continue
        stretched = (matched.scores - low) / (high - low if high > low else 1.0)
        above = np.searchsorted(-stretched, -thresholds, side="right")
        weights = often[matched.pictures]
        for kind, counted in enumerate((matched.shown, matched.found)):
            counts[kind, row] = np.append(0, np.cumsum(weights * counted))[above]
    shown, found = counts
    recall = found / np.maximum(times @ matched.faces, 1)[:, None]
    return recall, found / np.maximum(shown, 1)


def average_precisions(matched: Matched, times: np.ndarray) -> np.ndarray:
    """Area under precision, made to fall, over rising recall: float64 [b], as in `curves`."""
    recall, precision = curves(matched, times)
    return np.sum(np.diff(recall, prepend=0, axis=1) * envelope(precision), axis=1)


def evaluate(
    predictions: Mapping[str, np.ndarray],
    truth: Mapping[str, Truth],
    names: Iterable[str] | None = None,
) -> dict[str, Curve]:
    """Scores predictions: a curve for each of `LEVELS`.

    Args:
        predictions: as in `match`.
        truth: from `wider_truth.read_truth`.
        names: pictures to count; all of `truth` if not given.

    Raises:
        ValueError: as `match` does.
    """
    matched = match(predictions, truth, list(truth if names is None else names))
    return {level: curve(one) for level, one in matched.items()}


def curve(matched: Matched) -> Curve:
    """The curve of one level."""
    once = np.ones((1, len(matched.faces)), np.int64)
    (recall,), (precision,) = curves(matched, once)
    area = float(average_precisions(matched, once)[0])
    return Curve(area, recall, precision, int(matched.faces.sum()))
