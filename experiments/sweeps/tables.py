"""A sweep's results: every cell in results.csv, means and spread over seeds as table and plot."""

import csv
import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from experiments.console.markdown import table
from experiments.sweeps.grid import Cell
from mtcnn_jax.writing import write_whole

SEEDS = ("seed", "mine_seed")
"""Fields whose values are runs of the same."""

ACROSS = 3
"""Panels beside each other in the plot."""


class Row(NamedTuple):
    """What came out of a cell.

    Attributes:
        cell: the cell.
        folder: of its results.
        measures: by name; none where it failed.
        failed: why its loss is no number; "" where it is one.
    """

    cell: Cell
    folder: pathlib.Path
    measures: Mapping[str, float]
    failed: str = ""


def _names(dictionaries: Sequence[Mapping[str, object]]) -> list[str]:
    """The keys of all of them, in the order that they come in."""
    return list(dict.fromkeys(name for one in dictionaries for name in one))


def fields_of(rows: Sequence[Row]) -> list[str]:
    """The fields that cells change."""
    return _names([row.cell.changes for row in rows])


def measures_of(rows: Sequence[Row]) -> list[str]:
    """The names of all that was measured."""
    return _names([row.measures for row in rows])


def as_csv(rows: Sequence[Row]) -> str:
    """A line for each row: its fields, its measures, and why it failed, if one did."""
    fields, measures = fields_of(rows), measures_of(rows)
    failed = ["failed"] if any(row.failed for row in rows) else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*fields, *measures, *failed])
    for row in rows:
        changes = [row.cell.changes.get(name, "") for name in fields]
        found = [f"{row.measures[name]:.6g}" if name in row.measures else "" for name in measures]
        writer.writerow([*changes, *found, *([row.failed] if failed else [])])
    return text.getvalue()


def grouped(rows: Sequence[Row]) -> dict[tuple[str, ...], list[Row]]:
    """The rows by what their cells change, but for seeds."""
    fields = [name for name in fields_of(rows) if name not in SEEDS]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.cell.changes.get(name, "") for name in fields), []).append(row)
    return groups


def values_of(rows: Sequence[Row], measure: str) -> list[float]:
    """A measure of each row that has it."""
    return [row.measures[measure] for row in rows if measure in row.measures]


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation, as far as there are enough values."""
    if not values:
        return "-"
    mean = f"{np.mean(values):.4g}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.2g}"


def as_markdown(rows: Sequence[Row]) -> str:
    """A line for each group: its fields, how many runs it has, and its measures."""
    fields = [name for name in fields_of(rows) if name not in SEEDS]
    measures = measures_of(rows)
    lines = [
        [*values, str(len(group)), *(spread(values_of(group, name)) for name in measures)]
        for values, group in grouped(rows).items()
    ]
    return table([*fields, "runs", *measures], lines) + "\n"


def _places(groups: Sequence[tuple[str, ...]]) -> tuple[list[float], list[str] | None]:
    """Where groups are along the axis: at their numbers where one field has these, else in turn."""
    try:
        return [float(number) for (number,) in groups], None
    except ValueError:
        return list(range(len(groups))), ["\n".join(values) for values in groups]


def save_plot(path: pathlib.Path, rows: Sequence[Row]) -> None:
    """Draws a panel for each measure: a dot for each run, mean and deviation of each group."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        logging.warning("no plot: matplotlib is not installed")
        return
    groups, measures = grouped(rows), measures_of(rows)
    if not measures:
        return
    places, labels = _places(list(groups))
    down = -(-len(measures) // ACROSS)
    figure = Figure(figsize=(4.5 * ACROSS, 3.2 * down), layout="constrained")
    panels = figure.subplots(down, ACROSS, squeeze=False).ravel()
    fields = [name for name in fields_of(rows) if name not in SEEDS]
    for axes in panels[len(measures) :]:
        axes.set_axis_off()
    for axes, name in zip(panels, measures, strict=False):
        for place, group in zip(places, groups.values(), strict=True):
            values = values_of(group, name)
            axes.plot([place] * len(values), values, ".", color="tab:grey")
            if values:
                deviation = np.std(values, ddof=1) if len(values) > 1 else 0
                axes.errorbar(place, np.mean(values), deviation, fmt="o", capsize=4, color="C0")
        axes.set(title=name, xlabel=", ".join(fields))
        axes.set_xticks(places, labels)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def save_tables(folder: pathlib.Path, rows: Sequence[Row]) -> None:
    """Writes results.csv and results.md."""
    write_whole(folder / "results.csv", as_csv(rows).encode())
    write_whole(folder / "results.md", as_markdown(rows).encode())
