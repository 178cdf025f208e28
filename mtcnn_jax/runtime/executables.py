"""Executables of the cascade, kept beside those of JAX's persistent compilation cache.

To find what it keeps, that cache wants the whole computation traced and lowered again, which is
most of a process's first detection. Here a file's name follows from all that the computation
depends on, the sources first of all, and what it holds is loaded at once (decision 0014). Like
JAX's own files, these are code. So the folder is made for this user alone, and where others own or
can write to the folder or a file, nothing is loaded from it.
"""

import functools
import hashlib
import os
import pathlib
import pickle
import platform
import stat
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from mtcnn_jax.runtime import programs
from mtcnn_jax.runtime.ownership import distrust, make_private
from mtcnn_jax.writing import write_whole

_BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    ImportError,
    LookupError,
    TypeError,
    ValueError,
)
"""What loading a file may raise that was written by another version of something."""


def folder() -> pathlib.Path | None:
    """JAX's cache folder; None if there is none, or none on this machine's file system."""
    path = jax.config.jax_compilation_cache_dir
    usable = path and "://" not in str(path) and jax.config.jax_enable_compilation_cache
    return pathlib.Path(path) if usable else None


def kept(
    function: Callable,
    *,
    name: str,
    options: dict[str, Any],
    donated: tuple[int, ...] = (),
    sized: Callable[[Any], Any] = lambda canvas: canvas,
) -> Callable:
    """`function`, jitted, whose executables outlive the process where `folder` says so.

    Args:
        function: of parameters, canvases [..., h, w, 3], sizes and a config; or of parameters,
            other memory, what is of one form always, and a config.
        name: what tells it from the others.
        options: the compiler's.
        donated: places of the arguments whose memory the results take.
        sized: of the second argument gives the array whose shape tells its form.

    Returns:
        The function, to be called with positional arguments.
    """
    plain = programs.jitted(function, options, donated=donated)

    def make(place: pathlib.Path | None, static: tuple, arguments: tuple) -> Callable:
        *_, no_jit, debug_nans, device = static[0]
        if place is None or no_jit or debug_nans or device is not None:
            return plain
        if not _is_private(place):
            return plain
        digest = _digest(f"{name} {options}", static, arguments)
        path = place / f"mtcnn_jax-{digest}"
        run = _loaded(path, plain) or _compiled(path, function, options, donated, arguments)

        def run_or_compile(*arguments: Any) -> Any:
            try:
                return run(*arguments)
            except (TypeError, ValueError):
                # Parameters of another form, or on another device, than when it was compiled.
                return plain(*arguments)

        return run_or_compile

    def call(*arguments: Any) -> Any:
        params, canvas, config = arguments[0], sized(arguments[1]), arguments[-1]
        place, (*static, of_params) = folder(), programs.form(params, canvas, config)
        key = (name, place, *static, of_params)
        return programs.call(key, lambda: make(place, tuple(static), arguments), arguments)

    return call


@functools.cache
def _origin() -> str:
    """What is the same for all executables of a process: sources, versions and the machine."""
    sources = sorted(pathlib.Path(__file__).parents[1].rglob("*.py"))
    device = jax.devices()[0]
    told = [
        *(path.name + path.read_text(encoding="utf-8") for path in sources),
        *(jax.__version__, jax.lib.__version__, platform.python_version(), _processor()),
        *(device.platform, device.device_kind, device.client.platform_version),
        *(jax.device_count(), os.environ.get("XLA_FLAGS", "")),
    ]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _processor() -> str:
    """The processor and the instructions that it knows."""
    table = pathlib.Path("/proc/cpuinfo")
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    known = {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    return repr([platform.machine(), platform.processor(), *sorted(known)])


def _digest(name: str, static: tuple, arguments: tuple) -> str:
    leaves, structure = jax.tree.flatten(arguments)
    shapes = [(np.shape(leaf), str(jax.numpy.result_type(leaf))) for leaf in leaves]
    told = (_origin(), name, str(static), str(structure), shapes)
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _serialization() -> Any:
    # Not before it is needed: an import of this library is to take no longer for it.
    from jax.experimental import serialize_executable

    return serialize_executable


def _is_private(place: pathlib.Path) -> bool:
    """Whether nobody else can put files in the folder; that they can is said, once."""
    try:
        why = distrust(place.stat())
    except OSError:  # It is not there yet; that it can't be made will be said.
        return True
    if why:
        _warn_once(
            f"compiled functions are not kept in {str(place)!r}, for what lies there is run and it "
            f"{why}; accepted: a folder that only you can write to"
        )
    return not why


@functools.cache
def _warn_once(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=4)


def _read(path: pathlib.Path) -> bytes | None:
    """A file's content; None if there is none, or one that others may have written."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    # No link, which may lead to others' files, and no waiting for the writer of a pipe.
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            why = distrust(found) if stat.S_ISREG(found.st_mode) else "is no regular file"
            if why is None:
                return file.read()
    except OSError:  # That it can't be written either will be said.
        return None
    _warn_once(
        f"the compiled function in {str(path)!r} is not used, for it {why}; it is compiled anew"
    )
    return None


def _loaded(path: pathlib.Path, plain: Callable) -> Callable | None:
    """The executable of a file; `plain` if it cannot be kept, None if there is no whole one."""
    content = _read(path)
    if content is None:
        return None
    if not content:
        return plain
    check, content = content[:32], content[32:]
    return _unpacked(content) if check == hashlib.sha256(content).digest() else None


def _unpacked(content: bytes) -> Callable | None:
    try:
        return _serialization().deserialize_and_load(*pickle.loads(content))
    except (*_BROKEN, jax.errors.JaxRuntimeError):
        return None


def _packed(compiled: Any, arguments: tuple, donated: tuple[int, ...]) -> bytes | None:
    """The content of a file for an executable; None where what is loaded from it does not run."""
    # The call takes what is donated, and the caller's is still wanted.
    arguments = tuple(
        jax.tree.map(jax.numpy.copy, argument) if place in donated else argument
        for place, argument in enumerate(arguments)
    )
    try:
        content = pickle.dumps(_serialization().serialize(compiled))
        jax.block_until_ready(_unpacked(content)(*arguments))
    except (TypeError, ValueError, NotImplementedError, jax.errors.JaxRuntimeError):
        return None
    return content


def _compiled(
    path: pathlib.Path,
    function: Callable,
    options: dict[str, Any],
    donated: tuple[int, ...],
    arguments: tuple,
) -> Callable:
    """Compiles, and writes the file, which appears only once it is whole."""
    # What JAX has read from its own cache cannot be packed again: it looks whole, and functions are
    # missing. There it is known by the function's name, so that here it gets one of its own.
    for name in (path.name, uuid.uuid4().hex):
        named = functools.partial(function)
        named.__name__ = name.replace("-", "_")
        jitted = jax.jit(named, compiler_options=options, donate_argnums=donated)
        compiled = jitted.lower(*arguments).compile()
        content = _packed(compiled, arguments, donated)
        if content is not None:
            content = hashlib.sha256(content).digest() + content
            break
    else:
        content = b""  # So that no later process tries it in vain.
    try:
        make_private(path.parent)
        write_whole(path, content, private=True)
    except OSError as error:
        warnings.warn(f"a compiled function could not be kept in {path}: {error}", stacklevel=2)
    return compiled
