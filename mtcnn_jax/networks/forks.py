"""A process forked from one that uses JAX: its computations never end, which is said at once.

A fork has none of its parent's threads, and JAX waits for them.
"""

import os

_user: int | None = None


def check_process() -> None:
    """Notes that this process uses JAX's devices, from now on; refuses a fork of one that does.

    Raises:
        RuntimeError: if the process was forked after its parent's first use.
    """
    global _user
    process = os.getpid()
    if _user is None:
        _user = process
    if _user != process:
        raise RuntimeError(
            "this process was forked after its parent had used JAX (load_params and detect do), "
            'and would wait for ever; accepted: multiprocessing.get_context("spawn"), or calling '
            "load_params and detect in the forked processes alone"
        )
