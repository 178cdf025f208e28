"""The benchmarks by name."""

from collections.abc import Callable
from typing import Any, NamedTuple

from experiments.evaluation.benchmarks import fddb, labelled, landmarks, robustness, wider
from experiments.evaluation.settings import Result, Settings


class Benchmark(NamedTuple):
    """How a benchmark opens its data, and scores weights and predictions."""

    open_data: Callable[[Settings], Any]
    run: Callable[..., Result]
    from_predictions: Callable[[Settings, str], Result]


BENCHMARKS = {
    "wider_face": Benchmark(wider.open_data, wider.run, wider.from_predictions),
    "celeb_a": Benchmark(
        landmarks.open_celeb_a,
        landmarks.run_celeb_a,
        landmarks.celeb_a_from_predictions,
    ),
    "aflw": Benchmark(
        landmarks.open_aflw,
        landmarks.run_aflw,
        landmarks.aflw_from_predictions,
    ),
    "fddb": Benchmark(fddb.open_data, fddb.run, fddb.from_predictions),
    "labelled": Benchmark(
        labelled.open_pictures,
        labelled.run,
        labelled.from_predictions,
    ),
    "robustness": Benchmark(
        labelled.open_pictures,
        robustness.run,
        robustness.from_predictions,
    ),
}
ALL = ("wider_face", "celeb_a", "aflw")
"""What `--benchmark=all` stands for."""
