"""How processes that train together meet, and how they end."""

import contextlib
import faulthandler
import os
import re
import sys
import threading
from collections.abc import Iterator

import jax
from absl import logging

from experiments.cluster.agreement import agree

JOIN_SECONDS = 300
"""How long processes wait for one another to start."""

HEARTBEAT_SECONDS = 100
"""After which a process that gives no sign of life is lost, and all others end; JAX's own. At 30 a
process that the system had paused for half a minute was lost."""

_ALONE = ("coordinator_address should be defined", "must be called before")
"""How JAX tells that it knows of no cluster, and that it is too late to look for one."""


def check_flags(address: str, count: int | None, number: int | None) -> None:
    """Refuses flags that do not fit together.

    Raises:
        ValueError: naming the flag and what is accepted.
    """
    if count is not None and count < 1:
        raise ValueError(f"--num_processes={count}; accepted: 1 or more")
    if count == 1 and number in (None, 0):
        return
    given = {"coordinator_address": address, "num_processes": count, "process_id": number}
    missing = [f"--{name}" for name, value in given.items() if value in ("", None)]
    if len(missing) == len(given):
        return
    if missing:
        raise ValueError(
            f"{' and '.join(missing)} not given; accepted are --coordinator_address, "
            "--num_processes and --process_id together, or none of them"
        )
    if not 0 <= number < count:
        raise ValueError(f"--process_id={number}; accepted: 0 to {count - 1}")
    host, _, port = address.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 2**16:
        raise ValueError(
            f"--coordinator_address={address}; accepted: HOST:PORT of process 0, such as "
            "10.0.0.1:9876"
        )


def join(
    address: str = "",
    count: int | None = None,
    number: int | None = None,
    *,
    seconds: int = JOIN_SECONDS,
) -> None:
    """Meets the other processes, before anything else is done with JAX.

    Args:
        address: HOST:PORT of process 0; "" where the cluster tells (SLURM, Open MPI, Kubernetes'
            indexed jobs, TPUs), and for a process alone.
        count: how many they are; 1 is a process alone, whatever the cluster tells.
        number: which of them this is, from 0.
        seconds: how long to wait for the others.

    Raises:
        TimeoutError: if they are not there by then.
        ValueError: if the flags do not fit together, or the others were told another number.
    """
    check_flags(address, count, number)
    if count == 1:
        return
    detected = not address
    if detected and "KUBERNETES_SERVICE_HOST" in os.environ:
        if "JOB_COMPLETION_INDEX" not in os.environ:
            return  # A pod that is none of several.
    if not detected:
        logging.info("process %d of %d meets the others at %s", number, count, address)
    failed: list[Exception] = []

    def meet() -> None:
        try:
            jax.distributed.initialize(
                *(address or None, count, number),
                cluster_detection_method=None if detected else "deactivate",
                # Longer than is waited here: JAX aborts the process then, with a stack.
                initialization_timeout=2 * seconds,
                heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
                shutdown_timeout_seconds=60,
            )
        except (LookupError, OSError, RuntimeError, ValueError) as error:
            failed.append(error)

    thread = threading.Thread(target=meet, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(
            f"the {count or 'other'} processes did not meet at {address or 'the first of them'} "
            f"within {seconds} s; accepted: one process of each --process_id from 0, started "
            "together, and an address of process 0 that all of them reach"
        )
    if failed:
        # No cluster, or a process that used JAX before: it is alone.
        if detected and any(told in str(failed[0]) for told in _ALONE):
            return
        raise ValueError(
            f"the processes could not meet: {' '.join(str(failed[0]).split())}; --num_processes=1 "
            "trains in this process alone"
        ) from failed[0]
    # Where a process is lost, JAX says so and aborts the others: no stack is to follow.
    faulthandler.disable()
    agree({"num_processes": count or jax.process_count()}, "was started")


def leave(code: int) -> int:
    """Ends this process's part, and gives its exit code.

    An error that the others know of, as no error, is an orderly end. Else this process ends here
    and now: JAX would wait for the others, which wait for it.
    """
    if not jax.distributed.is_initialized():
        return code
    if code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    jax.distributed.shutdown()
    return code


@contextlib.contextmanager
def losses_told() -> Iterator[None]:
    """Has what JAX raises where a process of several is lost end this one with a sentence.

    Raises:
        ChildProcessError: in place of that.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if not jax.distributed.is_initialized():
            raise
        reason = str(error).partition("\n")[0]
        raise ChildProcessError(f"the processes lost touch with one another: {reason}") from error
