"""Average precision of boxes at any overlap, by greedy matching as in COCO.

Boxes are xyxy in pixels. Each picture's detections choose, best first, the face of highest overlap
that is still free; ignored faces are never used up, and a detection on one counts for nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

COCO_IOUS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())

RIGHT, WRONG, UNCOUNTED = 1, 0, -1


class Example(NamedTuple):
    """Labels and detections of one picture.

    Attributes:
        faces: float [m, 4].
        ignored: bool [m], faces that need not be found.
        boxes: float [n, 4], by descending score.
        scores: float [n].
    """

    faces: np.ndarray
    ignored: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


class Curve(NamedTuple):
    """Precision over recall.

    Attributes:
        average_precision: area under the precision made to fall; NaN without faces.
        recall: float64 [n], after each counted detection, best first.
        precision: float64 [n], likewise.
        scores: float64 [n], of those detections.
        faces: how many were to be found.
    """

    average_precision: float
    recall: np.ndarray
    precision: np.ndarray
    scores: np.ndarray
    faces: int


class Ranked(NamedTuple):
    """The counted detections of all pictures together, best first.

    Attributes:
        pictures: int64 [k], the picture that each is in.
        right: bool [k].
        scores: float64 [k].
        faces: int64 [n], how many are to be found in each picture.
    """

    pictures: np.ndarray
    right: np.ndarray
    scores: np.ndarray
    faces: np.ndarray


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Overlap [n, m] of boxes [n, 4] and [m, 4] in float64; 0 where both are empty."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1) for boxes in (a, b)]
    whole = areas[0][:, None] + areas[1][None] - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def with_smallest(example: Example, smallest: float) -> Example:
    """The example with faces less than `smallest` pixels high ignored."""
    heights = example.faces[:, 3] - example.faces[:, 1]
    return example._replace(ignored=example.ignored | (heights < smallest))


def match(example: Example, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Which detections are right, and which face each is on.

    Args:
        example: one picture.
        threshold: overlap from which a detection is on a face.

    Returns:
        int64 [n] of `RIGHT`, `WRONG` and `UNCOUNTED`; int64 [n], the face's index or -1.
    """
    shares = iou(example.boxes, example.faces)
    shares[shares < threshold] = -1
    verdicts = np.full(len(shares), WRONG)
    faces = np.full(len(shares), -1)
    counted = ~example.ignored
    free = counted.copy()
    for row, share in enumerate(shares):
        for open_to, verdict in ((free, RIGHT), (example.ignored, UNCOUNTED)):
            if (share * open_to > 0).any():
                faces[row], verdicts[row] = np.where(open_to, share, -1).argmax(), verdict
                free[faces[row]] = False
                break
    return verdicts, faces


def rank(examples: Sequence[Example], threshold: float) -> Ranked:
    """Matches all pictures, and ranks their counted detections together.

    Args:
        examples: the pictures.
        threshold: overlap from which a detection is on a face.
    """
    verdicts = [match(example, threshold)[0] for example in examples]
    pictures = np.repeat(np.arange(len(examples)), [len(one) for one in verdicts])
    verdicts = np.concatenate([*verdicts, np.zeros(0, int)])
    scores = np.concatenate([*(example.scores for example in examples), np.zeros(0)])
    faces = np.array([(~example.ignored).sum() for example in examples], np.int64)
    order = np.argsort(-scores, kind="stable")
    order = order[verdicts[order] != UNCOUNTED]
    return Ranked(pictures[order], verdicts[order] == RIGHT, scores[order], faces)


def precision_and_recall(ranked: Ranked, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision made to fall, and recall, both float64 [b, k], where pictures count `times` [b, n].

    A picture's detections of the same score follow each other as they would in each copy of it.
    """
    shown = np.cumsum(times[:, ranked.pictures], axis=1)
    right = np.cumsum(times[:, ranked.pictures] * ranked.right, axis=1)
    precision = right / np.maximum(shown, 1)
    return envelope(precision), right / np.maximum(times @ ranked.faces, 1)[:, None]


def envelope(precision: np.ndarray) -> np.ndarray:
    """Precision [..., k] made to fall: the highest at the same recall or any above."""
    return np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]


def average_precisions(ranked: Ranked, times: np.ndarray) -> np.ndarray:
    """Average precision, float64 [b], where pictures count `times` [b, n]; NaN without faces."""
    falling, recall = precision_and_recall(ranked, times)
    areas = np.sum(np.diff(recall, prepend=0, axis=1) * falling, axis=1)
    return np.where(times @ ranked.faces > 0, areas, np.nan)


def curve(ranked: Ranked) -> Curve:
    """Precision over recall of all pictures together."""
    faces = int(ranked.faces.sum())
    right = np.cumsum(ranked.right)
    once = np.ones((1, len(ranked.faces)), np.int64)
    return Curve(
        float(average_precisions(ranked, once)[0]),
        right / max(faces, 1),
        right / np.arange(1, len(right) + 1),
        ranked.scores,
        faces,
    )


def rank_for_coco(examples: Sequence[Example]) -> list[Ranked]:
    """`rank` at each of `COCO_IOUS`."""
    return [rank(examples, threshold) for threshold in COCO_IOUS]


def coco_averages(ranked: Sequence[Ranked], times: np.ndarray) -> np.ndarray:
    """Mean over overlaps of the precision at recalls of 0, 0.01 to 1: float64 [b]."""
    levels = np.linspace(0, 1, 101)
    means = np.zeros((len(ranked), len(times)))
    for row, one in enumerate(ranked):
        for column, (falling, recall) in enumerate(
            zip(*precision_and_recall(one, times), strict=True)
        ):
            place = np.searchsorted(recall, levels, side="left")
            means[row, column] = np.mean(np.append(falling, 0.0)[place])
    return means.mean(axis=0)
