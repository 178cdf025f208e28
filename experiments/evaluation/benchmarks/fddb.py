"""The FDDB benchmark: both ROC curves, over all folds and in each, beside published ones.

Detections are read and written in FDDB's own format: for each picture its name, how many there are,
and for each x, y, width, height and score of a rectangle, or major and minor radius, angle, x, y
and score of an ellipse.
"""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from data.archives import inside
from data.datasets import fddb as dataset
from data.lines import Lines, read_text
from experiments.evaluation.detections import detect_pictures
from experiments.evaluation.protocols import fddb as protocol
from experiments.evaluation.protocols.fddb import Region, Roc
from experiments.evaluation.protocols.figures import Figure
from experiments.evaluation.protocols.wider_predictions import log_odds
from experiments.evaluation.settings import Result, Settings
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.images import read_shape

LONGEST = 450
"""Longest side of FDDB's pictures: what regions are clipped to where the pictures are not there."""

FALSE_POSITIVES = (100, 500, 1000, 2000)
"""Numbers of false positives at which the table has the true positive rate."""

LARGEST = np.finfo(np.float64).max
"""What the official tool writes for the threshold above all scores."""


def read_detections(source: str | pathlib.Path, names: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Reads detections: float64 [n, 5] rectangles or [n, 6] ellipses for each of `names`.

    Raises:
        ValueError: naming file and line, if a line is malformed or a picture unknown or named
            twice; or if a picture is missing.
    """
    blocks = dataset.read_blocks(source, (5, 6))
    for name, block in blocks.items():
        if name not in names:
            raise ValueError(f"{block.place}: {name} is no picture of the ground truth")
    missing = [name for name in names if name not in blocks]
    if missing:
        raise ValueError(
            f"{source} has no detections for {len(missing)} of {len(names)} pictures, the first is "
            f"{missing[0]}; its name and a 0 say that nothing was found"
        )
    return {name: blocks[name].rows for name in names}


def write_detections(path: pathlib.Path, detections: Mapping[str, np.ndarray]) -> None:
    """Writes detections as `read_detections` reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for name, rows in detections.items():
            file.write(f"{name}\n{len(rows)}\n")
            file.writelines(" ".join(f"{value:.9g}" for value in row) + "\n" for row in rows)


def as_region(row: np.ndarray, size: tuple[int, int]) -> Region:
    """The pixels of a detection, a rectangle of 5 numbers or an ellipse of 6."""
    make = protocol.rectangle if len(row) == 5 else protocol.ellipse
    return make(*row[:-1], size=size)


def sizes(settings: Settings, names: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Height and width of each picture; a square of `LONGEST` without the pictures."""
    root = pathlib.Path(settings.folder("fddb_dir")) / dataset.PICTURES
    if not root.is_dir():
        return dict.fromkeys(names, (LONGEST, LONGEST))
    paths = {name: inside(root, f"{name}.jpg", "FDDB's annotation") for name in names}
    return {name: read_shape(path).shown for name, path in paths.items()}


def score(
    settings: Settings, labels: dataset.Labels, detections: Mapping[str, np.ndarray]
) -> Result:
    """Both curves, over all folds and, where the folds are known, in each."""
    size = sizes(settings, labels.ellipses)
    faces = {
        name: [protocol.ellipse(*row, size=size[name]) for row in rows]
        for name, rows in labels.ellipses.items()
    }
    regions = {name: [as_region(row, size[name]) for row in detections[name]] for name in faces}
    scores = {
        name: detections[name][:, -1] if len(detections[name]) else np.zeros(0) for name in faces
    }
    changes = protocol.match_pictures(faces, regions, scores)
    whole = protocol.roc(changes)
    values = summary(whole) | {"pictures": len(faces), "faces": sum(map(len, faces.values()))}
    for fold, names in labels.folds.items():
        part = {name: faces[name] for name in names}
        values[f"fold_{fold}"] = summary(
            protocol.roc(protocol.match_pictures(part, regions, scores))
        )
    return Result(values, roc=whole, figures=figures(changes))


def figures(changes: protocol.Changes) -> dict[str, Figure]:
    """The rates of `summary`, as functions of how often each picture counts."""
    return {
        f"{kind}/{count}": Figure(
            len(changes.faces),
            functools.partial(
                protocol.rates_at, changes, count=count, continuous=kind == "continuous"
            ),
        )
        for kind in ("discrete", "continuous")
        for count in FALSE_POSITIVES
    }


def rate_at(false_positives: np.ndarray, rates: np.ndarray, count: int) -> float:
    """The highest rate with at most `count` false positives; 0 where there is none."""
    return float(np.max(rates, where=false_positives <= count, initial=0))


def summary(roc: Roc) -> dict[str, Any]:
    """Rates of both curves by false positives, and where the curves end."""
    return {
        kind: {str(count): rate_at(roc.false_positives, rates, count) for count in FALSE_POSITIVES}
        for kind, rates in (("discrete", roc.discrete), ("continuous", roc.continuous))
    } | {"false_positives": int(roc.false_positives.max(initial=0))}


def write_roc(folder: pathlib.Path, roc: Roc) -> None:
    """Writes DiscROC.txt and ContROC.txt as the official tool does."""
    thresholds = np.minimum(roc.thresholds, LARGEST)
    rows = list(zip(roc.discrete, roc.continuous, roc.false_positives, thresholds, strict=True))
    discrete = [f"{rate:g} {count} {threshold:g}\n" for rate, _, count, threshold in rows]
    continuous = [f"{rate:g} {count}\n" for _, rate, count, _ in rows]
    (folder / "DiscROC.txt").write_text("".join(discrete), encoding="utf-8")
    (folder / "ContROC.txt").write_text("".join(continuous), encoding="utf-8")


def read_published(folder: str | pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
    """Curves that others report: name -> "discrete" or "continuous" -> float64 [n, 2 or 3].

    Files are called NAMEDiscROC.txt and NAMEContROC.txt, perhaps with "_" or "-" between.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: naming file and line of what is malformed.
    """
    curves: dict[str, dict[str, np.ndarray]] = {}
    for ending, kind, columns in (("DiscROC", "discrete", 3), ("ContROC", "continuous", 2)):
        for path in sorted(pathlib.Path(folder).glob(f"*{ending}.txt")):
            lines = Lines(str(path), read_text(path))
            rows = np.array([lines.numbers(line, columns) for line in lines]).reshape(-1, columns)
            name = path.stem.removesuffix(ending).rstrip("_-")
            curves.setdefault(name, {})[kind] = rows
    if not curves:
        raise FileNotFoundError(f"{folder} has no curves; accepted are files *DiscROC.txt")
    return curves


def published_summary(curves: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """As `summary`, of what `read_published` gives for one name."""
    return {
        kind: {str(count): rate_at(rows[:, 1], rows[:, 0], count) for count in FALSE_POSITIVES}
        for kind, rows in curves.items()
    }


def from_predictions(settings: Settings, source: str | pathlib.Path) -> Result:
    """Scores detections made elsewhere."""
    labels = dataset.read_labels(settings.folder("fddb_dir"))
    return score(settings, labels, read_detections(source, labels.ellipses))


def open_data(settings: Settings) -> tuple[dataset.Labels, dataset.Pictures]:
    """FDDB's annotations and pictures."""
    labels = dataset.read_labels(settings.folder("fddb_dir"))
    return labels, dataset.Pictures(settings.folder("fddb_dir"), list(labels.ellipses))


def run(settings: Settings, name: str, params: Params) -> Result:
    """Runs the detector on FDDB's pictures and scores it."""
    labels, pictures = open_data(settings)
    config, path = settings.config(curve=True), settings.detections(name, "fddb")
    found = detect_pictures(params, pictures, config, path, title=f"{name} FDDB")
    detections = {}
    for row in found:
        boxes = row.boxes.astype(np.float64)
        sides = boxes[:, 2:] - boxes[:, :2]
        detections[row.name] = np.column_stack([boxes[:, :2], sides, log_odds(row.scores)])
    write_detections(settings.predictions(name) / "fddb.txt", detections)
    return score(settings, labels, detections)
