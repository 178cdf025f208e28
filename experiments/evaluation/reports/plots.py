"""The benchmarks' figures as PNG. They need matplotlib, which is imported as they are drawn."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.evaluation.benchmarks import fddb
from experiments.evaluation.protocols.landmark_error import FAILURE, cumulative
from experiments.evaluation.settings import Result

PAPER_AFLW = {"TCDCN (paper)": 0.08, "MTCNN (paper)": 0.07}
"""Mean errors read off Figure 5 of Zhang et al. 2016, which prints no numbers: about a percent."""

LARGEST_ERROR = 0.25


def _figure(columns: int = 1) -> tuple[Any, Any]:
    """A figure and its axes, side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * columns, 4.5), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _save(figure: Any, path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def precision_recall(path: pathlib.Path, results: Mapping[str, Result]) -> None:
    """Precision over recall, a panel for each curve, a line for each set of weights."""
    titles = list(next(iter(results.values())).curves)
    figure, panels = _figure(len(titles))
    for axes, title in zip(panels, titles, strict=True):
        for name, result in results.items():
            axes.plot(*result.curves[title], label=name)
        axes.set(title=title, xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left")
    _save(figure, path)


def cumulative_error(path: pathlib.Path, results: Mapping[str, Result]) -> None:
    """Share of the faces with an error below each limit, missed ones counting as above all."""
    titles = list(next(iter(results.values())).errors)
    limits = np.linspace(0, LARGEST_ERROR, 251)
    figure, panels = _figure(len(titles))
    for axes, title in zip(panels, titles, strict=True):
        for name, result in results.items():
            errors = result.errors[title]
            label = f"{name}, {errors.missed.mean():.1%} missed"
            axes.plot(limits, cumulative(errors, limits), label=label)
        axes.axvline(FAILURE, color="grey", linestyle=":")
        axes.set(title=title, xlabel="error over the distance between the eyes", ylim=(0, 1))
        axes.set(ylabel="share of all faces", xlim=(0, LARGEST_ERROR))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
    _save(figure, path)


def mean_error_bars(path: pathlib.Path, results: Mapping[str, Result]) -> None:
    """Mean errors on AFLW beside the paper's, and each point's."""
    figure, (left, right) = _figure(2)
    means = {name: result.values["mean"] for name, result in results.items()}
    bars = PAPER_AFLW | {name: mean for name, mean in means.items() if mean is not None}
    colours = ["silver"] * len(PAPER_AFLW) + ["tab:blue"] * (len(bars) - len(PAPER_AFLW))
    drawn = left.bar(list(bars), [100 * value for value in bars.values()], color=colours)
    approximate = [f"about {100 * value:.0f}" for value in PAPER_AFLW.values()]
    measured = [f"{100 * value:.1f}" for value in bars.values()][len(PAPER_AFLW) :]
    left.bar_label(drawn, approximate + measured)
    left.set(title="AFLW, faces found; the paper's read off its figure", ylabel="mean error, %")
    left.tick_params(axis="x", rotation=20)
    for name, result in results.items():
        points = result.values["points"]
        if means[name] is not None:
            titles = [point.replace("_", " ") for point in points]
            right.plot(titles, [100 * value for value in points.values()], "o-", label=name)
    right.set(title="each point", ylabel="mean error, %", ylim=(0, None))
    right.tick_params(axis="x", rotation=20)
    right.grid(alpha=0.3)
    if right.lines:
        right.legend()
    _save(figure, path)


def fddb_roc(path: pathlib.Path, results: Mapping[str, Result], published: str) -> None:
    """Both ROC curves over those in the folder `published` ("" for none)."""
    others = fddb.read_published(published) if published else {}
    figure, panels = _figure(2)
    for axes, kind in zip(panels, ("discrete", "continuous"), strict=True):
        for name, curves in others.items():
            if kind in curves:
                axes.plot(curves[kind][:, 1], curves[kind][:, 0], label=name, linewidth=1)
        for name, result in results.items():
            rates = getattr(result.roc, kind)
            axes.plot(result.roc.false_positives, rates, label=name, linewidth=2.5)
        axes.set(title=f"FDDB, {kind}", xlabel="false positives", ylabel="true positive rate")
        axes.set(xlim=(0, max(fddb.FALSE_POSITIVES)), ylim=(0, 1))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right", fontsize="small")
    _save(figure, path)


def draw(
    folder: pathlib.Path, benchmark: str, results: Mapping[str, Result], *, published: str = ""
) -> list[pathlib.Path]:
    """Draws all that a benchmark's results hold.

    Args:
        folder: for the files, made where it is missing.
        benchmark: its name, with which the files' names begin.
        results: of each set of weights, at least one.
        published: folder with FDDB curves of others.

    Returns:
        The files.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    first, paths = next(iter(results.values())), []
    wanted = (
        ("precision_recall", first.curves, precision_recall),
        ("cumulative_error", first.errors, cumulative_error),
        ("mean_error", benchmark == "aflw", mean_error_bars),
    )
    for name, there, function in wanted:
        if there:
            paths.append(folder / f"{benchmark}_{name}.png")
            function(paths[-1], results)
    if first.roc is not None:
        paths.append(folder / f"{benchmark}_roc.png")
        fddb_roc(paths[-1], results, published)
    return paths
