"""Detection curves, a line for each arm: the mean over seeds, and from the least to the greatest.

They need matplotlib, which is imported as they are drawn.
"""

import pathlib
import sys
from collections.abc import Mapping

import numpy as np

from experiments.studies.arms.comparison import Results

PANELS = {"easy": "easy", "medium": "medium", "hard": "hard", "ap_at_0.7": "IoU 0.7"}
"""Curves of precision over recall, and how they are called."""

ROC = "roc"
"""FDDB's."""

POINTS = 400


def _over_seeds(curves: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """x [k] up to where the first of the curves ends, and y [seeds, k]."""
    end = min(float(x.max(initial=0)) for x, _ in curves)
    x = np.linspace(0, end, POINTS)
    return x, np.stack([np.interp(x, *curve) for curve in curves])


def panels_of(results: Mapping[str, Results], *, boxes: bool) -> list[tuple[str, str]]:
    """What to draw: judge and curve of it.

    Args:
        results: judge's name -> arm -> a result for each seed.
        boxes: whether the curve at an IoU of 0.7 is one of them.
    """
    panels = []
    for judge, arms in results.items():
        first = next(iter(arms.values()))[0]
        wanted = [name for name in PANELS if name in first.curves and name != "hard"]
        panels += [(judge, name) for name in wanted if boxes or name != "ap_at_0.7"]
        if first.roc is not None:
            panels.append((judge, ROC))
    return panels


def draw_curves(
    path: pathlib.Path,
    results: Mapping[str, Results],
    titles: Mapping[str, str],
    panels: list[tuple[str, str]],
) -> bool:
    """Draws precision over recall, and FDDB's discrete curve.

    Args:
        path: of the PNG.
        results: judge's name -> arm -> a result for each seed.
        titles: of the arms.
        panels: from `panels_of`.

    Returns:
        Whether it was drawn; where matplotlib is not installed, that is said.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        print(f"no figure: {error}; pip install 'mtcnn_jax[plots]'", file=sys.stderr)
        return False
    figure = Figure(figsize=(4.6 * len(panels), 4), layout="constrained")
    every = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (judge, panel) in zip(every, panels, strict=True):
        for name, runs in results[judge].items():
            if panel == ROC:
                curves = [
                    (run.roc.false_positives[::-1].astype(float), run.roc.discrete[::-1])
                    for run in runs
                ]
            else:
                curves = [run.curves[panel] for run in runs]
            x, y = _over_seeds(curves)
            (line,) = axes.plot(x, y.mean(axis=0), label=titles[name])
            axes.fill_between(x, y.min(axis=0), y.max(axis=0), alpha=0.25, color=line.get_color())
        if panel == ROC:
            axes.set(xlabel="false positives", ylabel="true positive rate", title=judge)
        else:
            axes.set(xlabel="recall", ylabel="precision", title=f"{judge}, {PANELS[panel]}")
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right" if panel == ROC else "lower left", fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    return True
