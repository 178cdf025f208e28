"""A run's curves: losses, faces found and errors over its steps."""

import pathlib

from absl import logging

from experiments.training.metrics import read_metrics

PANELS = (
    ("losses", "train", ("loss", "classification", "box", "landmarks")),
    ("faces found (validation)", "validation", ("accuracy", "recall", "recall_at_fpr")),
    ("errors (validation)", "validation", ("landmark_error", "box_error")),
)
"""Title, split and names of the metrics of each panel."""


def save_curves(folder: pathlib.Path) -> pathlib.Path | None:
    """Draws `metrics.jsonl` of a stage's folder to `curves.png` beside it.

    Returns:
        The picture; None where matplotlib is not installed, which is said in the log.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if one of its lines is no row of metrics.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        logging.warning("no curves: matplotlib is not installed")
        return None
    path = folder / "metrics.jsonl"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; accepted is the folder of a trained stage, such as RUN/onet"
        )
    rows = read_metrics(path)
    figure = Figure(figsize=(15, 4), layout="constrained")
    for axes, (title, split, names) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        chosen = [row for row in rows if row["split"] == split]
        for name in names:
            points = [(row["step"], row[name]) for row in chosen if name in row]
            if points:
                axes.plot(*zip(*points, strict=True), label=name)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
        if title == "losses":
            axes.set_yscale("log")
    path = folder / "curves.png"
    figure.savefig(path, dpi=110)
    return path
