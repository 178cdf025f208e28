"""How well a network does on validation samples, while it is being trained."""

import numpy as np

from data.batches import gather, pools
from data.samples import LANDMARK, NEGATIVE, PART, POSITIVE, Samples
from mtcnn_jax.training.inference import infer
from mtcnn_jax.training.step import TrainState

FALSE_POSITIVE_RATE = 0.01
"""Share of the negatives that may pass where recall is measured."""


def subset(samples: Samples, per_kind: int) -> Samples:
    """At most `per_kind` samples of each kind, evenly spread, read into memory."""
    chosen = []
    for pool in pools(samples.kinds):
        places = np.linspace(0, len(pool) - 1, min(per_kind, len(pool))).round().astype(int)
        chosen.append(pool[places])
    return gather(samples, np.sort(np.concatenate(chosen)))


def recall_at(scores: np.ndarray, is_face: np.ndarray, rate: float) -> float:
    """Share of the faces scored above all but a share `rate` of the others; NaN without either."""
    faces, others = scores[is_face], scores[~is_face]
    if not len(faces) or not len(others):
        return float("nan")
    return float(np.mean(faces > np.quantile(others, 1 - rate, method="higher")))


def measure(
    kinds: np.ndarray,
    boxes: np.ndarray,
    landmarks: np.ndarray,
    scores: np.ndarray,
    offsets: np.ndarray,
    points: np.ndarray,
) -> dict[str, float]:
    """Metrics from a network's outputs.

    Args:
        kinds: [n].
        boxes: [n, 4] in units of the window.
        landmarks: [n, 5, 2] likewise.
        scores: [n], of being a face, 0 to 1.
        offsets: [n, 4] predicted.
        points: [n, 10] predicted, x1..x5, y1..y5.

    Returns:
        accuracy (at a score of 0.5), recall (of positives, likewise), recall_at_fpr (of positives
        at `FALSE_POSITIVE_RATE`), box_error (mean absolute difference, as share of the window),
        landmark_error (mean distance over the distance between the eyes). What cannot be measured
        is left out.
    """
    valid, positive = (kinds == NEGATIVE) | (kinds == POSITIVE), kinds == POSITIVE
    boxed, pointed = positive | (kinds == PART), kinds == LANDMARK
    target = boxes[boxed] - np.array([0, 0, 1, 1], np.float32)
    found = np.stack([points[:, :5], points[:, 5:]], axis=-1)[pointed]
    known = landmarks[pointed]
    eyes = np.linalg.norm(known[:, 0] - known[:, 1], axis=-1)
    distances = np.linalg.norm(found - known, axis=-1).mean(axis=1)
    measured = {
        "accuracy": (scores > 0.5)[valid] == positive[valid],
        "recall": scores[positive] > 0.5,
        "box_error": np.abs(offsets[boxed] - target),
        "landmark_error": distances / np.maximum(eyes, 1e-6),
    }
    metrics = {name: float(np.mean(values)) for name, values in measured.items() if values.size}
    metrics["recall_at_fpr"] = recall_at(scores[valid], positive[valid], FALSE_POSITIVE_RATE)
    return {name: value for name, value in metrics.items() if not np.isnan(value)}


def validate(state: TrainState, samples: Samples) -> dict[str, float]:
    """`measure` of the state's network (the averaged one where there is one) on samples."""
    params = state.params if state.ema is None else state.ema
    outputs = infer(state.recipe, params, samples.patches)
    return measure(samples.kinds, samples.boxes, samples.landmarks, *outputs)
