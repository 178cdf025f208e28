"""The graphs give what the reference networks do, in an engine of others."""

import jax
import numpy as np
import pytest

from mtcnn_jax import load_params
from mtcnn_jax.networks.reference import NETWORKS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
networks = pytest.importorskip("experiments.files.networks")

SIZES = {"pnet": [(12, 12), (37, 50)], "rnet": [(24, 24)], "onet": [(48, 48)]}


def run(model, x):
    """A model's outputs by their names, for pixels [b, h, w, 3], channels last again."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {"pixels": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})
    return {name: np.moveaxis(part, 1, -1) for name, part in zip(names, found, strict=True)}


@pytest.mark.parametrize("weights", ["bundled", "authors"])
@pytest.mark.parametrize("stage", SIZES)
def test_a_graph_gives_what_the_network_does(stage, weights, request):
    params = load_params() if weights == "bundled" else request.getfixturevalue("params")
    model = networks.network(stage, params[stage])
    random = np.random.default_rng(0)
    for count, size in enumerate(SIZES[stage], 2):
        x = random.uniform(-1, 1, (count, *size, 3)).astype(np.float32)
        wanted = jax.jit(NETWORKS[stage]().apply)({"params": params[stage]}, x)
        found = run(model, x)
        assert list(found) == ["probabilities", "boxes", "landmarks"][: len(wanted)]
        probabilities = jax.nn.softmax(wanted[0])
        for part, own in zip(found.values(), (probabilities, *wanted[1:]), strict=True):
            assert part.shape == own.shape and part.dtype == np.float32
            np.testing.assert_allclose(part, own, atol=1e-5)


def test_a_graph_gives_what_another_package_does(params, shared):
    """Known answers of facenet-pytorch with the authors' weights."""
    with np.load(shared / "reference/cascade/nets.npz") as known:
        for stage in SIZES:
            ends = "_nhwc" if stage == "pnet" else ""
            model = networks.network(stage, params[stage])
            found = run(model, known[f"{stage}/input_nhwc"])
            names = {"probabilities": "prob", "boxes": "reg", "landmarks": "landmarks"}
            for name, part in found.items():
                wanted = known[f"{stage}/{names[name]}{ends}"]
                np.testing.assert_allclose(part, wanted, atol=1e-5)


def test_a_graph_says_what_it_is():
    for stage, params in load_params().items():
        model = networks.network(stage, params)
        assert model.opset_import[0].version == 17 and len(model.opset_import) == 1
        assert "channels first, (x - 127.5) / 128" in model.doc_string
        (pixels,) = model.graph.input
        dims = [dim.dim_param or dim.dim_value for dim in pixels.type.tensor_type.shape.dim]
        sides = {"pnet": ["height", "width"], "rnet": [24, 24], "onet": [48, 48]}[stage]
        assert pixels.name == "pixels" and dims == ["batch", 3, *sides]
        numbers = sum(np.prod(tensor.dims) for tensor in model.graph.initializer)
        assert numbers == {"pnet": 6632, "rnet": 100178, "onet": 389040}[stage]
