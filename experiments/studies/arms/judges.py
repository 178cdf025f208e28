"""What detections are scored on: WIDER FACE's validation pictures, and FDDB if the user has it."""

import functools
from collections.abc import Sequence

import numpy as np

from data.records import Picture
from experiments.evaluation.benchmarks import fddb, wider
from experiments.evaluation.protocols.average_precision import (
    Example,
    average_precisions,
    curve,
    rank,
    with_smallest,
)
from experiments.evaluation.protocols.figures import Figure
from experiments.evaluation.protocols.wider_predictions import log_odds
from experiments.evaluation.settings import SMALLEST, Result, Settings
from experiments.studies.arms.detections import Detected

BEST = 50
"""Detections of a picture that count on FDDB, whose curves end at a few false positives each."""


def _rows(found: Detected) -> np.ndarray:
    """float64 [n, 5]: x, y, width, height, log-odds."""
    boxes = found.boxes.astype(np.float64)
    return np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2], log_odds(found.scores)])


class WiderFace:
    """The official protocol over prepared validation pictures.

    Beside it, AP at an IoU of 0.7 over faces of `SMALLEST` pixels or more: how well boxes fit.

    Attributes:
        pictures: those that the official files name, or some of them, evenly spread.
    """

    name = "WIDER FACE"

    def __init__(self, data_dir: str, truth_dir: str, limit: int):
        """Opens the pictures, `limit` of them or all for 0; raises as the benchmark does."""
        settings = Settings(data_dir, "", truth_dir=truth_dir)
        every, self._truth, names = wider.open_data(settings)
        rows = [row for row, picture in enumerate(every) if wider.stem(picture) in self._truth]
        count = min(limit or len(rows), len(rows))
        chosen = np.linspace(0, len(rows) - 1, count).round().astype(int)
        self.pictures: Sequence[Picture] = [every[rows[place]] for place in chosen]
        self._names = [names[place] for place in chosen]

    def score(self, found: Sequence[Detected]) -> Result:
        """Scores what was found in each of the pictures."""
        predictions = {name: _rows(one) for name, one in zip(self._names, found, strict=True)}
        result = wider.score(predictions, self._truth, self._names)
        examples = [
            with_smallest(Example(one.boxes, one.ignored, row.boxes, row.scores), SMALLEST)
            for one, row in zip(self.pictures, found, strict=True)
        ]
        ranked = rank(examples, 0.7)
        strict = curve(ranked)
        figure = Figure(len(examples), functools.partial(average_precisions, ranked))
        return result._replace(
            values=result.values | {"ap_at_0.7": strict.average_precision},
            curves=result.curves | {"ap_at_0.7": (strict.recall, strict.precision)},
            figures=result.figures | {"ap_at_0.7": figure},
        )


class Fddb:
    """FDDB's curves."""

    name = "FDDB"

    def __init__(self, folder: str):
        """Opens annotations and pictures; raises as the benchmark does."""
        self._settings = Settings(folder, "", fddb_dir=folder)
        self._labels, self.pictures = fddb.open_data(self._settings)

    def score(self, found: Sequence[Detected]) -> Result:
        """Scores the best of what was found in each of the pictures."""
        rows = [_rows(Detected(one.boxes[:BEST], one.scores[:BEST])) for one in found]
        detections = dict(zip(self._labels.ellipses, rows, strict=True))
        return fddb.score(self._settings, self._labels, detections)


Judge = WiderFace | Fddb


def open_judges(data_dir: str, truth_dir: str, fddb_dir: str, limit: int) -> list[Judge]:
    """WIDER FACE, and FDDB where its folder is given.

    Args:
        data_dir: of the prepared data sets.
        truth_dir: of WIDER FACE's official files.
        fddb_dir: of FDDB; "" without.
        limit: pictures of WIDER FACE; 0 for all.

    Raises:
        OSError, ValueError: where one cannot be opened.
    """
    judges: list[Judge] = [WiderFace(data_dir, truth_dir, limit)]
    return [*judges, Fddb(fddb_dir)] if fddb_dir else judges
