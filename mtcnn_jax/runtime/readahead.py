"""Reading ahead: in threads, in order, and no further than asked."""

import os
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

PATIENCE = 1.0
"""Seconds that the end waits for a source that gives nothing."""

_END = object()


def read_ahead(
    read: Callable[[Any], Any],
    sources: Iterable[Any],
    *,
    ahead: int,
    threads: int | None = None,
) -> Generator[Future, None, None]:
    """Calls a function on what an iterable gives, in threads, before the results are wanted.

    The iterable is gone through in a thread of its own. All threads end with the iterator: when it
    is closed or dropped, or at its end. One that still waits for the iterable ends once that gives
    something.

    Args:
        read: the function.
        sources: what it is called on, one after the other; without an end, if you like.
        ahead: how many calls at most are begun before their results are wanted.
        threads: in how many threads at most; as many as there are cores if not given, which suits
            decoding, while waiting for a network takes more.

    Yields:
        The results to be, in order. `result()` waits for one, and raises what the function raised.
        What the iterable raised is the last one.
    """
    results: queue.SimpleQueue = queue.SimpleQueue()
    room = threading.Semaphore(ahead)
    stopped = threading.Event()
    pool = ThreadPoolExecutor(min(ahead, threads or os.cpu_count() or 1), "read_ahead")

    def feed() -> None:
        try:
            remaining = iter(sources)
            while room.acquire() and not stopped.is_set():
                source = next(remaining, _END)
                if source is _END or stopped.is_set():
                    break
                results.put(pool.submit(read, source))
        except BaseException as error:  # Whatever it is, it is for who asks for the results.
            failed: Future = Future()
            failed.set_exception(error)
            results.put(failed)
        results.put(None)

    feeder = threading.Thread(target=feed, name="read_ahead_source", daemon=True)
    feeder.start()
    try:
        while (result := results.get()) is not None:
            room.release()
            yield result
        pool.shutdown()  # The last ones may not have been waited for.
    finally:
        if not sys.is_finalizing():  # At the end of the process all threads end by themselves.
            stopped.set()
            room.release()
            feeder.join(PATIENCE)
            pool.shutdown(cancel_futures=True)
