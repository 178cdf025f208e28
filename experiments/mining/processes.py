"""Processes that work beside this one, and end with it, however it ends."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker


def _end_with_parent() -> None:
    """Ends this process once the one that started it is gone, by SIGKILL too."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _ctrl_c_is_ours() -> Iterator[None]:
    """Keeps Ctrl-C, which a terminal sends to all of its processes, from those started within."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It would take the signal off this list again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def call_in_processes(
    function: Callable[..., None],
    arguments: Sequence[tuple],
    *,
    workers: int,
    done: Callable[[], None],
) -> None:
    """Calls a function many times, in new processes.

    Args:
        function: of a module, since each process imports it.
        arguments: of each call.
        workers: processes.
        done: called here after each call.

    Raises:
        ChildProcessError: if a process was killed. What a call raises is raised here too; calls
            under way end before that, but for Ctrl-C, which ends the processes.
    """
    context = multiprocessing.get_context("spawn")
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)
    try:
        with _ctrl_c_is_ours():
            running = [pool.submit(function, *one) for one in arguments]
        for future in as_completed(running):
            future.result()
            done()
    except KeyboardInterrupt:
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        raise
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "a process that this one started was killed, as happens when memory runs out; what it "
            "had finished is kept: start the command again"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
