"""A plain report for any labelled pictures: what is found, what is missed and why, what is false.

Boxes are matched at an IoU of 0.5 but for the APs. Faces smaller than `Settings.min_face_size` are
ignored, but for the recall by size.
"""

import functools
import math
import pathlib
from collections.abc import Sequence

import numpy as np

import mtcnn_jax as mj
from data import records
from data.datasets import labelled
from data.records import Picture
from experiments.evaluation import coco_results, gallery, lost_faces
from experiments.evaluation.benchmarks.labelled_counts import (
    above,
    landmark_errors,
    missed_and_false,
    recall_by_size,
    single_figures,
    size_figures,
)
from experiments.evaluation.benchmarks.wider import as_predictions, stem
from experiments.evaluation.detections import detect_pictures
from experiments.evaluation.protocols import landmark_error, wider_predictions
from experiments.evaluation.protocols.average_precision import (
    Example,
    average_precisions,
    coco_averages,
    curve,
    rank,
    rank_for_coco,
    with_smallest,
)
from experiments.evaluation.protocols.figures import Figure, total
from experiments.evaluation.settings import Result, Settings
from mtcnn_jax.cascade.stages import Params

SHOWN = 48
"""Examples in a picture of them."""


def open_pictures(settings: Settings) -> Sequence[Picture]:
    """The labelled folder, or a data set as prepared: WIDER FACE where none is named."""
    folder, named = settings.folder("data_dir"), settings.annotations or "wider_face"
    if named not in records.READERS:
        return labelled.Pictures(folder, named)
    return records.read_pictures(named, split=settings.split or "validation", data_dir=folder)


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


def score(smallest: float, examples: Sequence[Example], final: float) -> Result:
    """What boxes and scores alone give.

    Args:
        smallest: height in pixels from which faces count.
        examples: the pictures.
        final: score above which detections count singly, for recall and false positives.
    """
    counted = [with_smallest(example, smallest) for example in examples]
    ranked = {iou: rank(counted, iou) for iou in (0.5, 0.7)}
    curves, coco = {iou: curve(one) for iou, one in ranked.items()}, rank_for_coco(counted)
    once = np.ones((1, len(examples)), np.int64)
    single = [above(example, final) for example in counted]
    missed, false = missed_and_false(single)
    faces = curves[0.5].faces
    values = {
        "ap_0.5": curves[0.5].average_precision,
        "ap_0.7": curves[0.7].average_precision,
        "ap_0.5_to_0.95": float(coco_averages(coco, once)[0]),
        "recall": 1 - sum(map(len, missed)) / faces if faces else None,
        "recall_by_size": recall_by_size([above(example, final) for example in examples]),
        "false_positives_per_picture": float(np.mean([len(one) for one in false])),
        "pictures": len(examples),
        "faces": faces,
    }
    return Result(
        {key: None if value != value else value for key, value in values.items()},
        {f"IoU {iou}": (one.recall, one.precision) for iou, one in curves.items()},
        figures={
            f"ap_{iou}": Figure(len(examples), functools.partial(average_precisions, one))
            for iou, one in ranked.items()
        }
        | {"ap_0.5_to_0.95": Figure(len(examples), functools.partial(coco_averages, coco))}
        | single_figures(single, missed, false)
        | size_figures([above(example, final) for example in examples]),
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
    errors, owners = landmark_errors(bare, single, points)
    values = result.values | {
        "lost": lost_faces.count(why),
        "landmarks": landmark_error.summary(errors) if len(errors.missed) else None,
        "seconds_per_picture": float(np.median([row.seconds for row in found])),
    }
    points_of = landmark_error.figures(errors, owners, len(bare))
    figures = result.figures | {f"landmarks/{key}": one for key, one in points_of.items()}
    for key in lost_faces.REASONS:
        figures[f"lost/{key}"] = total([keys.count(key) for keys in why])
    return Result(values, result.curves, figures=figures)


def from_predictions(settings: Settings, source: str | pathlib.Path) -> Result:
    """Scores boxes made elsewhere, in WIDER FACE's text format or as COCO's JSON of results.

    All of them count for recall and false positives: no threshold is known. Of a labelled folder
    the labels alone are read.
    """
    if settings.annotations and settings.annotations not in records.READERS:
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
