"""The WIDER FACE benchmark: the official protocol, and what it does not say."""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from data import records
from data.records import Picture
from experiments.evaluation import stage_recall
from experiments.evaluation.detections import Found, detect_pictures
from experiments.evaluation.protocols import wider as protocol
from experiments.evaluation.protocols import wider_predictions, wider_truth
from experiments.evaluation.protocols.average_precision import (
    Example,
    average_precisions,
    curve,
    rank,
    with_smallest,
)
from experiments.evaluation.protocols.figures import Figure, total
from experiments.evaluation.protocols.wider_truth import Truth
from experiments.evaluation.settings import SMALLEST, Result, Settings
from mtcnn_jax.cascade.stages import Params


def as_predictions(found: Found) -> np.ndarray:
    """float64 [n, 5]: x, y, width, height, log-odds."""
    boxes = found.boxes.astype(np.float64)
    return np.column_stack(
        [boxes[:, :2], boxes[:, 2:] - boxes[:, :2], wider_predictions.log_odds(found.scores)]
    )


def stem(picture: Picture) -> str:
    """A picture's name without its ending, as the official files have it."""
    return picture.name.rsplit(".", 1)[0]


def score(
    predictions: Mapping[str, np.ndarray],
    truth: Mapping[str, Truth],
    names: list[str],
) -> Result:
    """The official protocol over the pictures `names`."""
    matched = protocol.match(predictions, truth, names)
    curves = {level: protocol.curve(one) for level, one in matched.items()}
    values: dict[str, Any] = {level: curve.average_precision for level, curve in curves.items()}
    values["faces"] = {level: curve.faces for level, curve in curves.items()}
    values["pictures"] = len(names)
    if len(names) < len(truth):
        values["restricted"] = f"{len(names)} of the {len(truth)} pictures of the validation set"
    drawn = {level: (curve.recall, curve.precision) for level, curve in curves.items()}
    figures = {
        level: Figure(len(names), functools.partial(protocol.average_precisions, one))
        for level, one in matched.items()
    }
    return Result(values, drawn, figures=figures)


def official_names(
    settings: Settings, pictures: records.Pictures, truth: Mapping[str, Truth]
) -> list[str]:
    """Those of a prepared split's pictures that the official files have.

    Raises:
        ValueError: if there are none, or the labelled boxes of one are not the official ones (it
            may have been made smaller, or cut).
    """
    names = []
    for picture in pictures:
        name = stem(picture)
        if name in truth:
            names.append(name)
            boxes = truth[name].boxes
            boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
            if boxes.shape != picture.boxes.shape or not np.allclose(boxes, picture.boxes):
                raise ValueError(
                    f"the {len(picture.boxes)} faces of {name} as prepared in {settings.data_dir} "
                    f"are not the {len(boxes)} in {settings.truth_dir}; accepted are equal ones"
                )
    if not names:
        raise ValueError(
            f"none of the {len(pictures)} pictures of wider_face's {settings.split} split is in "
            f"{settings.truth_dir}; accepted is the validation split"
        )
    return names


def open_data(
    settings: Settings,
) -> tuple[records.Pictures, dict[str, Truth], list[str]]:
    """A prepared split's pictures, the official faces, and the names that both have."""
    pictures = records.read_pictures(
        "wider_face", split=settings.split, data_dir=settings.folder("data_dir")
    )
    truth = wider_truth.read_truth(settings.folder("truth_dir"))
    return pictures, truth, official_names(settings, pictures, truth)


def from_predictions(settings: Settings, source: str | pathlib.Path) -> Result:
    """Scores predictions in the official text format.

    Over all pictures of the official files, or those of a prepared split where one is named.
    """
    if settings.split:
        pictures, truth, names = open_data(settings)
        known = [*truth, *map(stem, pictures)]
    else:
        truth = wider_truth.read_truth(settings.folder("truth_dir"))
        names, known = list(truth), []
    predictions = wider_predictions.read_predictions(source, names, known=known)
    return score(predictions, truth, names)


def run(settings: Settings, name: str, params: Params) -> Result:
    """Runs the detector on a prepared split and scores it.

    The official protocol counts the pictures that the official files have; everything else counts
    all pictures of the split: AP at IoU 0.7 and the shares that the stages leave, both over faces
    of `SMALLEST` pixels, and what is found on pictures without a face.
    """
    pictures, truth, official = open_data(settings)
    config, path = settings.config(curve=True), settings.detections(name, "wider_face")
    found = detect_pictures(params, pictures, config, path, stages=True, title=f"{name} WIDER FACE")
    pictures = [picture._replace(encoded=b"") for picture in pictures]
    pairs = list(zip(pictures, found, strict=True))
    predictions = {stem(one): as_predictions(row) for one, row in pairs}
    wider_predictions.write_predictions(settings.predictions(name) / "wider_face", predictions)
    result = score(predictions, truth, official)
    examples = [
        with_smallest(Example(one.boxes, one.ignored, row.boxes, row.scores), SMALLEST)
        for one, row in pairs
    ]
    ranked = {iou: rank(examples, iou) for iou in (0.5, 0.7)}
    strict, loose = curve(ranked[0.7]), curve(ranked[0.5])
    final = settings.thresholds[2]
    empty = np.array([not len(one.boxes) for one in pictures])
    false = np.where(empty, [(row.scores > final).sum() for row in found], 0)
    values = result.values | {
        "ap_at_0.7": strict.average_precision if strict.faces else None,
        "ap_at_0.5": loose.average_precision if strict.faces else None,
        "faceless_pictures": int(empty.sum()),
        "detections_on_faceless": int(false.sum()),
        "stages": stage_recall.summary(pictures, found, smallest=SMALLEST),
        "seconds_per_picture": float(np.median([row.seconds for row in found])),
    }
    figures = {
        "detections_on_faceless": total(false),
        **stage_recall.figures(pictures, found, smallest=SMALLEST),
        **{
            f"ap_at_{iou}": Figure(len(found), functools.partial(average_precisions, one))
            for iou, one in ranked.items()
        },
    }
    return Result(
        values,
        result.curves | {"ap_at_0.7": (strict.recall, strict.precision)},
        figures=result.figures | figures,
    )
