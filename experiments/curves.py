"""Draws a run's curves: `python -m experiments.curves RUN/onet`."""

import pathlib
from collections.abc import Sequence

from absl import app

from experiments.console.command import run_command
from experiments.training.curves import save_curves


def draw_all(folders: Sequence[str]) -> None:
    """Draws the curves of each folder named, and prints where."""
    if not folders:
        raise ValueError("no folder is named; accepted are those of stages, such as RUN/onet")
    for folder in folders:
        print(save_curves(pathlib.Path(folder)))


def main(argv: list[str]) -> int:
    """Runs the command."""
    return run_command(argv[:1], lambda: draw_all(argv[1:]))


if __name__ == "__main__":
    app.run(main)
