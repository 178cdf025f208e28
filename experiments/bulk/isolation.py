"""A picture decoded in a process of its own: whatever the decoder does, this one lives on."""

import contextlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from experiments.bulk.pictures import Fetched, decode

MEMORY = 2**32
"""Bytes that decoding may take beyond what the process has when it begins."""

PATIENCE = 120.0
"""Seconds that it may take."""


def _bound(memory: int) -> None:
    """Has the system refuse this process more memory; where it cannot, as on Windows, all is let.

    Args:
        memory: Bytes beyond what it has.
    """
    try:
        import resource

        with open("/proc/self/status", encoding="ascii") as file:
            (held,) = (int(line.split()[1]) for line in file if line.startswith("VmData"))
    except (ImportError, OSError, ValueError):
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = held * 1024 + memory
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


class Isolated:
    """Decodes pictures in another process, and begins another where that one dies."""

    def __init__(self, *, memory: int = MEMORY, patience: float = PATIENCE):
        self._memory, self._patience = memory, patience
        self._others = multiprocessing.active_children()
        self._pool = self._begun()

    def _begun(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            1, mp_context=context, initializer=_bound, initargs=(self._memory,)
        )

    def decode(self, fetched: Fetched, *, max_pixels: int) -> np.ndarray:
        """As `pictures.decode`.

        Raises:
            ValueError: As there, or the process died or took too long; the text names the picture.
        """
        name = repr(fetched.name)
        try:
            future = self._pool.submit(decode, fetched, max_pixels=max_pixels)
            return future.result(self._patience)
        except BrokenProcessPool:
            self._renew()
            raise ValueError(f"{name} killed its decoder; accepted: a picture file") from None
        except TimeoutError:
            self._renew()
            raise ValueError(
                f"{name} took its decoder more than {self._patience:.0f} seconds; accepted: a "
                "picture file"
            ) from None

    def _renew(self) -> None:
        self.close()
        self._pool = self._begun()

    def close(self) -> None:
        """Ends the process."""
        for process in multiprocessing.active_children():
            if process not in self._others:
                process.kill()
        self._pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def isolated() -> Iterator[Isolated]:
    """An `Isolated` for a block."""
    decoder = Isolated()
    try:
        yield decoder
    finally:
        decoder.close()
