"""Figures as functions of how often each picture counts, so that pictures can be drawn again.

What a picture adds is found once. `times`, int [b, n], says for b drawings how often each of n
pictures is in it; a row of ones gives the figure itself.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Figure(NamedTuple):
    """One number of a report.

    Attributes:
        pictures: how many it is over.
        values: from int [b, pictures] to float64 [b], NaN where a drawing gives none.
    """

    pictures: int
    values: Callable[[np.ndarray], np.ndarray]


def total(counts: np.ndarray) -> Figure:
    """A count, of float [n] in each picture."""
    counts = np.asarray(counts, np.float64)
    return Figure(len(counts), lambda times: times @ counts)


def ratio(numerators: np.ndarray, denominators: np.ndarray) -> Figure:
    """A mean or a share: the sum of float [n] over that of another, of each picture."""
    above, below = (np.asarray(part, np.float64) for part in (numerators, denominators))

    def values(times: np.ndarray) -> np.ndarray:
        whole = times @ below
        empty = np.full(len(times), np.nan)
        return np.divide(times @ above, whole, out=empty, where=whole > 0)

    return Figure(len(above), values)


def mean_by_picture(
    values: np.ndarray, pictures: np.ndarray, count: int, *, where: np.ndarray | None = None
) -> Figure:
    """The mean of what many faces have.

    Args:
        values: float [k], of each face; NaN is accepted where it does not count.
        pictures: int [k], the picture that each is in.
        count: of pictures.
        where: bool [k], faces that count; all if not given.
    """
    kept = np.ones(len(values), bool) if where is None else np.asarray(where)
    owners = np.asarray(pictures, np.int64)[kept]
    sums = np.bincount(owners, np.asarray(values, np.float64)[kept], minlength=count)
    return ratio(sums, np.bincount(owners, minlength=count))
