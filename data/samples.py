"""Samples of a stage as plain files, which training reads without the data sets.

A folder holds `patches.npy`, `kinds.npy`, `boxes.npy` and `landmarks.npy` (see `Samples`) and
`samples.json`, which says what they are: stage, size and counts, and what their maker adds.
"""

import json
import math
import os
import pathlib
import shutil
import tempfile
import tokenize
from collections.abc import Mapping, Sequence

import numpy as np

from mtcnn_jax.training.samples import KINDS, LANDMARK, NEGATIVE, PART, POSITIVE, Samples

__all__ = [
    "KINDS",
    "LANDMARK",
    "NEGATIVE",
    "PART",
    "POSITIVE",
    "Samples",
    "concatenate",
    "load_samples",
    "merge_samples",
    "save_samples",
]

_DTYPES = Samples(np.uint8, np.int8, np.float32, np.float32)

_BROKEN = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError)
"""What NumPy raises on the header of a broken file, which it reads as Python."""


def check_samples(samples: Samples, source: str = "samples") -> None:
    """Raises ValueError, naming `source`, unless the four arrays fit together."""
    count = len(samples.kinds if samples.kinds.ndim else np.atleast_1d(samples.patches))
    side = samples.patches.shape[1] if samples.patches.ndim == 4 else 0
    shapes = Samples((count, side, side, 3), (count,), (count, 4), (count, 5, 2))
    for name, array, dtype, shape in zip(Samples._fields, samples, _DTYPES, shapes, strict=True):
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(
                f"{source}: {name} is {array.dtype} {list(array.shape)}; "
                f"accepted is {np.dtype(dtype)} {list(shape)}"
            )
    if count and not (0 <= samples.kinds.min() and samples.kinds.max() < len(KINDS)):
        raise ValueError(f"{source}: kinds hold other values than 0 to {len(KINDS) - 1}")


def _side_of(parts: Sequence[Samples]) -> int:
    """The side of the patches of all parts; ValueError if there are none, or they differ."""
    sides = {part.patches.shape[1] for part in parts}
    if len(sides) != 1:
        raise ValueError(
            f"patches of {len(parts)} parts are of sides {sorted(sides)}; accepted is one"
        )
    return sides.pop()


def concatenate(parts: Sequence[Samples]) -> Samples:
    """One `Samples` of several, in their order.

    Raises:
        ValueError: if there are none, or their patches differ in size.
    """
    _side_of(parts)
    return Samples(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def save_samples(
    folder: str | os.PathLike[str],
    samples: Samples,
    info: Mapping[str, object],
    *,
    replace: bool = False,
) -> None:
    """Writes samples to a new folder, which appears only once it is complete.

    Args:
        folder: where to; its parents are made where missing.
        samples: what to write.
        info: what else `samples.json` shall hold, for instance stage, seed and source.
        replace: put the new folder in the place of one that is there.

    Raises:
        FileExistsError: if the folder is there and not empty, and not to be replaced.
        ValueError: if the arrays do not fit together.
    """
    merge_samples(folder, [samples], info, replace=replace)


def merge_samples(
    folder: str | os.PathLike[str],
    parts: Sequence[Samples],
    info: Mapping[str, object],
    *,
    replace: bool = False,
) -> None:
    """`save_samples` of several parts one after the other, of which only one need fit in memory."""
    folder = pathlib.Path(folder)
    for part in parts:
        check_samples(part)
    side = _side_of(parts)
    if not replace:
        check_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}.partial-"
    for leftover in folder.parent.iterdir():
        if leftover.name.startswith(prefix):  # Of a run that was killed while it wrote.
            shutil.rmtree(leftover, ignore_errors=True)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        for name in Samples._fields:
            _write(partial / f"{name}.npy", [getattr(part, name) for part in parts])
        kinds = np.concatenate([part.kinds for part in parts])
        counts = np.bincount(kinds, minlength=len(KINDS)).tolist()
        description = {
            **info,
            "size": side,
            "counts": dict(zip(KINDS, counts, strict=True)),
        }
        (partial / "samples.json").write_text(json.dumps(description, indent=2) + "\n")
        partial.chmod(0o755)
        if replace:
            shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:  # That of a full disk.
            error.filename = str(folder)
        shutil.rmtree(partial, ignore_errors=True)
        raise


def check_empty(folder: pathlib.Path) -> None:
    """Raises FileExistsError if the folder is there and holds something."""
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; accepted is a new folder")


def _write(path: pathlib.Path, arrays: Sequence[np.ndarray]) -> None:
    """Writes arrays, one after the other along the first axis, as one .npy file."""
    shape = (sum(map(len, arrays)), *arrays[0].shape[1:])
    header = {"descr": arrays[0].dtype.str, "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for array in arrays:
            file.write(np.ascontiguousarray(array).data)


def load_samples(folder: str | os.PathLike[str]) -> Samples:
    """Opens a folder of samples; the patches stay on disk until they are looked at.

    Raises:
        FileNotFoundError: if the folder or one of its files is missing.
        ValueError: if a file is not what `save_samples` writes.
    """
    folder = pathlib.Path(folder)
    arrays = []
    for name in Samples._fields:
        path = folder / f"{name}.npy"
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing; accepted is a folder that `python -m experiments.mine` made, "
                f"with {', '.join(f'{field}.npy' for field in Samples._fields)}"
            )
        arrays.append(_open(path, mapped=name == "patches"))
    samples = Samples(*arrays)
    check_samples(samples, str(folder))
    return samples


def _open(path: pathlib.Path, *, mapped: bool) -> np.ndarray:
    """An array of a file; its header is held against the file's size before memory is taken."""
    try:
        with path.open("rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("it is of another version of the format")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            told = file.tell() + math.prod(shape) * dtype.itemsize
        if path.stat().st_size != told:
            raise ValueError(f"it has {path.stat().st_size} bytes, and by its header {told}")
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except _BROKEN as error:
        raise ValueError(f"{path} is no whole .npy file: {error}") from error
