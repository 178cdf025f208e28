"""How sure a difference between two networks is, over samples and runs of training.

Samples of one picture lie side by side, and what one says the next one often repeats. So whole
blocks of neighbours are drawn anew, and runs too, both with replacement, and always the same ones
for both networks.
"""

import numpy as np

BLOCK = 64
"""Samples drawn together: about those of a picture."""

COVERED = 0.95
"""Share of the drawings whose differences lie in the interval."""


def interval(first: np.ndarray, other: np.ndarray, *, count: int) -> tuple[float, float, float]:
    """The mean of `first - other`, and the ends of its interval.

    Args:
        first: float or bool [r, n], of each run and each sample, in the order of the pictures.
        other: the same of what is compared with, of the same samples and seeds.
        count: of drawings.
    """
    gaps = first.astype(float) - other
    starts = np.arange(0, gaps.shape[1], BLOCK)
    sums = np.add.reduceat(gaps, starts, axis=1)
    sizes = np.diff(np.append(starts, gaps.shape[1]))
    rng = np.random.default_rng(0)
    runs, blocks = (
        rng.multinomial(length, np.full(length, 1 / length), size=count) for length in sums.shape
    )
    drawn = np.einsum("dr,rb,db->d", runs, sums, blocks) / (len(gaps) * blocks @ sizes)
    rest = (1 - COVERED) / 2
    low, high = np.quantile(drawn, [rest, 1 - rest])
    return float(gaps.mean()), float(low), float(high)
