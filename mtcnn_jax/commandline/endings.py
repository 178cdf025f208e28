"""How a command ends: exit codes, and errors as one sentence."""

import _thread
import contextlib
import errno
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells give it: 128 and the signal's number."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_of_full_disk(error: Exception) -> bool:
    """Whether an error is that no space is left."""
    return isinstance(error, OSError) and error.errno in _FULL


def told(error: Exception) -> str:
    """An error as one sentence, which of a full disk says where, as far as that is known."""
    if is_of_full_disk(error):
        where = f" for {error.filename}" if error.filename else ""
        return f"no space is left on the disk{where}; free some and start the command again"
    return str(error)


@contextlib.contextmanager
def _ctrl_c_is_heard() -> Iterator[None]:
    """Repeats a Ctrl-C that comes within a callback of the garbage collector, such as JAX has.

    Nothing can be raised from there: Python prints a traceback and goes on.
    """
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(0.01, _thread.interrupt_main).start()
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def until_interrupted(work: Callable[[], int]) -> int:
    """The exit code that `work` gives; `INTERRUPTED`, and a sentence, after Ctrl-C."""
    try:
        with _ctrl_c_is_heard():
            return work()
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)
        return INTERRUPTED
