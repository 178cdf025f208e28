r"""Converts the weights of facenet-pytorch or of the package mtcnn into this project's .npz file.

    python -m experiments.convert --from=facenet_pytorch --input=PATH --output=weights.npz

PATH is what the package installs or an export of it:

    facenet_pytorch   the installed folder facenet_pytorch, its folder data, a folder with pnet.pt,
                      rnet.pt and onet.pt, or the wheel facenet_pytorch-*.whl; read through torch.
    mtcnn             the installed folder mtcnn, its folder assets/weights, a folder with pnet.lz4,
                      rnet.lz4 and onet.lz4, or the wheel mtcnn-1.*.whl; read through joblib and
                      lz4. joblib reads pickles, which can run code: give it only files that you
                      trust, such as the package's own.
    either            an .npz with the package's tensors under its names; read by NumPy alone.

The exit code is 0 if the file was written, 2 if not (1 for unknown flags).
"""

import importlib
import io
import os
import pathlib
import pickle
import sys
import zipfile
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from absl import app, flags

from mtcnn_jax.weights import formats
from mtcnn_jax.weights.npz import parse_npz
from mtcnn_jax.weights.params import nest, save_params

# What torch and joblib raise on files that are cut off, broken or not theirs.
_READ_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)


class Package(NamedTuple):
    """A package that carries weights.

    Attributes:
        weight_format: How it names and arranges them.
        folder: Where in the package's wheel, or in site-packages, its files are.
        ending: How the files' names end, after `pnet`, `rnet` and `onet`.
        modules: What has to be importable to read them.
        install: What pip installs for that.
        read: The bytes of one file and the names of the stage's tensors -> name -> array.
    """

    weight_format: formats.Format
    folder: pathlib.PurePosixPath
    ending: str
    modules: tuple[str, ...]
    install: str
    read: Callable[..., dict[str, np.ndarray]]


def _read_torch(content: bytes, names: list[str], torch: ModuleType) -> dict[str, np.ndarray]:
    """The tensors in a torch file, "conv1.weight" becoming "pnet/conv1/kernel"."""
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping):
        raise ValueError(f"it holds a {type(state).__name__}, not a dictionary of tensors")
    stage = names[0].partition("/")[0]
    tensors = {}
    for key, tensor in state.items():
        layer, _, kind = str(key).rpartition(".")
        if kind == "weight":
            kind = "alpha" if layer.startswith("prelu") else "kernel"
        tensors[f"{stage}/{layer}/{kind}"] = tensor.detach().numpy()
    return tensors


def _read_joblib(
    content: bytes, names: list[str], joblib: ModuleType, lz4: ModuleType
) -> dict[str, np.ndarray]:
    """The arrays in a joblib file: a list, without names, in the order of the network's layers."""
    arrays: Any = joblib.load(io.BytesIO(content))
    if not isinstance(arrays, list):
        raise ValueError(f"it holds a {type(arrays).__name__}, not a list of arrays")
    if len(arrays) != len(names):
        raise ValueError(f"it holds {len(arrays)} arrays, wanted: {len(names)}")
    return {name: np.asarray(array) for name, array in zip(names, arrays, strict=True)}


PACKAGES = {
    "facenet_pytorch": Package(
        formats.FACENET_PYTORCH,
        pathlib.PurePosixPath("facenet_pytorch/data"),
        ".pt",
        ("torch",),
        "torch",
        _read_torch,
    ),
    "mtcnn": Package(
        formats.MTCNN,
        pathlib.PurePosixPath("mtcnn/assets/weights"),
        ".lz4",
        ("joblib", "lz4.frame"),
        "joblib lz4",
        _read_joblib,
    ),
}
"""The packages whose weights can be read, by the names that `--from` takes."""


