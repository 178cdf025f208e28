"""What the processes that train one network agree on: settings, errors, where to stop.

A process alone agrees with itself at no cost.
"""

import contextlib
import itertools
import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

_STEPS = itertools.count()
"""Steps of all runs of this process: JAX agrees on a number that only rises."""


class AgreedError(ValueError):
    """What went wrong in another process."""


def is_first() -> bool:
    """Whether this is the process that writes files and tells of progress."""
    return jax.process_index() == 0


def tell(text: str) -> list[str]:
    """What each process tells, in the order of their numbers; waits for all of them."""
    if jax.process_count() == 1:
        return [text]
    told = np.frombuffer(text.encode(), np.uint8)
    lengths = multihost_utils.process_allgather(np.int32(len(told)))
    padded = np.zeros(max(lengths.max(), 1), np.uint8)
    padded[: len(told)] = told
    rows = multihost_utils.process_allgather(padded)
    return [bytes(row[:count]).decode() for row, count in zip(rows, lengths, strict=True)]


@contextlib.contextmanager
def agreed() -> Iterator[None]:
    """What every process does before any goes on; an error of one is raised in all.

    Raises:
        AgreedError: in the processes that had no error, with the text of the first that had.
    """
    if jax.process_count() == 1:
        yield
        return
    own = None
    try:
        yield
    except (OSError, ValueError, FloatingPointError) as error:
        own = error
    told = tell("" if own is None else str(own) or type(own).__name__)
    failed = [number for number, text in enumerate(told) if text]
    if failed:
        part()
        raise own or AgreedError(f"process {failed[0]}: {told[failed[0]]}")


def agree(settings: dict[str, Any], what: str) -> None:
    """Sees to it that all processes have the same settings.

    Args:
        settings: what JSON can hold.
        what: what a process does with them, as the message says it.

    Raises:
        ValueError: in all of them, naming a process whose settings differ from the first one's,
            and each that differs.
    """
    first, *others = (json.loads(text) for text in tell(json.dumps(settings)))
    with agreed():
        for number, other in enumerate(others, 1):
            if told := "; ".join(_differences(other, first)):
                raise ValueError(
                    f"process {number} {what} with other settings than process 0 ({told}); "
                    "accepted are the same in all"
                )


def _differences(one: Any, two: Any, name: str = "") -> list[str]:
    """Where two JSON values differ, as "recipe.steps 4, not 8"."""
    if isinstance(one, dict) and isinstance(two, dict):
        keys = dict.fromkeys([*one, *two])
        dot = f"{name}." if name else ""
        return sum((_differences(one.get(key), two.get(key), f"{dot}{key}") for key in keys), [])
    return [] if one == two else [f"{name} {one!r}, not {two!r}"]


def ask_all_to_stop() -> None:
    """Has all processes stop at the same step; JAX hears it as SIGTERM."""
    if jax.process_count() > 1:
        os.kill(os.getpid(), signal.SIGTERM)


def stopping(interrupted: bool) -> bool:
    """Whether this process, or all where there are several, are to stop before the next step.

    Args:
        interrupted: whether Ctrl-C came here.
    """
    if jax.process_count() == 1:
        return interrupted
    return multihost_utils.reached_preemption_sync_point(next(_STEPS))


def part() -> None:
    """Leaves the others in order, where all do so at the same point."""
    jax.distributed.shutdown()
