"""Draws a run's curves: `python -m experiments.curves RUN/onet`."""

import pathlib

from absl import app

from experiments.training.curves import save_curves


def main(argv: list[str]) -> None:
    """Draws the curves of each folder named."""
    if not argv[1:]:
        raise app.UsageError("name the folders of stages, such as RUN/onet")
    for folder in argv[1:]:
        print(save_curves(pathlib.Path(folder)))


if __name__ == "__main__":
    app.run(main)