def read_weights(package: Package, path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a package's weights.

    Args:
        package: One of `PACKAGES`.
        path: Its folder, its wheel, or an .npz file of its tensors.

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
    content = path.read_bytes()
    members = _zip_members(content, path)
    if any(member.endswith(".npy") for member in members):
        return _read_npz(package, content, repr(str(path)))
    if not any(member.startswith(f"{package.folder.parts[0]}/") for member in members):
        raise ValueError(
            f"{str(path)!r} is neither the package's wheel nor an .npz file; {_accepted(package)}"
        )
    return _read_files(package, _in_wheel(package, content, path, members), str(path))


def _accepted(package: Package) -> str:
    name = package.folder.parts[0]
    files = ", ".join(stage + package.ending for stage in formats.STAGES)
    return (
        f"accepted: the installed folder {name}, a folder with {files}, the wheel {name}-*.whl, or "
        "an .npz file of the package's tensors"
    )


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
    """The three files in a folder, or below it where the package keeps them."""
    parts = package.folder.parts
    folders = [path.joinpath(*parts[start:]) for start in range(len(parts), -1, -1)]
    names = {stage: stage + package.ending for stage in formats.STAGES}
    for folder in folders:
        missing = [name for name in names.values() if not (folder / name).is_file()]
        if not missing:
            return {stage: (folder / name).read_bytes() for stage, name in names.items()}
        if len(missing) < len(names):
            raise FileNotFoundError(f"no {', '.join(missing)} in {str(folder)!r}")
    raise FileNotFoundError(
        f"no {', '.join(names.values())} in {str(path)!r}, nor in {package.folder} below it; "
        f"{_accepted(package)}"
    )


def _in_wheel(
    package: Package, content: bytes, path: pathlib.Path, members: list[str]
) -> dict[str, bytes]:
    names = {stage: f"{package.folder}/{stage}{package.ending}" for stage in formats.STAGES}
    if missing := [name for name in names.values() if name not in members]:
        raise FileNotFoundError(f"no {', '.join(missing)} in the wheel {str(path)!r}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {stage: archive.read(name) for stage, name in names.items()}
    except (zipfile.BadZipFile, *_READ_ERRORS) as error:
        raise ValueError(f"the wheel {str(path)!r} is broken: {error}") from error


def _read_npz(package: Package, content: bytes, source: str) -> dict[str, np.ndarray]:
    tensors, weight_format = parse_npz(content, source)
    if weight_format not in (package.weight_format, formats.OWN):
        others = [name for name, other in PACKAGES.items() if other.weight_format is weight_format]
        raise ValueError(
            f"{source} holds weights in the layout of {weight_format.title}, not of "
            f"{package.weight_format.title}; use --from={others[0]}"
        )
    return formats.to_own(tensors, source, weight_format=weight_format)


def _read_files(package: Package, files: Mapping[str, bytes], path: str) -> dict[str, np.ndarray]:
    modules = [_import(module, package) for module in package.modules]
    tensors = {}
    for stage, content in files.items():
        names = [name for name in package.weight_format.names if name.startswith(f"{stage}/")]
        try:
            tensors |= package.read(content, names, *modules)
        except _READ_ERRORS as error:
            raise ValueError(
                f"{stage}{package.ending} of {path!r} cannot be read: {error}; wanted: the weights "
                f"of {package.weight_format.title}, as it installs them"
            ) from error
    return formats.to_own(tensors, repr(path), weight_format=package.weight_format)


def _import(module: str, package: Package) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModuleNotFoundError(
            f"the *{package.ending} files of {package.weight_format.title} are read through "
            f"{module.partition('.')[0]}, which cannot be imported ({error}); install it with: "
            f"python -m pip install {package.install}"
        ) from error


def run(package: str, source: str, output: str) -> int:
    """Reads, checks and writes the weights, and gives the command's exit code."""
    try:
        weights = read_weights(PACKAGES[package], source)
        save_params(output, nest(weights))
    except (ImportError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{output}: {len(weights)} tensors of {package}")
    return 0


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    flags.DEFINE_enum(
        "from", None, list(PACKAGES), "The package that the weights are of.", required=True
    )
    flags.DEFINE_string(
        "input",
        None,
        "The package's folder or wheel, a folder with its files of weights, or an .npz of its "
        "tensors. Files of mtcnn are pickles, which can run code: give only those you trust.",
        required=True,
    )
    flags.DEFINE_string("output", None, "The .npz file to write.", required=True)


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    if argv[1:]:
        raise app.UsageError(f"{argv[1:]} is not part of a flag; name the weights with --input")
    values = flags.FLAGS
    return run(values["from"].value, values.input, values.output)


if __name__ == "__main__":
    define_flags()
    app.run(main)
