"""A plain report for any labelled pictures: what is found, what is missed and why, what is false.

Boxes are matched at an IoU of 0.5 but for the APs. Faces smaller than `Settings.min_face_size` are
ignored, but for the recall by size.
"""

import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

import mtcnn_jax as mj
from data import records
from data.datasets import labelled
from data.records import Picture
from experiments.evaluation import coco_results, gallery, lost_faces
from experiments.evaluation.benchmarks.wider import as_predictions, stem
from experiments.evaluation.detections import detect_pictures
from experiments.evaluation.protocols import landmark_error, wider_predictions
from experiments.evaluation.protocols.average_precision import (
    RIGHT,
    WRONG,
    Example,
    coco_average,
    match,
    pr_curve,
    with_smallest,
)
from experiments.evaluation.settings import Result, Settings
from mtcnn_jax.cascade.stages import Params

MATCHED = 0.5
SIZES = (0, 20, 40, 80, 160, math.inf)
"""Heights in pixels between which recall is told apart."""

SIZE_NAMES = tuple(
    f"{low}-{high}" if high < math.inf else f"{low} and more"
    for low, high in zip(SIZES[:-1], SIZES[1:], strict=True)
)

SHOWN = 48
"""Examples in a picture of them."""


def open_pictures(settings: Settings) -> Sequence[Picture]:
    """The labelled folder, or WIDER FACE as prepared where no annotations are named."""
    folder = settings.folder("data_dir")
    if settings.annotations:
        return labelled.Pictures(folder, settings.annotations)
    return records.read_pictures(
        "wider_face", split=settings.split or "validation", data_dir=folder
    )


def stems(pictures: Sequence[Picture]) -> list[str]:
    """The pictures' names without their endings.

    Raises:
        ValueError: if two are equal then.
    """
    names: dict[str, str] = {}
    for picture in pictures:
        name = stem(picture)
        if name in names:
            raise ValueError(
                f"{names[name]} and {picture.name} differ in their ending alone; accepted are "
                "names that differ before it, since files of predictions are called after that"
            )
        names[name] = picture.name
    return list(names)


def above(example: Example, threshold: float) -> Example:
    """The example with the detections scored above a threshold."""
    kept = example.scores > threshold
    return example._replace(boxes=example.boxes[kept], scores=example.scores[kept])


def recall_by_size(examples: Sequence[Example]) -> dict[str, dict[str, Any]]:
    """Faces not ignored and the share of them found, by height: "20-40" -> faces, recall."""
    heights, found = [], []
    for example in examples:
        verdicts, faces = match(example, MATCHED)
        hit = np.zeros(len(example.faces), bool)
        hit[faces[verdicts == RIGHT]] = True
        heights.append((example.faces[:, 3] - example.faces[:, 1])[~example.ignored])
        found.append(hit[~example.ignored])
    heights, found = np.concatenate(heights), np.concatenate(found)
    table = {}
    for name, low, high in zip(SIZE_NAMES, SIZES[:-1], SIZES[1:], strict=True):
        inside = (heights >= low) & (heights < high)
        recall = float(found[inside].mean()) if inside.any() else None
        table[name] = {"faces": int(inside.sum()), "recall": recall}
    return table


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
) -> landmark_error.Errors:
    """Errors of all faces with five labelled points; those not found are missed."""
    labels, found = [], []
    for picture, example, five in zip(pictures, examples, points, strict=True):
        verdicts, faces = match(example, MATCHED)
        place = {faces[row]: row for row in np.flatnonzero(verdicts == RIGHT)}
        known = np.isfinite(picture.landmarks).all(axis=(1, 2)) & ~example.ignored
        for face in np.flatnonzero(known):
            labels.append(picture.landmarks[face].astype(np.float64))
            found.append(five[place[face]] if face in place else None)
    return landmark_error.measure(np.array(labels).reshape(-1, 5, 2), found)


def score(smallest: float, examples: Sequence[Example], final: float) -> Result:
    """What boxes and scores alone give.

    Args:
        smallest: height in pixels from which faces count.
        examples: the pictures.
        final: score above which detections count singly, for recall and false positives.
    """
    counted = [with_smallest(example, smallest) for example in examples]
    curves = {iou: pr_curve(counted, iou) for iou in (0.5, 0.7)}
    single = [above(example, final) for example in counted]
    missed, false = missed_and_false(single)
    faces = curves[0.5].faces
    values = {
        "ap_0.5": curves[0.5].average_precision,
        "ap_0.7": curves[0.7].average_precision,
        "ap_0.5_to_0.95": coco_average(counted),
        "recall": 1 - sum(map(len, missed)) / faces if faces else None,
        "recall_by_size": recall_by_size([above(example, final) for example in examples]),
        "false_positives_per_picture": float(np.mean([len(one) for one in false])),
        "pictures": len(examples),
        "faces": faces,
    }
    return Result(
        {key: None if value != value else value for key, value in values.items()},
        {f"IoU {iou}": (curve.recall, curve.precision) for iou, curve in curves.items()},
    )


