"""P-Net, R-Net and O-Net as graphs of ONNX, node by node.

Inputs are called "pixels", float32 [batch, 3, height, width], RGB, (x - 127.5) / 128. Outputs are
"probabilities" of no face and of a face, "boxes" and, of O-Net, "landmarks".
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mtcnn_jax.networks.layers import HEADS, INPUT_SIZE, POOLS

OPSET = 17
"""Of the operators' meanings: of 2022, so that any runtime since reads it."""

IR_VERSION = 8
"""Of the file's form, that came with this opset."""

OUTPUTS = ("probabilities", "boxes", "landmarks")
_LAYERS = ("prob", "reg", "landmarks")

_PIXELS = "Pixels are float32 RGB, channels first, (x - 127.5) / 128 of 0..255. "
_MEANING = {
    "pnet": _PIXELS + "One window of 12 x 12 for every second pixel, [batch, 2 or 4, rows, "
    "columns]: probabilities of no face and of a face, boxes as what to add to the window's x1, "
    "y1, x2, y2 in shares of its side. Height and width are 12 or more.",
    "rnet": _PIXELS + "Windows of 24 x 24: probabilities of no face and of a face, boxes as what "
    "to add to the window's x1, y1, x2, y2 in shares of its side.",
    "onet": _PIXELS + "Windows of 48 x 48: probabilities of no face and of a face, boxes as what "
    "to add to the window's x1, y1, x2, y2 in shares of its side, landmarks as five x and five y "
    "in shares of the window: left eye, right eye, nose, left and right corner of the mouth.",
}


class Graph:
    """A graph under construction: node by node, each on what the one before gives."""

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.numbers: list[onnx.TensorProto] = []
        self.last = "pixels"

    def add(
        self, kind: str, name: str, *numbers: np.ndarray, source: str = "", **attributes: Any
    ) -> None:
        """Adds a node, whose output has its name, on `source` or what the one before gives."""
        inputs = [source or self.last]
        for place, array in enumerate(numbers):
            inputs.append(f"{name}_{place}")
            array = np.ascontiguousarray(array, np.float32)
            self.numbers.append(numpy_helper.from_array(array, inputs[-1]))
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        self.last = name

    def convolution(self, name: str, layer: Any, **source: str) -> None:
        """Adds one of kernel [h, w, in, out], VALID, stride 1."""
        self.add("Conv", name, np.transpose(layer["kernel"], (3, 2, 0, 1)), layer["bias"], **source)

    def dense(self, name: str, layer: Any, side: int = 1, **source: str) -> None:
        """Adds one of kernel [in, out], `in` over rows, columns and channels of `side` squared."""
        kernel = layer["kernel"]
        # Here, channels come before rows and columns.
        kernel = kernel.reshape(side, side, -1, kernel.shape[1]).transpose(2, 0, 1, 3)
        self.add("Gemm", name, kernel.reshape(-1, kernel.shape[3]), layer["bias"], **source)


def network(stage: str, params: Any) -> onnx.ModelProto:
    """One of the networks, checked.

    Args:
        stage: "pnet", "rnet" or "onet".
        params: of that network.
    """
    params, graph = jax.device_get(params), Graph()
    for number, window in enumerate(POOLS[stage], 1):
        graph.convolution(f"conv{number}", params[f"conv{number}"])
        graph.add("PRelu", f"prelu{number}", params[f"prelu{number}"]["alpha"][:, None, None])
        if window:
            graph.add(
                "MaxPool", f"pool{number}", kernel_shape=[window] * 2, strides=[2, 2], ceil_mode=1
            )
    layer: Callable = graph.convolution
    if stage != "pnet":
        layer = graph.dense
        graph.add("Flatten", "flat")
        graph.dense(f"dense{number + 1}", params[f"dense{number + 1}"], side=3)
        graph.add("PRelu", f"prelu{number + 1}", params[f"prelu{number + 1}"]["alpha"])
    features = graph.last
    outputs = OUTPUTS[: len(HEADS[stage])]
    for output, head in zip(outputs[1:], _LAYERS[1:], strict=False):
        layer(output, params[head], source=features)
    layer("logits", params["prob"], source=features)
    graph.add("Softmax", outputs[0], axis=1)
    sides: Sequence[Any] = [INPUT_SIZE[stage]] * 2
    cells: Sequence[Any] = []
    if stage == "pnet":
        sides, cells = ("height", "width"), ("rows", "columns")
    told = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", count, *cells])
        for name, count in zip(outputs, HEADS[stage], strict=True)
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, *sides])
    body = helper.make_graph(graph.nodes, stage, [pixels], told, graph.numbers)
    model = helper.make_model(
        body,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mtcnn_jax",
        doc_string=_MEANING[stage],
    )
    onnx.checker.check_model(model, full_check=True)
    return model
