"""What is counted of labelled pictures one face or detection at a time: recall, misses, points."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.records import Picture
from experiments.evaluation.protocols import landmark_error
from experiments.evaluation.protocols.average_precision import RIGHT, WRONG, Example, match
from experiments.evaluation.protocols.figures import Figure, mean_by_picture, ratio

MATCHED = 0.5
SIZES = (0, 20, 40, 80, 160, math.inf)
"""Heights in pixels between which recall is told apart."""

SIZE_NAMES = tuple(
    f"{low}-{high}" if high < math.inf else f"{low} and more"
    for low, high in zip(SIZES[:-1], SIZES[1:], strict=True)
)


def above(example: Example, threshold: float) -> Example:
    """The example with the detections scored above a threshold."""
    kept = example.scores > threshold
    return example._replace(boxes=example.boxes[kept], scores=example.scores[kept])


def recall_by_size(examples: Sequence[Example]) -> dict[str, dict[str, Any]]:
    """Faces not ignored and the share of them found, by height: "20-40" -> faces, recall."""
    pictures, sizes, found = faces_by_size(examples)
    table = {}
    for number, name in enumerate(SIZE_NAMES):
        inside = sizes == number
        recall = float(found[inside].mean()) if inside.any() else None
        table[name] = {"faces": int(inside.sum()), "recall": recall}
    return table


def faces_by_size(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each face not ignored the picture, the index in `SIZE_NAMES`, and whether it was found."""
    pictures, heights, found = [], [], []
    for row, example in enumerate(examples):
        verdicts, faces = match(example, MATCHED)
        hit = np.zeros(len(example.faces), bool)
        hit[faces[verdicts == RIGHT]] = True
        heights.append((example.faces[:, 3] - example.faces[:, 1])[~example.ignored])
        found.append(hit[~example.ignored])
        pictures.append(np.full(len(found[-1]), row))
    sizes = np.searchsorted(SIZES, np.concatenate(heights), side="right") - 1
    return np.concatenate(pictures), sizes, np.concatenate(found)


def missed_and_false(examples: Sequence[Example]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each picture the indices of the faces not found, and of the detections on none."""
    missed, false = [], []
    for example in examples:
        verdicts, faces = match(example, MATCHED)
        hit = example.ignored.copy()
        hit[faces[verdicts == RIGHT]] = True
        missed.append(np.flatnonzero(~hit))
        false.append(np.flatnonzero(verdicts == WRONG))
    return missed, false


def landmark_errors(
    pictures: Sequence[Picture], examples: Sequence[Example], points: Sequence[np.ndarray]
) -> tuple[landmark_error.Errors, np.ndarray]:
    """Errors of all faces with five labelled points, and the picture of each: int [n].

    Those not found are missed.
    """
    labels, found, owners = [], [], []
    for row, (picture, example, five) in enumerate(zip(pictures, examples, points, strict=True)):
        verdicts, faces = match(example, MATCHED)
        place = {faces[number]: number for number in np.flatnonzero(verdicts == RIGHT)}
        known = np.isfinite(picture.landmarks).all(axis=(1, 2)) & ~example.ignored
        for face in np.flatnonzero(known):
            labels.append(picture.landmarks[face].astype(np.float64))
            found.append(five[place[face]] if face in place else None)
            owners.append(row)
    errors = landmark_error.measure(np.array(labels).reshape(-1, 5, 2), found)
    return errors, np.array(owners, np.int64)


def single_figures(
    examples: Sequence[Example], missed: Sequence[np.ndarray], false: Sequence[np.ndarray]
) -> dict[str, Figure]:
    """Recall and false positives a picture, as functions of how often each picture counts."""
    faces = np.array([(~example.ignored).sum() for example in examples])
    found = faces - np.array([len(one) for one in missed])
    wrong = np.array([len(one) for one in false])
    return {
        "recall": ratio(found, faces),
        "false_positives_per_picture": ratio(wrong, np.ones(len(wrong))),
    }


def size_figures(examples: Sequence[Example]) -> dict[str, Figure]:
    """`recall_by_size`, as functions of how often each picture counts."""
    pictures, sizes, found = faces_by_size(examples)
    return {
        f"recall_by_size/{name}/recall": mean_by_picture(
            found, pictures, len(examples), where=sizes == number
        )
        for number, name in enumerate(SIZE_NAMES)
    }
