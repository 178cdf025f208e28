"""What a trained cell is measured by: what its run told last, and benchmarks of its cascade."""

import dataclasses
import numbers
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.evaluation.benchmarks.registry import BENCHMARKS
from experiments.evaluation.settings import Settings
from experiments.training.metrics import read_metrics

_TIMES = ("samples_per_second", "waiting", "seconds_per_picture")
"""What is another number on each day, and so no part of results."""

_OF_THE_RUN = ("step", "split", "learning_rate", *_TIMES)


def measures_of_run(folder: pathlib.Path) -> dict[str, float]:
    """The last loss of a stage's run, and what its last validation found."""
    rows = read_metrics(folder / "metrics.jsonl")
    last = {row["split"]: row for row in rows}
    found = {"loss": last["train"]["loss"]} if "train" in last else {}
    validated = last.get("validation", {}).items()
    return found | {name: value for name, value in validated if name not in _OF_THE_RUN}


def _numbers(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    """The numbers of nested dictionaries by their path."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, numbers.Real) and not isinstance(value, bool):
            if name not in _TIMES:
                yield f"{prefix}{name}", float(value)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Benchmarks that each cell's cascade goes through.

    Attributes:
        settings: what to evaluate on, and how to look; the output is each cell's own.
        benchmarks: keys of `BENCHMARKS`.
    """

    settings: Settings
    benchmarks: Sequence[str]

    def __post_init__(self):
        for name in self.benchmarks:
            if name not in BENCHMARKS:
                raise ValueError(
                    f"--evaluate={','.join(self.benchmarks)}; accepted: {', '.join(BENCHMARKS)}"
                )

    def check(self) -> None:
        """Opens all data, so that what is missing is told before hours of training."""
        for name in self.benchmarks:
            BENCHMARKS[name].open_data(self.settings)

    def measures(self, folder: pathlib.Path, params: Mapping[str, Any]) -> dict[str, float]:
        """The figures of a cascade; what it detects is kept in the folder."""
        settings = dataclasses.replace(self.settings, output=str(folder))
        found: dict[str, float] = {}
        for name in self.benchmarks:
            result = BENCHMARKS[name].run(settings, "cell", params)
            found |= _numbers(result.values, f"{name}/")
        return found
