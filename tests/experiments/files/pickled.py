"""Files of facenet and of mtcnn 0.1, written from weights in this project's layout."""

import io
import pickle

import numpy as np

from mtcnn_jax.weights import formats


class Python2(pickle._Pickler):
    """Writes bytes and strings as Python 2 did: both as strings of bytes."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, item):
        content = item.encode("latin1") if isinstance(item, str) else item
        self.write(pickle.BINSTRING + len(content).to_bytes(4, "little") + content)
        self.memoize(item)

    dispatch[str] = dispatch[bytes] = save_string


def npy(item, protocol=4):
    """What `np.save` writes of a dictionary; with protocol "python 2" what it wrote there."""
    outer = np.empty((), object)
    outer[()] = item
    file = io.BytesIO()
    if protocol == "numpy":
        np.save(file, outer, allow_pickle=True)
        return file.getvalue()
    described = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(file, described)
    if protocol == "python 2":
        Python2(file, 2).dump(outer)
    else:
        pickle.dump(outer, file, protocol)
    return file.getvalue().replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")


def swapped(own, array):
    """A tensor of ours, for pictures with rows and columns swapped."""
    if array.ndim == 4:
        return np.ascontiguousarray(array.transpose(1, 0, 2, 3))
    if own in ("rnet/dense4/kernel", "onet/dense5/kernel"):
        inputs = np.arange(len(array)).reshape(3, 3, -1)  # Over rows, then columns.
        return array[inputs.transpose(1, 0, 2).ravel()]
    return array


def facenet(weights):
    """For each network layer -> kind -> array."""
    networks = [{}, {}, {}]
    for theirs, own in formats.FACENET.names.items():
        stage, layer, kind = theirs.split("/")
        network = networks[formats.STAGES.index(stage)]
        network.setdefault(layer, {})[kind] = swapped(own, weights[own])
    return networks


ORDER = {
    "pnet": "conv1 prelu1 conv2 prelu2 conv3 prelu3 prob reg",
    "rnet": "conv1 prelu1 conv2 prelu2 conv3 prelu3 dense4 prelu4 reg prob",
    "onet": "conv1 prelu1 conv2 prelu2 conv3 prelu3 conv4 prelu4 dense5 prelu5 prob reg landmarks",
}
"""Of Keras's layers; that of the heads is up to it, so R-Net's here are the other way round."""


def keras(weights):
    """Stage -> list of arrays; convolutions' slopes [1, 1, channels]."""
    networks = {}
    for stage, layers in ORDER.items():
        arrays = networks[stage] = []
        for layer in layers.split():
            for kind in ("alpha",) if "prelu" in layer else ("kernel", "bias"):
                own = f"{stage}/{layer}/{kind}"
                array = swapped(own, weights[own])
                after = f"{stage}/{layer.replace('prelu', 'conv')}/kernel"
                arrays.append(array[None, None] if kind == "alpha" and after in weights else array)
    return networks
