"""What every benchmark takes and gives: settings, and results to report and draw."""

import dataclasses
import pathlib
from typing import Any, NamedTuple

import numpy as np

import mtcnn_jax as mj
from experiments.evaluation.protocols.fddb import Roc
from experiments.evaluation.protocols.figures import Figure
from experiments.evaluation.protocols.landmark_error import Errors

SMALLEST = 20
"""Height in pixels of the smallest faces in what no official protocol defines."""


FOLDERS = {
    "data_dir": "the prepared data sets, or of the pictures",
    "truth_dir": "WIDER FACE's .mat files",
    "aflw_dir": "AFLW",
    "fddb_dir": "FDDB",
}
"""Of `Settings`, those that a benchmark may read, and what is in them."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to evaluate on, and how to look.

    Attributes:
        data_dir: folder that the data sets were prepared in, or a benchmark's own folder; "" where
            nothing in it is read.
        output: folder for the results.
        split: of WIDER FACE; "" for all pictures that the official files name (then only with
            predictions).
        truth_dir: folder with the official .mat files of WIDER FACE.
        aflw_dir: folder with AFLW's database and pictures.
        fddb_dir: folder with FDDB's annotations and pictures.
        curves_dir: folder with published FDDB curves, to draw beside; "" for none.
        annotations: file with the labels of the folder `data_dir`, or the name of a data set
            prepared there; "" for WIDER FACE.
        identities: CelebA's identity_CelebA.txt, to tell people of several pictures from those of
            one; "" not to.
        min_face_size: side in pixels of the smallest face looked for.
        scale_factor: from a pyramid level to the next.
        thresholds: of P-Net, R-Net and O-Net where single detections count.
        voting: of the windows on a face, as in `DetectConfig`.
        second_look: at each face, likewise.
        size_prior: likewise.
        curve_threshold: of O-Net, if lower, where a curve over all scores is drawn.
        resamples: drawings of the pictures for the intervals of differences between weights; 0
            for no intervals.
        seed: of these drawings.
    """

    data_dir: str
    output: str
    split: str = "validation"
    truth_dir: str = ""
    aflw_dir: str = ""
    fddb_dir: str = ""
    curves_dir: str = ""
    annotations: str = ""
    identities: str = ""
    min_face_size: float = 20
    scale_factor: float = 0.709
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    voting: float = 0.7
    second_look: bool = True
    size_prior: float = 0.25
    curve_threshold: float = 0.02
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self):
        self.config(curve=False)  # It checks its values.
        if not 0 <= self.curve_threshold < 1:
            raise ValueError(
                f"curve_threshold is {self.curve_threshold}; accepted are scores from 0 to below 1"
            )
        for name in ("resamples", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; accepted are whole numbers from 0 up"
                )

    def folder(self, name: str) -> str:
        """One of `FOLDERS`, for whoever reads it.

        Raises:
            ValueError: if it is not given.
        """
        if not getattr(self, name):
            other = "" if name == "data_dir" else ", nor --data_dir"
            raise ValueError(
                f"--{name} is not given{other}; accepted is the folder of {FOLDERS[name]}"
            )
        return getattr(self, name)

    def config(self, *, curve: bool) -> mj.DetectConfig:
        """How to look, for a curve or not."""
        thresholds = self.thresholds
        if curve:
            thresholds = (*thresholds[:2], min(thresholds[2], self.curve_threshold))
        return mj.DetectConfig(
            min_face_size=self.min_face_size,
            thresholds=thresholds,
            scale_factor=self.scale_factor,
            voting=self.voting,
            second_look=self.second_look,
            size_prior=self.size_prior,
        )

    def detections(self, name: str, benchmark: str) -> pathlib.Path:
        """Where what weights called `name` detect is kept."""
        return pathlib.Path(self.output) / "detections" / name / f"{benchmark}.jsonl"

    def predictions(self, name: str) -> pathlib.Path:
        """The folder for what weights called `name` detect, in the benchmarks' own formats."""
        return pathlib.Path(self.output) / "predictions" / name


class Result(NamedTuple):
    """What a benchmark gives for one set of weights, or of predictions.

    Attributes:
        values: nested dictionaries of numbers, text and None, for results.json.
        curves: precision over recall to draw: name -> recall [n] and precision [n].
        errors: landmark errors to draw: name -> errors.
        roc: the curves of FDDB.
        figures: those of `values` that pictures can be drawn again for, by their path in it, such
            as "stages/pnet/faces_left".
    """

    values: dict[str, Any]
    curves: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    errors: dict[str, Errors] = {}
    roc: Roc | None = None
    figures: dict[str, Figure] = {}
