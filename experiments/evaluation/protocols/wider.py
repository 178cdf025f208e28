"""The official WIDER FACE protocol: AP on the easy, medium and hard faces of the validation set.

Ground truth comes from the official files `wider_face_val.mat`, `wider_easy_val.mat`,
`wider_medium_val.mat` and `wider_hard_val.mat`. A box is x, y, width, height in pixels, and covers
width + 1 by height + 1 of them: the convention of the official tool, kept for its overlaps alone.
"""

import pathlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

LEVELS = ("easy", "medium", "hard")
STEPS = 1000
"""Thresholds at which precision and recall are taken, over scores normalised to 0..1."""

IOU = 0.5


class Truth(NamedTuple):
    """The labelled faces of one picture.

    Attributes:
        boxes: float64 [m, 4], x, y, width, height.
        counted: for each of `LEVELS` bool [m]: faces to be found. The others are ignored.
    """

    boxes: np.ndarray
    counted: dict[str, np.ndarray]


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


def read_truth(folder: str | pathlib.Path) -> dict[str, Truth]:
    """Reads the four official files.

    Args:
        folder: where they are.

    Returns:
        For each picture's name (event and file name without its ending, as in
        "0--Parade/0_Parade_marchingband_1_20") its faces.

    Raises:
        FileNotFoundError: if one of the files is missing.
        ValueError: if one cannot be read, or they do not fit together.
    """
    folder = pathlib.Path(folder)
    whole = _read_mat(folder / "wider_face_val.mat", ("event_list", "file_list", "face_bbx_list"))
    levels = {level: folder / f"wider_{level}_val.mat" for level in LEVELS}
    counted = {level: _read_mat(path, ("gt_list",))["gt_list"] for level, path in levels.items()}
    truth = {}
    for row, event in enumerate(whole["event_list"].ravel()):
        names, boxes = (whole[key].ravel()[row].ravel() for key in ("file_list", "face_bbx_list"))
        for column, name in enumerate(names):
            name = f"{event.item()}/{name.item()}"
            faces = np.asarray(boxes[column], np.float64).reshape(-1, 4)
            masks = {}
            for level, path in levels.items():
                try:
                    numbers = counted[level].ravel()[row].ravel()[column].ravel().astype(int)
                    masks[level] = np.zeros(len(faces), bool)
                    masks[level][numbers - 1] = True
                except IndexError:
                    raise ValueError(
                        f"{path}: its faces of {name} are not those of wider_face_val.mat"
                    ) from None
            truth[name] = Truth(faces, masks)
    return truth


def _read_mat(path: pathlib.Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    from scipy.io import loadmat

    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}; accepted is one of the official ones")
    try:
        content = loadmat(path)
    except Exception as error:  # Many kinds, depending on where the file is broken.
        raise ValueError(f"{path} cannot be read as a MATLAB file: {error}") from error
    missing = [key for key in keys if key not in content]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; accepted is the official file")
    return content


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU [n, m] of boxes [n, 4] and [m, 4] (x, y, width, height) that cover width + 1 pixels."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    sides = np.maximum(high - low + 1, 0)
    shared = sides[..., 0] * sides[..., 1]
    areas = [(boxes[:, 2] + 1) * (boxes[:, 3] + 1) for boxes in (a, b)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


def normalized(predictions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Predictions [n, 5] with scores stretched to 0..1 over all pictures, best first in each."""
    scores = np.concatenate([boxes[:, 4] for boxes in predictions.values()] or [np.zeros(0)])
    low, high = (scores.min(), scores.max()) if scores.size else (0.0, 1.0)
    stretched = {}
    for name, boxes in predictions.items():
        boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")].astype(np.float64)
        boxes[:, 4] = (boxes[:, 4] - low) / (high - low if high > low else 1.0)
        stretched[name] = boxes
    return stretched


def count_picture(
    predictions: np.ndarray, boxes: np.ndarray, counted: np.ndarray, iou: float = IOU
) -> np.ndarray:
    """Detections and found faces of one picture at each threshold.

    A detection belongs to the face that it overlaps most. One on an ignored face counts for
    nothing; a second one on a face is as wrong as one on none.

    Args:
        predictions: float [n, 5], x, y, width, height and score within 0..1, best first.
        boxes: float [m, 4] of the labelled faces.
        counted: bool [m].
        iou: from which overlap a face is found.

    Returns:
        int64 [STEPS, 2], from the highest threshold down.
    """
    table = np.zeros((STEPS, 2), np.int64)
    if not len(predictions) or not len(boxes):
        return table
    shares = overlaps(predictions[:, :4], boxes)
    face = shares.argmax(axis=1)
    hit = shares[np.arange(len(face)), face] >= iou
    found = np.zeros(len(face), bool)
    faces, first = np.unique(np.where(hit & counted[face], face, -1), return_index=True)
    found[first[faces >= 0]] = True
    running = np.stack([np.cumsum(~(hit & ~counted[face])), np.cumsum(found)], axis=1)
    thresholds = 1 - np.arange(1, STEPS + 1) / STEPS
    above = np.searchsorted(-predictions[:, 4], -thresholds, side="right")
    table[above > 0] = running[above[above > 0] - 1]
    return table


def average_precision(recall: np.ndarray, precision: np.ndarray) -> float:
    """Area under precision, made to fall, over rising recall."""
    recall = np.concatenate([[0.0], recall, [1.0]])
    precision = np.concatenate([[0.0], precision, [0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))


def evaluate(
    predictions: Mapping[str, np.ndarray],
    truth: Mapping[str, Truth],
    names: Iterable[str] | None = None,
) -> dict[str, Curve]:
    """Scores predictions.

    Args:
        predictions: for each picture's name float [n, 5]: x, y, width, height, score of any range.
        truth: from `read_truth`.
        names: pictures to count; all of `truth` if not given.

    Returns:
        A curve for each of `LEVELS`.

    Raises:
        ValueError: if a picture is named that is not in `truth`, or has no predictions (an empty
            array says that nothing was found).
    """
    names = list(truth if names is None else names)
    for where, known in (("ground truth", truth), ("predictions", predictions)):
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(
                f"the {where} lack {len(missing)} of {len(names)} pictures, the first {missing[0]}"
            )
    stretched = normalized({name: predictions[name] for name in names})
    curves = {}
    for level in LEVELS:
        table, faces = np.zeros((STEPS, 2), np.int64), 0
        for name in names:
            boxes, counted = truth[name].boxes, truth[name].counted[level]
            table += count_picture(stretched[name], boxes, counted)
            faces += int(counted.sum())
        precision = table[:, 1] / np.maximum(table[:, 0], 1)
        recall = table[:, 1] / max(faces, 1)
        curves[level] = Curve(average_precision(recall, precision), recall, precision, faces)
    return curves
