"""The three networks' parameters: nested dictionaries in memory, flat .npz files on disk.

In memory `{"pnet": {"conv1": {"kernel": array, "bias": array}, ...}, "rnet": ..., "onet": ...}`,
as the modules of `mtcnn_jax.networks.reference` take them. On disk one float32 array for each
tensor, named by its path: `pnet/conv1/kernel`.
"""

import importlib.resources
import io
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.networks.forks import check_process
from mtcnn_jax.weights import formats

Params = dict[str, Any]
"""Nested dictionaries, stage -> layer -> "kernel", "bias" or "alpha" -> float32 array."""

_BUNDLED = "weights/mtcnn.npz"
_ACCEPTED_FILES = "an .npz file of weights, as save_params or `experiments.convert` writes it"

# What NumPy and zipfile raise on archives that are cut off or broken.
_ARCHIVE_ERRORS = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def load_params(
    path: str | os.PathLike | BinaryIO | None = None,
    *,
    stages: Iterable[str] = formats.STAGES,
) -> Params:
    """Loads parameters, checked.

    Args:
        path: An .npz file, or a binary file object that gives one: in this project's layout, or
            exported from facenet-pytorch or the package mtcnn under those packages' names. The
            names of the tensors tell which. None for the weights that come with the package.
        stages: The networks to load; the file may lack the others.

    Returns:
        The parameters as JAX arrays, put on the default device once rather than at every use.

    Raises:
        FileNotFoundError: There is nothing at the path.
        TypeError: `path` is of another type.
        ValueError: A directory, not an .npz file, a broken one or one that would run code; a
            tensor missing, unknown, of another shape or dtype, or with a value that is not
            finite; an unknown stage.
        RuntimeError: The process was forked from one in which JAX was in use.

    Example:
        >>> import mtcnn_jax as mj
        >>> params = mj.load_params()
        >>> sorted(params)
        ['onet', 'pnet', 'rnet']
        >>> params["pnet"]["conv1"]["kernel"].shape
        (3, 3, 3, 10)
    """
    check_process()
    stages = _check_stages(stages)
    if path is None:
        tensors, source = _read_bundled(), f"mtcnn_jax/{_BUNDLED}"
    else:
        tensors, source = read_npz(path)
    weight_format = formats.recognise(tensors, source)
    others = tuple(f"{stage}/" for stage in formats.STAGES if stage not in stages)
    tensors = {name: array for name, array in tensors.items() if not name.startswith(others)}
    own = formats.to_own(tensors, source, weight_format=weight_format, stages=stages)
    return jax.tree.map(jnp.asarray, nest(own))


def save_params(path: str | os.PathLike, params: Params) -> None:
    """Saves parameters, checked, as an .npz file that `load_params` reads.

    The same parameters always give the same bytes. A file already there is replaced only once the
    new one is complete.

    Args:
        path: The file to write, under exactly this name.
        params: Those of all three networks, or of only some.

    Raises:
        FileNotFoundError: There is no such folder.
        TypeError: `params` is not a dictionary.
        ValueError: `path` is a directory, or the parameters are wrong (see `check_params`).

    Example:
        >>> mj.save_params("pnet.npz", {"pnet": params["pnet"]})
        >>> list(mj.load_params("pnet.npz", stages=["pnet"]))
        ['pnet']
    """
    path = os.fspath(path)
    present = [stage for stage in formats.STAGES if isinstance(params, Mapping) and stage in params]
    check_params(params, f"the parameters for {path!r}", stages=present or formats.STAGES)
    if os.path.isdir(path):
        raise ValueError(f"{path!r} is a directory; accepted: the path of the file to write")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"no such folder: {folder!r}, to write {path!r} in")
    tensors = _flatten(params)
    content = io.BytesIO()
    np.savez(content, **{name: tensors[name] for name in formats.OWN.names if name in tensors})
    with tempfile.TemporaryDirectory(dir=folder, prefix=".params-") as beside:
        # Opened here and not by tempfile, for the permissions that any new file gets.
        complete = os.path.join(beside, "complete.npz")
        with open(complete, "wb") as file:
            file.write(content.getvalue())
        os.replace(complete, path)


