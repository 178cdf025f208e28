"""The benchmarks by name."""

from collections.abc import Callable
from typing import Any, NamedTuple

from experiments import (
    fddb_benchmark,
    labelled_benchmark,
    landmark_benchmarks,
    robustness_benchmark,
    wider_benchmark,
)
from experiments.evaluation import Result, Settings


class Benchmark(NamedTuple):
    """How a benchmark opens its data, and scores weights and predictions."""

    open_data: Callable[[Settings], Any]
    run: Callable[..., Result]
    from_predictions: Callable[[Settings, str], Result]


BENCHMARKS = {
    "wider_face": Benchmark(
        wider_benchmark.open_data, wider_benchmark.run, wider_benchmark.from_predictions
    ),
    "celeb_a": Benchmark(
        landmark_benchmarks.open_celeb_a,
        landmark_benchmarks.run_celeb_a,
        landmark_benchmarks.celeb_a_from_predictions,
    ),
    "aflw": Benchmark(
        landmark_benchmarks.open_aflw,
        landmark_benchmarks.run_aflw,
        landmark_benchmarks.aflw_from_predictions,
    ),
    "fddb": Benchmark(
        fddb_benchmark.open_data, fddb_benchmark.run, fddb_benchmark.from_predictions
    ),
    "labelled": Benchmark(
        labelled_benchmark.open_pictures,
        labelled_benchmark.run,
        labelled_benchmark.from_predictions,
    ),
    "robustness": Benchmark(
        labelled_benchmark.open_pictures,
        robustness_benchmark.run,
        robustness_benchmark.from_predictions,
    ),
}
ALL = ("wider_face", "celeb_a", "aflw")
"""What `--benchmark=all` stands for."""
