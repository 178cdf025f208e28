"""Differences between two sets of weights, and how sure they are: the paired bootstrap.

Pictures are drawn anew, as many as there are, with replacement, and both sets of weights are scored
on the same drawing. The interval holds the middle 95% of the differences. It says what other
pictures of the same kind would give; it says nothing of another run of training, nor of the
machine's moods, so times get none.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.evaluation.protocols.figures import Figure

COVERED = 0.95
"""Share of the differences that lie in the interval."""

TOGETHER = 20
"""Drawings scored together: more take more memory, and no less time."""

Figures = Mapping[str, Figure]
"""By its path within a benchmark's values, such as "stages/pnet/faces_left"."""


class Difference(NamedTuple):
    """What one figure has over another.

    Attributes:
        difference: over the pictures as they are.
        low: lower end of the interval.
        high: upper end.
    """

    difference: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether the interval is without zero."""
        return not self.low <= 0 <= self.high


def draw(pictures: int, count: int, seed: int | list[int]) -> np.ndarray:
    """How often each picture is in each drawing: int64 [count, pictures]."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=count)


def values(figure: Figure, times: np.ndarray) -> np.ndarray:
    """A figure in each drawing, float64 [b], some drawings at a time."""
    parts = range(0, len(times), TOGETHER)
    return np.concatenate([figure.values(times[start : start + TOGETHER]) for start in parts])


def with_interval(difference: float, drawn: np.ndarray) -> Difference | None:
    """A difference with the middle `COVERED` of those drawn, float [b].

    A drawing without a value is left out; None where nothing has one.
    """
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(difference) or not len(drawn):
        return None
    rest = (1 - COVERED) / 2
    low, high = np.quantile(drawn, [rest, 1 - rest])
    return Difference(difference, float(low), float(high))


def compare(first: Figure, other: Figure, times: np.ndarray) -> Difference | None:
    """What `other` has over `first`, both over the same pictures; None where one has no value.

    Raises:
        ValueError: if they are over different numbers of pictures.
    """
    if first.pictures != other.pictures:
        raise ValueError(
            f"figures over {first.pictures} and {other.pictures} pictures; accepted: the same ones"
        )
    whole = np.ones((1, first.pictures), np.int64)
    difference = float((other.values(whole) - first.values(whole))[0])
    return with_interval(difference, values(other, times) - values(first, times))


def compare_runs(
    first: Sequence[Figure], other: Sequence[Figure], *, count: int, seed: int
) -> Difference | None:
    """What runs have over other runs on average, where pictures and runs are drawn anew.

    Of three runs a drawing has the same one three times in one of nine cases, so that the interval
    is hardly narrower than from the least to the greatest difference of a run.

    Args:
        first: a figure of each run to compare with.
        other: of each run compared, in the same order of seeds; all over the same pictures.
        count: of drawings.
        seed: of the drawings.
    """
    times = draw(first[0].pictures, count, seed)
    runs = draw(len(first), count, [seed, 1])
    once = np.ones((1, first[0].pictures), np.int64)
    pairs = list(zip(first, other, strict=True))
    difference = np.mean([b.values(once)[0] - a.values(once)[0] for a, b in pairs])
    drawn = np.stack([values(b, times) - values(a, times) for a, b in pairs], axis=1)
    return with_interval(float(difference), np.sum(drawn * runs, axis=1) / len(first))


def differences(first: Figures, other: Figures, *, count: int, seed: int) -> dict[str, Difference]:
    """What every figure of `other` has over that of `first`, where both have one.

    Args:
        first: of the weights to compare with.
        other: of those compared.
        count: of drawings.
        seed: of the drawings, which are the same for all figures of as many pictures.
    """
    sizes = {figure.pictures for figure in other.values()}
    times = {size: draw(size, count, seed) for size in sizes if size}
    compared = {
        path: compare(first[path], figure, times[figure.pictures])
        for path, figure in other.items()
        if path in first and figure.pictures
    }
    return {path: one for path, one in compared.items() if one is not None}
