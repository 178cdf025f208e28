"""Batches of samples in fixed proportions, a function of the seed and the step alone.

So the sampler has no state but the step: a run that goes on at a step draws what it would have
drawn.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from data.samples import KINDS, Samples

T = TypeVar("T")


def pools(kinds: np.ndarray) -> tuple[np.ndarray, ...]:
    """The indices of the samples of each kind, int64, in the order of `KINDS`."""
    return tuple(np.flatnonzero(kinds == kind) for kind in range(len(KINDS)))


def shares(batch_size: int, ratio: Sequence[float]) -> tuple[int, ...]:
    """Splits a batch in proportion to `ratio`; the largest remainders get what rounding leaves."""
    exact = np.asarray(ratio, np.float64) * batch_size / np.sum(ratio)
    counts = np.floor(exact).astype(int)
    largest = np.argsort(counts - exact, kind="stable")
    counts[largest[: batch_size - counts.sum()]] += 1
    return tuple(counts.tolist())


def draw(pools: Sequence[np.ndarray], counts: Sequence[int], *, seed: int, step: int) -> np.ndarray:
    """Draws the samples of one step's batch, with replacement.

    Args:
        pools: indices of each kind, as from `pools`.
        counts: how many of each kind, as from `shares`.
        seed: of the run.
        step: number of the step.

    Returns:
        int32 [sum(counts)], the kinds in order. The same for every version of NumPy.

    Raises:
        ValueError: if a kind is wanted of which there is none.
    """
    # Raw words of the counter-based Philox are fixed by definition, unlike Generator's methods.
    words = np.random.Philox(key=[seed, step]).random_raw(sum(counts)) >> np.uint64(32)
    drawn, start = [], 0
    for name, pool, count in zip(KINDS, pools, counts, strict=True):
        if count and not len(pool):
            raise ValueError(
                f"there is no {name} sample, and a batch is to hold {count}; accepted: samples "
                f"with some, or 0 for them in the ratio {':'.join(KINDS)}"
            )
        part = words[start : start + count]
        drawn.append(pool[(part * np.uint64(len(pool))) >> np.uint64(32)])
        start += count
    return np.concatenate(drawn).astype(np.int32)


def gather(samples: Samples, indices: np.ndarray) -> Samples:
    """The samples at `indices`, read into memory."""
    return Samples(*(np.ascontiguousarray(field[indices]) for field in samples))


class Prefetch:
    """Makes `make(0)`, `make(1)`, ... ahead, in a thread.

    Attributes:
        waited: seconds that `next` has waited in all.
    """

    def __init__(self, make: Callable[[int], T], counts: range, *, ahead: int = 3):
        self.waited = 0.0
        self._queue: queue.Queue = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(make, counts), daemon=True)
        self._thread.start()

    def _fill(self, make: Callable[[int], T], counts: range) -> None:
        try:
            for count in counts:
                self._put((make(count), None))
                if self._stopped.is_set():
                    return
        except Exception as error:  # It is raised where the values are taken.
            self._put((None, error))
            return
        self._put((None, StopIteration()))

    def _put(self, item: tuple) -> None:
        while not self._stopped.is_set():
            try:
                return self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        start = time.perf_counter()
        value, error = self._queue.get()
        self.waited += time.perf_counter() - start
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Ends the thread; values not yet taken are lost."""
        self._stopped.set()
        self._thread.join()
