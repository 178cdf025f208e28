"""Memory that calls in a row use again, rather than each getting it anew from the system.

A call of the cascade takes its arrays in one piece. The GNU C library gives pieces of more than
32 MB back to the system after every call, and the next one gets them as pages of 4 KB, each a page
fault: for a picture of 1920x1080 that is a third of the time (decision 0015).
"""

import ctypes
import sys

import jax

from mtcnn_jax.config import is_whole, plain_number
from mtcnn_jax.runtime.programs import drop, mappings

# Parameters of mallopt(3), from the C library's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8

MOST_KEPT = 2**31 - 1
"""Bytes: the setting is a C int."""

MOST_MAPPINGS = 30_000
"""Of the 65,530 mappings of memory that Linux gives a process; the cascade, compiled for one canvas
and one set of capacities, takes 1,300 to 1,500. A process that runs out of them is aborted."""


def keep_memory(limit: int = 2**30) -> bool:
    """Lets this process keep freed memory for its next calls.

    A setting of the whole process, all its threads and libraries, so it is the caller's to make;
    before the first detection, and best before other threads begin.

    Args:
        limit: bytes that may stay unused at the end of the heap; what is beyond goes back to the
            system.

    Returns:
        Whether it took effect; on systems without the GNU C library nothing is changed.

    Raises:
        ValueError: if `limit` is not from 0 to `MOST_KEPT`.
    """
    number = plain_number(limit)
    if not is_whole(number, least=0) or number > MOST_KEPT:
        raise ValueError(f"limit is {limit}; accepted are 0 to {MOST_KEPT} bytes")
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    # One heap for all threads: the others' can hold pieces of up to 64 MB only.
    settings = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: number}
    return all([library.mallopt(name, value) for name, value in settings.items()])


def spare_mappings(most: int = MOST_MAPPINGS) -> bool:
    """Drops all compiled functions of this process once they fill too much of its memory map.

    For programs that compile much themselves, or want the memory back: of its own functions this
    library drops those that leave no room for another by itself (`programs`). What is called again
    is compiled again, or read from the persistent compilation cache.

    Args:
        most: mappings of memory up to which nothing is done.

    Returns:
        Whether functions were dropped; never where the system does not tell the mappings.
    """
    if (count := mappings()) <= most or not count:
        return False
    jax.clear_caches()
    drop()
    return True
