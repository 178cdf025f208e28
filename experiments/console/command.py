"""What the commands' `main`s have in common."""

import _thread
import contextlib
import errno
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import flags, logging

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells give it: 128 and the signal's number."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


def told(error: Exception) -> str:
    """An error as one sentence, which of a full disk says where, as far as that is known."""
    if isinstance(error, OSError) and error.errno in _FULL:
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


def parse_flags(argv: Sequence[str]) -> list[str]:
    """absl's flags of a command line, for `app.run`; a wrong one ends it with a sentence and 2.

    Returns:
        What is no flag: the program, and the rest.
    """
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def run_command(argv: Sequence[str], work: Callable[[], None], *, quiet: bool = False) -> int:
    """Does a command's work; wrong flags and input end it with a word and not with a traceback.

    Args:
        argv: the command line as absl leaves it: the program, and what was no flag.
        work: what to do.
        quiet: log warnings only, unless --verbosity says otherwise.

    Returns:
        The exit code: 0, `INTERRUPTED` after Ctrl-C, or 2 after an OSError, a ValueError or, where
        a loss is no number any more, a FloatingPointError.
    """
    if quiet and not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)

    def checked() -> int:
        try:
            if argv[1:]:
                raise ValueError(f"{argv[1:]} is not part of a flag")
            work()
        except (OSError, ValueError, FloatingPointError) as error:
            print(f"error: {told(error)}", file=sys.stderr)
            return 2
        return 0

    return until_interrupted(checked)
