"""Reading .npz files of weights: nothing is unpacked before it is known to be weights.

A ZIP archive of 2 MB can hold 2 GB of zeros. So names are looked at first, then each array's
header, which tells its shape and dtype, and data only where both are those of a network.
"""

import contextlib
import io
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from mtcnn_jax.weights import formats
from mtcnn_jax.weights.checks import check_declared

MOST_BYTES = 2**26
"""Of a file of weights; the three networks' take 2 MB."""

ACCEPTED_FILES = "an .npz file of weights, as save_params or `experiments.convert` writes it"

# What NumPy and zipfile raise on archives that are cut off or broken.
ARCHIVE_ERRORS = (
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
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype


def read_file(path: str | os.PathLike | BinaryIO) -> tuple[bytes, str]:
    """The bytes of a file of weights.

    Args:
        path: The file, or a binary file object, read from where it stands.

    Returns:
        What it holds, and what messages call it.

    Raises:
        FileNotFoundError: There is nothing at the path.
        TypeError: `path` is of another type, or a file object that gives text.
        ValueError: A directory, or more than `MOST_BYTES`.
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
            raise FileNotFoundError(f"no such file: {source}; accepted: {ACCEPTED_FILES}")
        if os.path.isdir(path):
            raise ValueError(f"{source} is a directory; accepted: {ACCEPTED_FILES}")
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    else:
        raise TypeError(
            f"cannot load weights from a {type(path).__name__}; accepted: a path (str or "
            "PathLike) or a binary file object"
        )
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"{source} holds more than {MOST_BYTES} bytes; accepted: weights, which are about 2 MB"
        )
    return content, source


def parse_npz(
    content: bytes, source: str, *, stages: Iterable[str] = formats.STAGES
) -> tuple[dict[str, np.ndarray], formats.Format]:
    """The tensors of some networks in the bytes of an .npz file, without running code in it.

    Args:
        content: The file.
        source: What messages call it.
        stages: The networks; what the file holds of the others is not looked at.

    Returns:
        Name -> float32 array, and the layout that they are in.

    Raises:
        ValueError: Not an .npz file, a broken one or one with pickled objects; a tensor missing,
            unknown, or of another shape or dtype.
    """
    stages = tuple(stages)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        what = "is not an .npz file" if content else "is empty"
        raise ValueError(f"{source} {what}; accepted: {ACCEPTED_FILES}")
    with _reading(source):
        archive = zipfile.ZipFile(io.BytesIO(content))
        infos = _by_name(archive)
    weight_format = formats.recognise(infos, source)
    others = tuple(f"{stage}/" for stage in formats.STAGES if stage not in stages)
    infos = {name: info for name, info in infos.items() if not name.startswith(others)}
    with _reading(source):
        declared = {name: _header(archive, name, info) for name, info in infos.items()}
    check_declared(declared, source, weight_format=weight_format, stages=stages)
    with _reading(source):
        return {name: _array(archive, info) for name, info in infos.items()}, weight_format


@contextlib.contextmanager
def _reading(source: str) -> Iterator[None]:
    """Makes one kind of error of all that broken archives raise."""
    try:
        yield
    except ARCHIVE_ERRORS as error:
        raise ValueError(
            f"{source} cannot be read: {str(error) or type(error).__name__}; accepted: "
            f"{ACCEPTED_FILES}"
        ) from error


def _by_name(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The archive's members by the names of their tensors."""
    infos = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if not name.isprintable():
            raise ValueError(f"it holds {name!r}, which is no tensor's name")
        if name in infos:
            raise ValueError(f"it holds {name} twice")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed by another method than NumPy's, deflate")
        infos[name] = info
    return infos


def _header(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> _Header:
    """The shape and dtype of a member, of which no more than its header is unpacked."""
    with archive.open(info) as file:
        try:
            version = np.lib.format.read_magic(file)
        except ValueError:
            raise ValueError(f"{name} is not an array") from None
        if version not in _HEADERS:
            raise ValueError(f"{name} is in version {version} of NumPy's format; known: 1.0, 2.0")
        shape, _, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            raise ValueError(f"{name} holds objects, which only a pickle could give back")
        declared = file.tell() + math.prod(shape) * dtype.itemsize
    if info.file_size != declared:
        raise ValueError(f"{name} has {info.file_size} bytes, its header tells of {declared}")
    return _Header(shape, dtype)


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
