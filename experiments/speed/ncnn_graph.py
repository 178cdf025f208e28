"""The networks as graph files of ncnn: the same weights in the C++ engine, to measure beside.

For each network `NAME.param`, a line for each layer, and `NAME.bin`, their numbers in that order.
Inputs are called "data", outputs "prob" (of both classes), "reg" and "landmarks".
"""

import pathlib
from typing import Any

import jax
import numpy as np

from mtcnn_jax.networks.layers import POOLS

MAGIC = 7767517
"""The first line of a .param file, which stands for its format."""

FLOAT32 = np.zeros(1, np.uint32)
"""What stands before weights that are plain numbers; biases and slopes have nothing before them."""


class Graph:
    """A graph under construction: layer by layer, each on what the one before gives."""

    def __init__(self):
        self._lines = ["Input data 0 1 data"]
        self._blobs = {"data"}
        self._numbers: list[np.ndarray] = []
        self._last = "data"

    def add(
        self,
        kind: str,
        name: str,
        settings: str = "",
        *numbers: np.ndarray,
        inputs: str | None = None,
        outputs: tuple[str, ...] | None = None,
    ) -> None:
        """Adds a layer; its output is called as it is, unless `outputs` says otherwise."""
        outputs = outputs or (name,)
        source = inputs or self._last
        self._lines.append(
            f"{kind} {name} 1 {len(outputs)} {source} {' '.join(outputs)} {settings}".rstrip()
        )
        self._blobs |= set(outputs)
        self._numbers += numbers
        self._last = outputs[0]

    def convolution(self, name: str, layer: Any, **inputs: str) -> None:
        """Adds a convolution of kernel [h, w, in, out], VALID, stride 1."""
        kernel = np.asarray(layer["kernel"])
        settings = f"0={kernel.shape[3]} 1={kernel.shape[0]} 5=1 6={kernel.size}"
        weights = kernel.transpose(3, 2, 0, 1)
        self.add("Convolution", name, settings, FLOAT32, weights, layer["bias"], **inputs)

    def dense(self, name: str, layer: Any, side: int = 1, **inputs: str) -> None:
        """Adds a dense layer of kernel [in, out], `in` over rows, columns and channels."""
        kernel = np.asarray(layer["kernel"])
        settings = f"0={kernel.shape[1]} 1=1 2={kernel.size}"
        # ncnn flattens channels first.
        weights = kernel.reshape(side, side, -1, kernel.shape[1]).transpose(3, 2, 0, 1)
        self.add("InnerProduct", name, settings, FLOAT32, weights, layer["bias"], **inputs)

    def save(self, folder: pathlib.Path, name: str) -> None:
        """Writes both files."""
        head = [str(MAGIC), f"{len(self._lines)} {len(self._blobs)}"]
        (folder / f"{name}.param").write_text("\n".join([*head, *self._lines]) + "\n")
        parts = [
            part if part is FLOAT32 else np.asarray(part, np.float32) for part in self._numbers
        ]
        (folder / f"{name}.bin").write_bytes(b"".join(part.tobytes() for part in parts))


def network(stage: str, params: Any) -> Graph:
    """The graph of one of the networks.

    Args:
        stage: "pnet", "rnet" or "onet".
        params: of that network.
    """
    graph = Graph()
    for number, window in enumerate(POOLS[stage], 1):
        graph.convolution(f"conv{number}", params[f"conv{number}"])
        slopes = np.asarray(params[f"prelu{number}"]["alpha"])
        graph.add("PReLU", f"prelu{number}", f"0={slopes.size}", slopes)
        if window:  # Maxima, a stride of 2, and sizes rounded up.
            graph.add("Pooling", f"pool{number}", f"0=0 1={window} 2=2 5=0")
    layer = graph.convolution
    if stage != "pnet":
        layer = graph.dense
        graph.dense(f"dense{number + 1}", params[f"dense{number + 1}"], side=3)
        slopes = np.asarray(params[f"prelu{number + 1}"]["alpha"])
        graph.add("PReLU", f"prelu{number + 1}", f"0={slopes.size}", slopes)
    heads = [name for name in ("prob", "reg", "landmarks") if name in params]
    graph.add("Split", "split", outputs=tuple(f"features_{head}" for head in heads))
    for head in heads[1:]:
        layer(head, params[head], inputs=f"features_{head}")
    layer("logits", params["prob"], inputs="features_prob")
    graph.add("Softmax", "prob", "0=0 1=1")
    return graph


def write_graphs(params: Any, folder: pathlib.Path) -> None:
    """Writes the graphs of all three networks.

    Args:
        params: of all three.
        folder: that is there.
    """
    for stage, own in jax.device_get(params).items():
        network(stage, own).save(folder, stage)
