"""What this process has compiled of the cascade: each program by one thread, and not too many.

Every canvas, and every setting but the thresholds, takes a program of its own, and each of those
900 to 1,900 mappings of memory. Linux gives a process 65,530, and kills one that asks for more. So
before another program is made, all are dropped where those are running short (decision 0015).
"""

import pathlib
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import jax

from mtcnn_jax.cascade.arguments import first_leaf

GIVEN_MAPPINGS = 65_530
"""Those of a process where the system does not say how many."""

SHARE = 0.75
"""Of a process's mappings that may be taken when another program is made; what is left is for those
that other threads are making."""

LEAST = 4_000
"""Mappings of this library's own below which nothing is dropped: where all others are the caller's,
dropping two programs would not help."""

MOST_PROGRAMS = 48
"""Held where the system does not tell the mappings."""

_ready: dict[Hashable, Callable] = {}
_making: dict[Hashable, threading.Lock] = {}
_jitted: weakref.WeakSet = weakref.WeakSet()
_of_others = 0


def jitted(
    function: Callable, options: dict[str, Any], *, donated: tuple[int, ...] = ()
) -> Callable:
    """`jax.jit`, whose programs `drop` drops; it takes the memory of the arguments `donated`."""
    made = jax.jit(function, compiler_options=options, donate_argnums=donated)
    _jitted.add(made)
    return made


def context() -> tuple:
    """JAX's settings, the thread's own too, that a computation depends on; the rare ones last."""
    config = jax.config
    rare = config.jax_disable_jit, config.jax_debug_nans, config.jax_default_device
    return config.jax_enable_x64, config.jax_default_matmul_precision, *rare


def form(params: Any, canvas: Any, config: Any) -> tuple:
    """What tells one program of a function from another, as far as a call can afford to look."""
    first = first_leaf(params)
    of_params = *params, getattr(first, "dtype", None), getattr(first, "sharding", None)
    return context(), canvas.shape, canvas.dtype, jax.tree.structure(config), of_params


def call(key: Hashable, make: Callable[[], Callable], arguments: tuple) -> Any:
    """Calls a program, which the first thread that asks for it makes while others wait.

    Args:
        key: what tells it from all others.
        make: gives the program, or a jitted function that compiles it when it is called.
        arguments: of the program.
    """
    program = _ready.get(key)
    if program is not None:
        return program(*arguments)
    with _making.setdefault(key, threading.Lock()):
        program = _ready.get(key)
        if program is None:
            try:
                make_room()
                program = make()
                found = program(*arguments)
                _ready[key] = program
            finally:
                _making.pop(key, None)
            return found
    return program(*arguments)


def make_room() -> bool:
    """Drops this library's programs where they leave no room for another; says whether it did."""
    global _of_others
    count = mappings()
    most = max(most_mappings(), _of_others + LEAST)
    if count <= most if count else len(_ready) < MOST_PROGRAMS:
        return False
    drop()
    _of_others = mappings()
    return True


def drop() -> None:
    """Drops this library's programs, and none of its caller's. Those that run now end first."""
    _ready.clear()
    for function in list(_jitted):
        function.clear_cache()


def mappings() -> int:
    """Mappings of memory that this process has; 0 where the system does not tell."""
    table = pathlib.Path("/proc/self/maps")
    return table.read_bytes().count(b"\n") if table.exists() else 0


def most_mappings() -> int:
    """Mappings up to which nothing is dropped."""
    given = pathlib.Path("/proc/sys/vm/max_map_count")
    most = int(given.read_text()) if given.exists() else GIVEN_MAPPINGS
    return int(SHARE * most)
