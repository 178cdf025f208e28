"""What a run tells while it goes on: metrics.jsonl, its speed and its progress bar."""

import contextlib
import json
import os
import pathlib
import time
from collections.abc import Iterable, Iterator

import jax
import numpy as np
from absl import logging

from data.batches import Prefetch


class MetricsFile:
    """metrics.jsonl: one JSON object a line, cut back to the step that the run goes on from."""

    def __init__(self, path: pathlib.Path, step: int):
        self._path = path
        kept = [json.dumps(row) + "\n" for row in read_metrics(path) if row["step"] <= step]
        replace_text(path, "".join(kept))

    def write(self, row: dict[str, object]) -> None:
        """Appends a line."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def read_metrics(path: pathlib.Path) -> list[dict]:
    """The rows of metrics.jsonl; what a killed run left half written at its end is dropped.

    Raises:
        ValueError: naming the line that is no row.
    """
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    lines = enumerate(whole.splitlines(), 1)
    return [_row(line, f"{path}, line {number}") for number, line in lines]


def _row(line: str, place: str) -> dict:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    fine = isinstance(row, dict) and isinstance(row.get("step"), int) and "split" in row
    if not fine:
        raise ValueError(
            f"{place} is no row of metrics; accepted are JSON objects with step and split: take "
            "the line out to go on without it"
        )
    return row


class Clock:
    """Measures samples a second, and the share of the time spent waiting for data."""

    def __init__(self, chunks: Prefetch):
        self._chunks = chunks
        self.restart(0)

    def restart(self, step: int) -> None:
        """Measures from here."""
        self._step, self._time = step, time.perf_counter()
        self._waited = self._chunks.waited

    def lap(self, step: int, batch_size: int) -> dict[str, float]:
        """Rates since the restart."""
        seconds = max(time.perf_counter() - self._time, 1e-9)
        return {
            "samples_per_second": round((step - self._step) * batch_size / seconds, 1),
            "waiting": round((self._chunks.waited - self._waited) / seconds, 4),
        }


@contextlib.contextmanager
def progress(stage: str, start: int, steps: int) -> Iterator:
    """A bar with the time left, or lines in the log where tqdm is not installed."""
    try:
        import tqdm
    except ImportError:
        yield lambda done, values: logging.info("%s %d/%d %s", stage, done, steps, short(values))
        return
    with tqdm.tqdm(desc=stage, initial=start, total=steps, unit="step", mininterval=1) as bar:

        def show(done: int, values: dict[str, float]) -> None:
            bar.set_postfix_str(short(values), refresh=False)
            bar.update(done - bar.n)

        yield show


def mean_of(metrics: Iterable[dict[str, jax.Array]]) -> dict[str, float]:
    """The mean of each metric over dispatches, of one step or of several."""
    rows = jax.device_get(list(metrics))
    steps = {name: [np.atleast_1d(row[name]) for row in rows] for name in rows[0]}
    return {name: float(np.mean(np.concatenate(parts))) for name, parts in steps.items()}


def short(values: dict[str, float]) -> str:
    """Metrics in a line of a log."""
    return " ".join(f"{name} {value:.4g}" for name, value in values.items())


def replace_text(path: pathlib.Path, text: str) -> None:
    """Writes a file that is, at any moment, either as it was or as it is to be."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
