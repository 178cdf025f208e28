"""The formats of weights: this project's, and those of facenet-pytorch and the package mtcnn.

Everything here is about flat dictionaries, name -> NumPy array, with names such as
`rnet/dense4/kernel`. In this project's layout convolution kernels are [height, width, in, out],
dense kernels [in, out] with `in` over rows, then columns, then channels, and PReLU slopes
[channels]. The ports' layouts follow facenet-pytorch 2.6.0 and mtcnn 1.0.0.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

import numpy as np

STAGES = ("pnet", "rnet", "onet")
"""The three networks, in the order in which they look at a picture."""

_HEADS = ("prob", "reg", "landmarks")

# A kernel's shape; a bias [out] belongs to it. A single number stands for a PReLU's slopes.
_LAYERS = {
    "pnet": {
        "conv1": (3, 3, 3, 10),
        "prelu1": (10,),
        "conv2": (3, 3, 10, 16),
        "prelu2": (16,),
        "conv3": (3, 3, 16, 32),
        "prelu3": (32,),
        "prob": (1, 1, 32, 2),
        "reg": (1, 1, 32, 4),
    },
    "rnet": {
        "conv1": (3, 3, 3, 28),
        "prelu1": (28,),
        "conv2": (3, 3, 28, 48),
        "prelu2": (48,),
        "conv3": (2, 2, 48, 64),
        "prelu3": (64,),
        "dense4": (576, 128),
        "prelu4": (128,),
        "prob": (128, 2),
        "reg": (128, 4),
    },
    "onet": {
        "conv1": (3, 3, 3, 32),
        "prelu1": (32,),
        "conv2": (3, 3, 32, 64),
        "prelu2": (64,),
        "conv3": (3, 3, 64, 64),
        "prelu3": (64,),
        "conv4": (2, 2, 64, 128),
        "prelu4": (128,),
        "dense5": (1152, 256),
        "prelu5": (256,),
        "prob": (256, 2),
        "reg": (256, 4),
        "landmarks": (256, 10),
    },
}

# What the ports call a layer where their name differs. Their heads are numbered, each its own way.
_FACENET_PYTORCH_NAMES = {
    "pnet": {"prob": "conv4_1", "reg": "conv4_2"},
    "rnet": {"prob": "dense5_1", "reg": "dense5_2"},
    "onet": {"prob": "dense6_1", "reg": "dense6_2", "landmarks": "dense6_3"},
}
_MTCNN_NAMES = {
    "pnet": {"reg": "conv4-1", "prob": "conv4-2"},
    "rnet": {"dense4": "fc4", "reg": "fc5-1", "prob": "fc5-2"},
    "onet": {"dense5": "fc5", "reg": "fc6-1", "landmarks": "fc6-2", "prob": "fc6-3"},
}


class Format(NamedTuple):
    """One way of naming and arranging the weights.

    Attributes:
        title: What messages call it.
        names: Its tensors' names -> ours, in the order of the port's own files.
        shape: Our name of a tensor -> its shape in this layout.
        convert: Our name of a tensor and its array in this layout -> the array in our layout.
    """

    title: str
    names: dict[str, str]
    shape: Callable[[str], tuple[int, ...]]
    convert: Callable[[str, np.ndarray], np.ndarray]


class Declared(Protocol):
    """What is told of an array, or of one yet to be read."""

    shape: tuple[int, ...]
    dtype: np.dtype


def _names(theirs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    names = {}
    for stage, layers in _LAYERS.items():
        renamed = theirs.get(stage, {})
        # The ports differ from us in the order of the heads, which is that of their numbers.
        heads = {layer: name for layer, name in renamed.items() if layer in _HEADS}
        for layer in sorted(layers, key=lambda each: heads.get(each, "")):
            name = renamed.get(layer, layer)
            for tensor in ("alpha",) if layer.startswith("prelu") else ("kernel", "bias"):
                names[f"{stage}/{name}/{tensor}"] = f"{stage}/{layer}/{tensor}"
    return names


def _shape(tensor: str) -> tuple[int, ...]:
    stage, layer, kind = tensor.split("/")
    shape = _LAYERS[stage][layer]
    return shape[-1:] if kind == "bias" else shape


def _keep(tensor: str, array: np.ndarray) -> np.ndarray:
    return array


def _facenet_pytorch_shape(tensor: str) -> tuple[int, ...]:
    shape = _shape(tensor)
    return (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]


def _from_facenet_pytorch(tensor: str, array: np.ndarray) -> np.ndarray:
    array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
    return _rows_first(tensor, array)


def _mtcnn_shape(tensor: str) -> tuple[int, ...]:
    stage, layer, kind = tensor.split("/")
    follows_convolution = layer.replace("prelu", "conv") in _LAYERS[stage]
    return (1, 1, *_shape(tensor)) if kind == "alpha" and follows_convolution else _shape(tensor)


def _from_mtcnn(tensor: str, array: np.ndarray) -> np.ndarray:
    return _rows_first(tensor, array.reshape(_shape(tensor)))


def _rows_first(tensor: str, kernel: np.ndarray) -> np.ndarray:
    """Reorders the first dense layer's inputs, which in both ports run over columns, then rows."""
    if tensor not in ("rnet/dense4/kernel", "onet/dense5/kernel"):
        return kernel
    return kernel.reshape(3, 3, -1, kernel.shape[1]).swapaxes(0, 1).reshape(kernel.shape)


