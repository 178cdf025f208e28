"""Ctrl-C, put off to where a run can be left."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def ctrl_c_put_off(tell: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Puts Ctrl-C off, since a process that left JAX in the middle of a step crashes as it ends.

    Args:
        tell: called at the first one.

    Yields:
        What tells whether there was one. A second one is not put off.
    """
    usual = signal.default_int_handler
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not usual:
        yield lambda: False
        return
    heard = threading.Event()

    def note(number: int, frame: object) -> None:
        if heard.is_set():
            usual(number, frame)
        heard.set()
        tell()

    signal.signal(signal.SIGINT, note)
    try:
        yield heard.is_set
    finally:
        signal.signal(signal.SIGINT, usual)