def check_params(
    params: Params, source: str = "params", *, stages: Iterable[str] = formats.STAGES
) -> None:
    """Checks that parameters are exactly those of the networks: names, shapes, float32, finite.

    Args:
        params: Nested dictionaries of NumPy or JAX arrays.
        source: What messages call them.
        stages: The networks that they have to be those of.

    Raises:
        TypeError: `params` is not a dictionary.
        ValueError: A tensor is missing, unknown, of another shape or dtype or not finite, or a
            stage is unknown. The text names the tensor, what was found and what is wanted.
    """
    stages = _check_stages(stages)
    if not isinstance(params, Mapping):
        raise TypeError(
            f"{source} is a {type(params).__name__}; accepted: nested dictionaries of arrays, such "
            "as load_params gives"
        )
    formats.check_tensors(_flatten(params), source, stages=stages)


def read_npz(path: str | os.PathLike | BinaryIO) -> tuple[dict[str, np.ndarray], str]:
    """Reads all arrays of an .npz file, without running code that it may hold.

    Args:
        path: The file, or a binary file object, read from where it stands.

    Returns:
        Name -> array, and what messages call the file.

    Raises:
        FileNotFoundError: There is nothing at the path.
        TypeError: `path` is of another type, or a file object that gives text.
        ValueError: A directory, not an .npz file, a broken one or one with pickled objects.
    """
    if hasattr(path, "read"):
        source = f"the file object {getattr(path, 'name', path)!r}"
        content = path.read()
        if not isinstance(content, bytes):
            raise TypeError(
                f"{source} gives {type(content).__name__} when read; accepted: one opened in "
                "binary mode, that gives bytes"
            )
    elif isinstance(path, str | os.PathLike):
        path = os.fspath(path)
        source = repr(path)
        if not os.path.exists(path):
            raise FileNotFoundError(f"no such file: {source}; accepted: {_ACCEPTED_FILES}")
        if os.path.isdir(path):
            raise ValueError(f"{source} is a directory; accepted: {_ACCEPTED_FILES}")
        with open(path, "rb") as file:
            content = file.read()
    else:
        raise TypeError(
            f"cannot load weights from a {type(path).__name__}; accepted: a path (str or "
            "PathLike) or a binary file object"
        )
    return parse_npz(content, source), source


def parse_npz(content: bytes, source: str) -> dict[str, np.ndarray]:
    """The arrays in the bytes of an .npz file, as `read_npz`."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        what = "is not an .npz file" if content else "is empty"
        raise ValueError(f"{source} {what}; accepted: {_ACCEPTED_FILES}")
    tensors = {}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            for name in archive.files:
                array = archive[name]
                if not isinstance(array, np.ndarray):
                    raise ValueError(f"{name} is not an array")
                tensors[name] = array
    except _ARCHIVE_ERRORS as error:
        raise ValueError(
            f"{source} cannot be read: {error}; accepted: {_ACCEPTED_FILES}"
        ) from error
    return tensors


def nest(tensors: Mapping[str, np.ndarray]) -> Params:
    """Nested dictionaries of flat ones: "pnet/conv1/bias" -> ["pnet"]["conv1"]["bias"]."""
    params: Params = {}
    for name, array in tensors.items():
        *parents, leaf = name.split("/")
        branch = params
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[leaf] = array
    return params


def _flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    tensors = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            tensors |= _flatten(value, f"{prefix}{name}/")
        else:
            tensors[f"{prefix}{name}"] = np.asarray(value)
    return tensors


def _read_bundled() -> dict[str, np.ndarray]:
    file = importlib.resources.files("mtcnn_jax") / _BUNDLED
    if not file.is_file():
        raise FileNotFoundError(
            f"this copy of mtcnn_jax comes without weights of its own (no mtcnn_jax/{_BUNDLED}); "
            'accepted: the path of others, as in load_params("weights.npz")'
        )
    return parse_npz(file.read_bytes(), f"mtcnn_jax/{_BUNDLED}")


def _check_stages(stages: Iterable[str]) -> tuple[str, ...]:
    stages = (stages,) if isinstance(stages, str) else tuple(stages)
    if not stages or any(stage not in formats.STAGES for stage in stages):
        raise ValueError(f"stages are {stages}; accepted: at least one of {formats.STAGES}")
    return stages
