"""A process forked from one that uses JAX: its computations never end, which is said at once.

A fork has none of its parent's threads, and JAX waits for them.
"""

import os
import sys

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


def _before_fork() -> None:
    """Notes what the caller has done with JAX itself, where this version of it tells."""
    global _user
    bridge = sys.modules.get("jax._src.xla_bridge")
    started = getattr(bridge, "backends_are_initialized", None)
    if _user is None and started is not None and started():
        _user = os.getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
