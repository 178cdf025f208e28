"""Times of things that take turns, since a machine's speed changes from minute to minute."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

REST = 0.01
"""Seconds before each turn. The threads of PyTorch go on turning in circles for some 8 ms after its
call, on the cores of whoever comes next. After 0.1 s without work the cores themselves have gone to
sleep."""


class Times(NamedTuple):
    """Seconds that something took.

    Attributes:
        median: of all runs.
        least: of all runs.
        runs: how many.
    """

    median: float
    least: float
    runs: int


def summary(seconds: list[float]) -> Times:
    """The figures of a list of times."""
    return Times(float(np.median(seconds)), float(min(seconds)), len(seconds))


def take_turns(tasks: Mapping[str, Callable[[], float | None]], runs: int) -> dict[str, Times]:
    """Runs every task `runs` times, one after the other in each round.

    Args:
        tasks: what to time; one that gives a number has measured itself (another process does).
        runs: rounds that count; one before them does not.

    Raises:
        ValueError: if `runs` is less than 1.
    """
    if runs < 1:
        raise ValueError(f"runs is {runs}; accepted are whole numbers from 1 up")
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(runs + 1):
        for name, task in tasks.items():
            time.sleep(REST)
            start = time.perf_counter()
            own = task()
            seconds = time.perf_counter() - start if own is None else own
            if number:
                taken[name].append(seconds)
    return {name: summary(seconds) for name, seconds in taken.items()}


def finished(task: Callable[[], Any]) -> Callable[[], None]:
    """`task` and the wait for what it computes, for `take_turns`."""

    def run() -> None:
        jax.block_until_ready(task())

    return run


def ratio(one: Times, other: Times) -> float:
    """How many times as long `other` takes, by the medians."""
    return other.median / one.median if one.median else math.inf
