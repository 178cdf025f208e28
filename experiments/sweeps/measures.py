"""What a trained cell is measured by: what its run told last, and benchmarks of its cascade."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.evaluation.benchmarks.registry import BENCHMARKS
from experiments.evaluation.reports.tables import ROWS, lookup
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
        """The figures of the benchmarks' reports; what is detected is kept in the folder."""
        settings = dataclasses.replace(self.settings, output=str(folder))
        found: dict[str, float] = {}
        for name in self.benchmarks:
            result = BENCHMARKS[name].run(settings, "cell", params)
            for path in (path for _, path, *_ in ROWS[name] if path not in _TIMES):
                value = lookup(result.values, path)
                if value is not None:
                    found[f"{name}/{path}"] = float(value)
        return found
