"""The formats of weights: this project's, and those of facenet-pytorch, mtcnn and facenet.

Everything here is about flat dictionaries, name -> NumPy array, with names such as
`rnet/dense4/kernel`. In this project's layout convolution kernels are [height, width, in, out],
dense kernels [in, out] with `in` over rows, then columns, then channels, and PReLU slopes
[channels]. The ports' layouts follow facenet-pytorch 2.6.0 and mtcnn 1.0.0; that of facenet and
mtcnn 0.1 is told by their code: `src/align/detect_face.py`, `mtcnn/network/factory.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

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


_FACENET_NAMES = {
    "pnet": {
        **{f"prelu{number}": f"PReLU{number}" for number in (1, 2, 3)},
        **{"prob": "conv4-1", "reg": "conv4-2"},
    },
    "rnet": {"dense4": "conv4", "prob": "conv5-1", "reg": "conv5-2"},
    "onet": {"dense5": "conv5", "prob": "conv6-1", "reg": "conv6-2", "landmarks": "conv6-3"},
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


def _names(
    theirs: Mapping[str, Mapping[str, str]], *, kernel: str = "kernel", bias: str = "bias"
) -> dict[str, str]:
    names = {}
    for stage, layers in _LAYERS.items():
        renamed = theirs.get(stage, {})
        # The ports differ from us in the order of the heads, which is that of their numbers.
        heads = {layer: name for layer, name in renamed.items() if layer in _HEADS}
        for layer in sorted(layers, key=lambda each: heads.get(each, "")):
            name = renamed.get(layer, layer)
            kinds = {"alpha": "alpha"} if "prelu" in layer else {kernel: "kernel", bias: "bias"}
            for kind, own in kinds.items():
                names[f"{stage}/{name}/{kind}"] = f"{stage}/{layer}/{own}"
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


def _from_facenet(tensor: str, array: np.ndarray) -> np.ndarray:
    """From [column, row, in, out]: those networks look at pictures with rows and columns swapped.

    Boxes and points are swapped by nothing: their order in the heads is ours.
    """
    return _rows_first(tensor, array.swapaxes(0, 1) if array.ndim == 4 else array)


def _rows_first(tensor: str, kernel: np.ndarray) -> np.ndarray:
    """Reorders the first dense layer's inputs, which in all ports run over columns, then rows."""
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
FACENET = Format(
    "facenet", _names(_FACENET_NAMES, kernel="weights", bias="biases"), _shape, _from_facenet
)
FORMATS = (OWN, FACENET_PYTORCH, MTCNN, FACENET)


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
            f"{source} holds no weights of MTCNN: its tensors are {listed(sorted(names))}; "
            f"accepted: {listed(OWN.names)}, or as exported from facenet-pytorch, mtcnn or facenet"
        )
    return weight_format


def listed(items: Iterable[str], most: int = 3) -> str:
    """The first few of some names, and how many more there are."""
    items = list(items)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return (", ".join(items[:most]) or "none") + more