def save_examples(
    folder: pathlib.Path,
    pictures: Sequence[Picture],
    examples: Sequence[Example],
    missed: Sequence[np.ndarray],
    false: Sequence[np.ndarray],
    why: Sequence[Sequence[str]],
) -> None:
    """Writes missed.png, the tallest missed faces, and false.png, the strongest detections on none.

    Args:
        folder: made where it is missing.
        pictures: the labelled pictures.
        examples: detections above the threshold.
        missed: for each picture indices of faces.
        false: for each picture indices of detections.
        why: for each picture keys of `lost_faces.REASONS`.
    """
    faces = [
        (float(box[3] - box[1]), row, box, lost_faces.REASONS[key])
        for row, (indices, keys) in enumerate(zip(missed, why, strict=True))
        for box, key in zip(examples[row].faces[indices], keys, strict=True)
    ]
    others = [
        (float(score), row, box, f"{score:.4f}")
        for row, indices in enumerate(false)
        for score, box in zip(
            examples[row].scores[indices], examples[row].boxes[indices], strict=True
        )
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("missed", faces), ("false", others)):
        best = sorted(rows, key=lambda one: -one[0])[:SHOWN]
        shown = (
            gallery.Example(mj.read_image(pictures[row].encoded), box, caption)
            for _, row, box, caption in best
        )
        gallery.grid(shown).save(folder / f"{name}.png")


def run(settings: Settings, name: str, params: Params) -> Result:
    """Runs the detector on the labelled pictures and reports."""
    pictures = open_pictures(settings)
    stems(pictures)
    config, path = settings.config(curve=True), settings.detections(name, "labelled")
    found = detect_pictures(params, pictures, config, path, title=f"{name} labelled")
    bare = [picture._replace(encoded=b"") for picture in pictures]
    examples = [
        Example(one.boxes, one.ignored, row.boxes, row.scores)
        for one, row in zip(bare, found, strict=True)
    ]
    boxes = dict(zip(stems(bare), map(as_predictions, found), strict=True))
    wider_predictions.write_predictions(settings.predictions(name) / "labelled", boxes)
    final = settings.thresholds[2]
    result = score(settings.min_face_size, examples, final)
    single = [above(with_smallest(one, settings.min_face_size), final) for one in examples]
    missed, false = missed_and_false(single)
    why = lost_faces.reasons(params, pictures, missed, settings.config(curve=False))
    folder = pathlib.Path(settings.output) / "examples" / name
    save_examples(folder, pictures, single, missed, false, why)
    points = [row.landmarks[row.scores > final] for row in found]
    errors = landmark_errors(bare, single, points)
    values = result.values | {
        "lost": lost_faces.count(why),
        "landmarks": landmark_error.summary(errors) if len(errors.missed) else None,
        "seconds_per_picture": float(np.median([row.seconds for row in found])),
    }
    return Result(values, result.curves)


def from_predictions(settings: Settings, source: str | pathlib.Path) -> Result:
    """Scores boxes made elsewhere, in WIDER FACE's text format or as COCO's JSON of results.

    All of them count for recall and false positives: no threshold is known. Of a labelled folder
    the labels alone are read.
    """
    if settings.annotations:
        pictures = [one.picture() for one in labelled.read_labels(settings.annotations)]
    else:
        pictures = [picture._replace(encoded=b"") for picture in open_pictures(settings)]
    names = stems(pictures)
    if str(source).endswith(".json"):
        if not settings.annotations.endswith(".json"):
            raise ValueError(f"{source} is of COCO's format; accepted with --annotations of it too")
        every = [picture.name for picture in pictures]
        rows = coco_results.read_results(source, settings.annotations, every)
    else:
        rows = list(wider_predictions.read_predictions(source, names).values())
    examples = []
    for picture, boxes in zip(pictures, rows, strict=True):
        boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]], axis=1)
        examples.append(Example(picture.boxes, picture.ignored, corners, boxes[:, 4]))
    return score(settings.min_face_size, examples, -math.inf)
