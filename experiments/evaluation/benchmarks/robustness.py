"""What is found of the faces of labelled pictures once those are grey, dark, masked or tilted.

Boxes are matched at an IoU of 0.5; faces of less than `SMALLEST` pixels are ignored.
"""

import pathlib

from experiments.evaluation.benchmarks.labelled import open_pictures, score
from experiments.evaluation.corruptions import CORRUPTIONS, Corrupted
from experiments.evaluation.detections import detect_pictures
from experiments.evaluation.protocols.average_precision import Example
from experiments.evaluation.settings import SMALLEST, Result, Settings
from mtcnn_jax.cascade.stages import Params

REPORTED = ("ap_0.5", "recall", "false_positives_per_picture", "pictures", "faces")


def run(settings: Settings, name: str, params: Params) -> Result:
    """Runs the detector on the pictures after each corruption and reports AP and recall."""
    pictures, config = open_pictures(settings), settings.config(curve=True)
    values, figures = {}, {}
    for corruption, function in CORRUPTIONS.items():
        corrupted = Corrupted(pictures, function)
        path = settings.detections(name, f"robustness_{corruption}")
        found = detect_pictures(params, corrupted, config, path, title=f"{name} {corruption}")
        examples = [
            Example(one.boxes, one.ignored, row.boxes, row.scores)
            for one, row in zip(corrupted, found, strict=True)
        ]
        scored = score(SMALLEST, examples, settings.thresholds[2])
        values[corruption] = {key: scored.values[key] for key in REPORTED}
        for key in set(REPORTED) & set(scored.figures):
            figures[f"{corruption}/{key}"] = scored.figures[key]
    return Result(values, figures=figures)


def from_predictions(settings: Settings, source: str | pathlib.Path) -> Result:
    """No predictions are of corrupted pictures.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{source}: robustness takes --weights, no --predictions")
