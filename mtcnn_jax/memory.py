"""Memory that calls in a row use again, rather than each getting it anew from the system.

A call of the cascade takes its arrays in one piece: 27 MB for a picture of 640x480, 90 for one of
1920x1080. The GNU C library gives pieces of more than 32 MB back to the system after every call,
and the next one gets them as pages of 4 KB, each a page fault: 19,000 of them, and 18 of 62 ms, for
1920x1080 from 40 pixels.
"""

import ctypes
import sys

# Parameters of mallopt(3), from the C library's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8

MOST_KEPT = 2**31 - 1
"""Bytes: the setting is a C int."""


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
    if not 0 <= limit <= MOST_KEPT:
        raise ValueError(f"limit is {limit}; accepted are 0 to {MOST_KEPT} bytes")
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    # One heap for all threads: the others' can hold pieces of up to 64 MB only.
    settings = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: limit}
    return all([library.mallopt(name, value) for name, value in settings.items()])