OWN = Format("mtcnn_jax", _names({}), _shape, _keep)
FACENET_PYTORCH = Format(
    "facenet-pytorch",
    _names(_FACENET_PYTORCH_NAMES),
    _facenet_pytorch_shape,
    _from_facenet_pytorch,
)
MTCNN = Format("the package mtcnn", _names(_MTCNN_NAMES), _mtcnn_shape, _from_mtcnn)
FORMATS = (OWN, FACENET_PYTORCH, MTCNN)


def recognise(names: Iterable[str], source: str) -> Format:
    """The layout that tensors of these names are in: the one with which most names are shared.

    Args:
        names: The tensors' names.
        source: What messages call the file.

    Raises:
        ValueError: No name is that of a tensor in any layout.
    """
    names = set(names)
    weight_format = max(FORMATS, key=lambda each: len(names & each.names.keys()))
    if not names & weight_format.names.keys():
        raise ValueError(
            f"{source} holds no weights of MTCNN: its tensors are {_list(sorted(names))}; "
            f"accepted: {_list(OWN.names)}, or as exported from facenet-pytorch or mtcnn"
        )
    return weight_format


def check_declared(
    tensors: Mapping[str, Declared],
    source: str,
    *,
    weight_format: Format = OWN,
    stages: Iterable[str] = STAGES,
) -> None:
    """Checks all of `check_tensors` but the values, so that it can be done before they are read.

    Args:
        tensors: Name in `weight_format` -> shape and dtype.
        source: What messages call the tensors' origin.
        weight_format: What they are checked against.
        stages: The networks that they have to be those of.

    Raises:
        ValueError: As of `check_tensors`.
    """
    stages = tuple(stages)
    wanted = {
        name: weight_format.shape(own)
        for name, own in weight_format.names.items()
        if own.partition("/")[0] in stages
    }
    if missing := [f"{name} {list(wanted[name])}" for name in wanted if name not in tensors]:
        raise ValueError(
            f"{source} lacks {_list(missing)}: it has {len(wanted) - len(missing)} of the "
            f"{len(wanted)} tensors of {', '.join(stages)}, in the layout of {weight_format.title}"
        )
    if unknown := [name for name in tensors if name not in wanted]:
        raise ValueError(
            f"{source} holds {_list(unknown)}, unknown in {', '.join(stages)} of "
            f"{weight_format.title}; accepted: exactly the {len(wanted)} tensors {_list(wanted)}"
        )
    for name, shape in wanted.items():
        array = tensors[name]
        if array.shape != shape:
            raise ValueError(
                f"{source}: {name} has shape {list(array.shape)}; wanted: {list(shape)}, in the "
                f"layout of {weight_format.title}"
            )
        if array.dtype != np.float32:
            raise ValueError(f"{source}: {name} is {array.dtype}; wanted: float32 {list(shape)}")


def check_tensors(
    tensors: Mapping[str, np.ndarray],
    source: str,
    *,
    weight_format: Format = OWN,
    stages: Iterable[str] = STAGES,
) -> None:
    """Checks that tensors are all those of some networks and no others, well shaped and finite.

    Args:
        tensors: Name in `weight_format` -> array.
        source: What messages call the tensors' origin.
        weight_format: What they are checked against.
        stages: The networks that they have to be those of.

    Raises:
        ValueError: A tensor is missing or unknown, its dtype is not float32, its shape is wrong or
            a value is not finite. The text names the tensor, what was found and what is wanted.
    """
    check_declared(tensors, source, weight_format=weight_format, stages=stages)
    for name, array in tensors.items():
        if bad := array.size - np.count_nonzero(np.isfinite(array)):
            raise ValueError(
                f"{source}: {name} {list(array.shape)} holds NaN or infinity in {bad} of "
                f"{array.size} places; wanted: finite values"
            )


def to_own(
    tensors: Mapping[str, np.ndarray],
    source: str,
    *,
    weight_format: Format,
    stages: Iterable[str] = STAGES,
) -> dict[str, np.ndarray]:
    """Checks tensors in any layout and brings them into this project's, in its order.

    Args:
        tensors: Name in `weight_format` -> array.
        source: What messages call the tensors' origin.
        weight_format: The one that they are in.
        stages: The networks to give back.

    Returns:
        Name -> float32 array, contiguous.

    Raises:
        ValueError: As of `check_tensors`.
    """
    check_tensors(tensors, source, weight_format=weight_format, stages=stages)
    converted = {
        own: np.ascontiguousarray(weight_format.convert(own, tensors[name]))
        for name, own in weight_format.names.items()
        if name in tensors
    }
    return {name: converted[name] for name in OWN.names if name in converted}


def _list(items: Iterable[str], most: int = 3) -> str:
    items = list(items)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return (", ".join(items[:most]) or "none") + more
