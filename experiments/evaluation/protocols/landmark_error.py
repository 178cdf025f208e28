"""Landmark error: the mean distance of the five points over the distance between the eyes.

Of the detections the one that overlaps the labelled face's box most counts, whatever its score;
where none overlaps it by `OVERLAP`, the face is missed. Missed faces have no error, so they are
counted apart.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.evaluation.protocols.average_precision import iou
from experiments.evaluation.protocols.figures import Figure, mean_by_picture

OVERLAP = 0.3
"""IoU from which a detection is on the labelled face; low, since data sets draw boxes differently.
"""

FAILURE = 0.1
"""Error from which the points count as a failure."""

POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")


class Errors(NamedTuple):
    """Errors of a set of labelled faces.

    Attributes:
        points: float64 [n, 5], each point's distance over that between the eyes; NaN if missed.
        missed: bool [n].
    """

    points: np.ndarray
    missed: np.ndarray

    @property
    def faces(self) -> np.ndarray:
        """float64 [n]: the mean over the five points; NaN if missed."""
        return self.points.mean(axis=1)

    def where(self, chosen: np.ndarray) -> "Errors":
        """Those of some faces (bool [n] or indices)."""
        return Errors(self.points[chosen], self.missed[chosen])


def choose(face: np.ndarray, boxes: np.ndarray) -> int | None:
    """The index of the detection [n, 4] that overlaps a face [4] most; None if it is missed."""
    shares = iou(face[None], boxes)[0]
    if not len(shares) or shares.max() < OVERLAP:
        return None
    return int(shares.argmax())


def measure(labelled: np.ndarray, found: Sequence[np.ndarray | None]) -> Errors:
    """Errors of found points against labelled ones.

    Args:
        labelled: float [n, 5, 2].
        found: for each face float [5, 2], or None if it is missed.

    Raises:
        ValueError: if labelled points are not finite or both eyes are at one place.
    """
    eyes = np.linalg.norm(labelled[:, 0] - labelled[:, 1], axis=-1)
    wrong = ~np.isfinite(labelled).all(axis=(1, 2)) | ~(eyes > 0)
    if wrong.any():
        raise ValueError(
            f"{wrong.sum()} faces lack points or have both eyes at one place, the first is number "
            f"{wrong.argmax()}; accepted are faces with five points"
        )
    errors = np.full((len(labelled), len(POINTS)), np.nan)
    for row, points in enumerate(found):
        if points is not None:
            errors[row] = np.linalg.norm(points - labelled[row], axis=-1) / eyes[row]
    return Errors(errors, np.array([points is None for points in found], bool))


def summary(errors: Errors) -> dict[str, object]:
    """What is reported: errors over the found faces, and shares.

    Returns:
        faces (how many), missed (share), mean, points (of each of `POINTS`), failure_rate (share of
        the found faces with an error above `FAILURE`), failure_rate_with_missed (share of all
        faces, a missed one being a failure). Means of nothing are None.
    """
    found = errors.where(~errors.missed)
    failures = int((found.faces > FAILURE).sum())
    count, left = len(errors.missed), len(found.missed)
    means = found.points.mean(axis=0).tolist() if left else [None] * len(POINTS)
    return {
        "faces": count,
        "missed": (count - left) / count if count else None,
        "mean": float(found.faces.mean()) if left else None,
        "points": dict(zip(POINTS, means, strict=True)),
        "failure_rate": failures / left if left else None,
        "failure_rate_with_missed": (failures + count - left) / count if count else None,
    }


def cumulative(errors: Errors, limits: np.ndarray) -> np.ndarray:
    """float64 [k]: share of all faces, missed ones too, with an error of at most each limit."""
    found = np.sort(errors.faces[~errors.missed])
    return np.searchsorted(found, limits, side="right") / max(len(errors.missed), 1)


def figures(errors: Errors, pictures: np.ndarray, count: int) -> dict[str, Figure]:
    """Those of `summary` that pictures can be drawn again for.

    Args:
        errors: of the faces.
        pictures: int [n], the picture that each face is in.
        count: of pictures.
    """
    found, failed = ~errors.missed, errors.faces > FAILURE
    means = {"mean": errors.faces, "failure_rate": failed}
    means |= {f"points/{point}": errors.points[:, row] for row, point in enumerate(POINTS)}
    of_all = {"missed": errors.missed, "failure_rate_with_missed": errors.missed | failed}
    return {
        key: mean_by_picture(values, pictures, count, where=found) for key, values in means.items()
    } | {key: mean_by_picture(values, pictures, count) for key, values in of_all.items()}
