"""Arms against each other, over pictures and seeds: rows, and a table with the verdict."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.console.markdown import table
from experiments.evaluation.bootstrap import Difference, compare_runs
from experiments.evaluation.reports.tables import lookup
from experiments.evaluation.settings import Result

Results = Mapping[str, Sequence[Result]]
"""Of each arm, by its name, a result for each seed."""


class Measure(NamedTuple):
    """A figure that arms are compared by.

    Attributes:
        title: in tables.
        path: in a result's figures.
    """

    title: str
    path: str


WIDER_MEASURES = (
    Measure("AP easy", "easy"),
    Measure("AP medium", "medium"),
    Measure("AP hard", "hard"),
    Measure("AP at IoU 0.7", "ap_at_0.7"),
)
FDDB_MEASURES = (
    Measure("FDDB, rate at 1,000 false positives", "discrete/1000"),
    Measure("FDDB, continuous, likewise", "continuous/1000"),
)


def measures_of(results: Results) -> list[Measure]:
    """The measures that the results have."""
    figures = next(iter(results.values()))[0].figures
    return [one for one in (*WIDER_MEASURES, *FDDB_MEASURES) if one.path in figures]


def rows(results: Results, seeds: Sequence[int], judge: str) -> list[dict[str, Any]]:
    """A line for each run: arm, seed, where it was judged, and its measures."""
    measures = measures_of(results)
    return [
        {"arm": name, "seed": seed, "judged on": judge}
        | {one.path: f"{lookup(result.values, one.path):.4f}" for one in measures}
        for name, runs in results.items()
        for seed, result in zip(seeds, runs, strict=True)
    ]


def differences(
    results: Results, first: str, other: str, *, count: int, seed: int = 0
) -> dict[str, Difference]:
    """What an arm has over the first, by the measures' titles."""
    found = {}
    for title, path in measures_of(results):
        pair = [[run.figures[path] for run in results[name]] for name in (first, other)]
        compared = compare_runs(*pair, count=count, seed=seed)
        if compared is not None:
            found[title] = compared
    return found


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation of some values."""
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


def shown(one: Difference) -> str:
    """A difference with its interval."""
    return f"{one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f})"


def comparison_table(
    results: Results,
    titles: Mapping[str, str],
    found: Mapping[str, Difference],
    verdicts: Mapping[str, str],
    pair: tuple[str, str],
) -> str:
    """Two arms beside each other: means with their spread over seeds, difference and verdict.

    Args:
        results: of the arms.
        titles: of the arms.
        found: from `differences`.
        verdicts: of each measure, in words.
        pair: the names of the first arm and of the other.
    """
    lines = []
    for title, path in measures_of(results):
        if title in found:
            one = found[title]
            means = [spread([lookup(run.values, path) for run in results[name]]) for name in pair]
            lines.append([title, *means, shown(one), verdicts[title]])
    return table(["", *(titles[name] for name in pair), "difference", "verdict"], lines)


def many_table(
    results: Results,
    titles: Mapping[str, str],
    found: Mapping[str, Mapping[str, Difference]],
    default: str,
) -> str:
    """Many arms against one, a line for each arm and measure that shows a difference or not.

    Args:
        results: of the arms.
        titles: of the arms.
        found: of each other arm, from `differences`.
        default: the name of the arm compared with.
    """
    lines = []
    for title, path in measures_of(results):
        means = {
            name: spread([lookup(run.values, path) for run in runs])
            for name, runs in results.items()
        }
        lines.append([title, titles[default], means[default], "", ""])
        for name, differing in found.items():
            if title in differing:
                one = differing[title]
                word = "no difference shown"
                if one.shown:
                    word = "higher" if one.difference > 0 else "lower"
                lines.append(["", titles[name], means[name], shown(one), word])
    return table(["", "samples", "mean of the seeds", "difference", "verdict"], lines)
