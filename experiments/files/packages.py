"""The packages that carry the authors' weights, and how their files are read.

facenet and mtcnn 0.1 carry dictionaries that NumPy pickled. What is known of these, by the code
that reads them there:

- facenet's `det1.npy`, `det2.npy` and `det3.npy` hold P-Net, R-Net and O-Net, as layer -> "weights"
  and "biases", or "alpha" of a PReLU. Layers are called as in the authors' Caffe files, so that
  dense ones are `conv4`, `conv5` and so on.
- mtcnn 0.1's `mtcnn_weights.npy` holds "pnet", "rnet" and "onet", each a list of arrays in the
  order of Keras's layers. In which order the heads come is up to Keras, so they are told apart by
  their size: 2 for the score, 4 for the box, 10 for the landmarks.
- Both give their networks pictures with rows and columns swapped, so that a kernel is [column, row,
  in, out] and the first dense layer's inputs run over columns, then rows, then channels. The order
  of boxes (x1 y1 x2 y2) and of points is not swapped. facenet-pytorch's weights were made from
  facenet's in this way.
- Where values are float64 they are rounded to float32, as TensorFlow does when it reads them.
"""

import io
import pathlib
import pickle
import struct
import tokenize
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from experiments.files.pickles import read_object, to_array
from mtcnn_jax.weights import formats

# What torch, joblib and pickle raise on files that are cut off, broken or not theirs.
READ_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    tokenize.TokenError,
)


class Package(NamedTuple):
    """A package that carries weights.

    Attributes:
        weight_format: How it names and arranges them.
        folder: Where in the package's wheel, or in site-packages, its files are.
        files: The names of its files -> the networks in each.
        accepted: What to name as input, in words.
        modules: What has to be importable to read them.
        install: What pip installs for that.
        read: The bytes of one file and the names of its tensors -> name -> array.
    """

    weight_format: formats.Format
    folder: pathlib.PurePosixPath
    files: Mapping[str, tuple[str, ...]]
    accepted: str
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


def _read_facenet(content: bytes, names: list[str]) -> dict[str, np.ndarray]:
    """The arrays of a network: layer -> kind -> array."""
    stage = names[0].partition("/")[0]
    tensors = {}
    for layer, kinds in _mapping(read_object(content)).items():
        for kind, item in _mapping(kinds).items():
            name = f"{stage}/{layer}/{kind}"
            tensors[name] = to_array(item, name)
    return tensors


def _read_keras(content: bytes, names: list[str]) -> dict[str, np.ndarray]:
    """The arrays of all networks: stage -> a list, in the order of the network's layers."""
    networks = _mapping(read_object(content))
    tensors = {}
    for stage in formats.STAGES:
        arrays = networks.get(stage)
        wanted = [name for name in names if name.startswith(f"{stage}/")]
        if not isinstance(arrays, list) or len(arrays) != len(wanted):
            raise ValueError(f"it holds no list {stage!r} of {len(wanted)} arrays")
        arrays = [to_array(item, stage) for item in arrays]
        heads = _HEADS[stage]
        before = len(wanted) - 2 * len(heads)
        # Convolutions' slopes are [1, 1, channels].
        tensors |= {
            name: array.reshape(-1) if name.endswith("/alpha") else array
            for name, array in zip(wanted[:before], arrays[:before], strict=True)
        }
        for kernel, bias in zip(arrays[before::2], arrays[before + 1 :: 2], strict=True):
            layer = heads.get(bias.size)
            if layer is None:
                raise ValueError(f"a head of its {stage} has {bias.size} outputs, not {[*heads]}")
            tensors |= {f"{stage}/{layer}/weights": kernel, f"{stage}/{layer}/biases": bias}
    return tensors


_HEADS = {
    "pnet": {2: "conv4-1", 4: "conv4-2"},
    "rnet": {2: "conv5-1", 4: "conv5-2"},
    "onet": {2: "conv6-1", 4: "conv6-2", 10: "conv6-3"},
}


def _mapping(item: Any) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise ValueError(f"it holds a {type(item).__name__} where a dictionary is wanted")
    return item


def _by_stage(names: str) -> dict[str, tuple[str, ...]]:
    return dict(zip(names.split(), ((stage,) for stage in formats.STAGES), strict=True))


PACKAGES = {
    "facenet_pytorch": Package(
        formats.FACENET_PYTORCH,
        pathlib.PurePosixPath("facenet_pytorch/data"),
        _by_stage("pnet.pt rnet.pt onet.pt"),
        "the installed folder facenet_pytorch, a folder with pnet.pt, rnet.pt, onet.pt, the wheel "
        "facenet_pytorch-*.whl",
        ("torch",),
        "torch",
        _read_torch,
    ),
    "mtcnn": Package(
        formats.MTCNN,
        pathlib.PurePosixPath("mtcnn/assets/weights"),
        _by_stage("pnet.lz4 rnet.lz4 onet.lz4"),
        "the installed folder mtcnn, a folder with pnet.lz4, rnet.lz4, onet.lz4, the wheel "
        "mtcnn-*.whl",
        ("joblib", "lz4.frame"),
        "joblib lz4",
        _read_joblib,
    ),
    "facenet": Package(
        formats.FACENET,
        pathlib.PurePosixPath("src/align"),
        _by_stage("det1.npy det2.npy det3.npy"),
        "the folder of facenet, its folder src/align or one with det1.npy, det2.npy, det3.npy",
        (),
        "",
        _read_facenet,
    ),
    "mtcnn_0_1": Package(
        formats.FACENET._replace(title="the package mtcnn 0.1"),
        pathlib.PurePosixPath("mtcnn/data"),
        {"mtcnn_weights.npy": formats.STAGES},
        "mtcnn_weights.npy, the installed folder mtcnn, the wheel mtcnn-0.1.*.whl",
        (),
        "",
        _read_keras,
    ),
}
"""The packages whose weights can be read, by the names that `--from` takes."""
