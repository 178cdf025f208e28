"""Where a package's weights are: in a folder, a wheel, an .npz or a file of their own."""

import importlib
import io
import os
import pathlib
import zipfile
from collections.abc import Mapping
from types import ModuleType

import numpy as np

from experiments.files.packages import PACKAGES, READ_ERRORS, Package
from mtcnn_jax.weights import formats
from mtcnn_jax.weights.checks import to_own
from mtcnn_jax.weights.npz import ARCHIVE_ERRORS, MOST_BYTES, parse_npz, read_file

NPY = b"\x93NUMPY"
"""How an .npy file begins."""


def read_weights(package: Package, path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a package's weights.

    Args:
        package: One of `PACKAGES`.
        path: Its folder, its wheel, the one file that it keeps them in, or an .npz file of its
            tensors.

    Returns:
        Name -> float32 array, in this project's layout.

    Raises:
        FileNotFoundError: There is nothing at the path, or a network's file is not in it.
        ModuleNotFoundError: A module that reads the files is not installed.
        ValueError: The path is of no accepted kind, a file in it is broken or holds other weights.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return _read_files(package, _in_folder(package, path), str(path))
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {str(path)!r}; {_accepted(package)}")
    content, _ = read_file(path)
    if content.startswith(NPY) and len(package.files) == 1:
        return _read_files(package, dict.fromkeys(package.files, content), str(path))
    members = _zip_members(content, path)
    if any(member.endswith(".npy") for member in members):
        return _read_npz(package, content, repr(str(path)))
    if not any(member.startswith(f"{package.folder.parts[0]}/") for member in members):
        raise ValueError(
            f"{str(path)!r} is neither the package's wheel nor an .npz file; {_accepted(package)}"
        )
    return _read_files(package, _in_wheel(package, content, path, members), str(path))


def _accepted(package: Package) -> str:
    return f"accepted: {package.accepted}, or an .npz file of the package's tensors"


def _zip_members(content: bytes, path: pathlib.Path) -> list[str]:
    """The names in a zip archive, which a wheel and an .npz file both are; of other files none."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ValueError(f"{str(path)!r} is a broken archive: {error}") from error


def _in_folder(package: Package, path: pathlib.Path) -> dict[str, bytes]:
    """The files in a folder, or below it where the package keeps them."""
    parts = package.folder.parts
    folders = [path.joinpath(*parts[start:]) for start in range(len(parts), -1, -1)]
    names = package.files
    for folder in folders:
        missing = [name for name in names if not (folder / name).is_file()]
        if not missing:
            return {name: read_file(folder / name)[0] for name in names}
        if len(missing) < len(names):
            raise FileNotFoundError(f"no {', '.join(missing)} in {str(folder)!r}")
    raise FileNotFoundError(
        f"no {', '.join(names)} in {str(path)!r}, nor in {package.folder} below it; "
        f"{_accepted(package)}"
    )


def _in_wheel(
    package: Package, content: bytes, path: pathlib.Path, members: list[str]
) -> dict[str, bytes]:
    places = {name: f"{package.folder}/{name}" for name in package.files}
    if missing := [place for place in places.values() if place not in members]:
        raise FileNotFoundError(f"no {', '.join(missing)} in the wheel {str(path)!r}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: _member(archive, place) for name, place in places.items()}
    except ARCHIVE_ERRORS as error:
        raise ValueError(f"the wheel {str(path)!r} is broken: {error}") from error


def _member(archive: zipfile.ZipFile, place: str) -> bytes:
    """A file in a wheel, unpacked unless it is larger than any of weights."""
    info = archive.getinfo(place)
    if info.file_size > MOST_BYTES:
        raise ValueError(f"{place} has {info.file_size} bytes; accepted: up to {MOST_BYTES}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{place} is compressed by another method than a wheel's, deflate")
    return archive.read(info)


def _read_npz(package: Package, content: bytes, source: str) -> dict[str, np.ndarray]:
    tensors, weight_format = parse_npz(content, source)
    if weight_format not in (package.weight_format, formats.OWN):
        others = [name for name, other in PACKAGES.items() if other.weight_format is weight_format]
        raise ValueError(
            f"{source} holds weights in the layout of {weight_format.title}, not of "
            f"{package.weight_format.title}; use --from={others[0]}"
        )
    return to_own(tensors, source, weight_format=weight_format)


def _read_files(package: Package, files: Mapping[str, bytes], path: str) -> dict[str, np.ndarray]:
    modules = [_import(module, package) for module in package.modules]
    tensors = {}
    for file, content in files.items():
        stages = tuple(f"{stage}/" for stage in package.files[file])
        names = [name for name in package.weight_format.names if name.startswith(stages)]
        try:
            tensors |= package.read(content, names, *modules)
        except READ_ERRORS as error:
            raise ValueError(
                f"{file} of {path!r} cannot be read: {str(error) or type(error).__name__}; wanted: "
                f"the weights of {package.weight_format.title}, as it installs them"
            ) from error
    return to_own(tensors, repr(path), weight_format=package.weight_format)


def _import(module: str, package: Package) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{', '.join(package.files)} of {package.weight_format.title} are read through "
            f"{module.partition('.')[0]}, which cannot be imported ({error}); install it with: "
            f"python -m pip install {package.install}"
        ) from error
