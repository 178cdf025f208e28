"""The three networks' parameters: nested dictionaries in memory, flat .npz files on disk.

In memory `{"pnet": {"conv1": {"kernel": array, "bias": array}, ...}, "rnet": ..., "onet": ...}`,
as the modules of `mtcnn_jax.networks.reference` take them. On disk one float32 array for each
tensor, named by its path: `pnet/conv1/kernel`.
"""

import importlib.resources
import io
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.networks.forks import check_process
from mtcnn_jax.weights import formats
from mtcnn_jax.weights.checks import check_tensors, to_own
from mtcnn_jax.weights.npz import parse_npz, read_file
from mtcnn_jax.writing import write_whole

Params = dict[str, Any]
"""Nested dictionaries, stage -> layer -> "kernel", "bias" or "alpha" -> float32 array."""

_BUNDLED = "weights/mtcnn.npz"


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
        ValueError: A directory, not an .npz file, a broken one, one of more than 64 MiB or one that
            would run code; a tensor missing, unknown, of another shape or dtype, or with a value
            that is not finite; an unknown stage.
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
    return jax.tree.map(jnp.asarray, read_params(path, stages=stages))


def read_params(
    path: str | os.PathLike | BinaryIO | None = None,
    *,
    stages: Iterable[str] = formats.STAGES,
) -> Params:
    """As `load_params`, but NumPy arrays: no device is looked for, and none of its memory taken."""
    stages = _check_stages(stages)
    content, source = _read_bundled() if path is None else read_file(path)
    tensors, weight_format = parse_npz(content, source, stages=stages)
    return nest(to_own(tensors, source, weight_format=weight_format, stages=stages))


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
    write_whole(pathlib.Path(path), to_npz(params))


def to_npz(params: Params) -> bytes:
    """The content of the file that `save_params` writes, of parameters that are checked."""
    tensors = _flatten(params)
    content = io.BytesIO()
    np.savez(content, **{name: tensors[name] for name in formats.OWN.names if name in tensors})
    return content.getvalue()


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
    check_tensors(_flatten(params), source, stages=stages)


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


def _read_bundled() -> tuple[bytes, str]:
    file = importlib.resources.files("mtcnn_jax") / _BUNDLED
    if not file.is_file():
        raise FileNotFoundError(
            f"this copy of mtcnn_jax comes without weights of its own (no mtcnn_jax/{_BUNDLED}); "
            'accepted: the path of others, as in load_params("weights.npz")'
        )
    return file.read_bytes(), f"mtcnn_jax/{_BUNDLED}"


def _check_stages(stages: Iterable[str]) -> tuple[str, ...]:
    stages = (stages,) if isinstance(stages, str) else tuple(stages)
    if not stages or any(stage not in formats.STAGES for stage in stages):
        raise ValueError(f"stages are {stages}; accepted: at least one of {formats.STAGES}")
    return stages
