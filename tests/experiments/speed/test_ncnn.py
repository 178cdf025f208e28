"""ncnn's graphs hold the networks, and its cascade finds faces: both with ncnn in NumPy."""

import shutil

import numpy as np
import pytest

import mtcnn_jax as mj
from experiments.speed import peers
from experiments.speed.ncnn_graph import write_graphs
from mtcnn_jax.networks.forward import forward
from mtcnn_jax.networks.layers import INPUT_SIZE
from tests import ROOT
from tests.experiments.speed import ncnn_in_numpy

CV2 = """
import numpy as np
class dnn:
    @staticmethod
    def NMSBoxes(boxes, scores, score_threshold, threshold):
        kept = []
        for row in np.argsort(-scores, kind="stable"):
            x, y, w, h = boxes[row]
            for other in kept:
                ox, oy, ow, oh = boxes[other]
                wide, high = min(x + w, ox + ow) - max(x, ox), min(y + h, oy + oh) - max(y, oy)
                shared = max(wide, 0) * max(high, 0)
                if shared / (w * h + ow * oh - shared) > threshold:
                    break
            else:
                kept.append(row)
        return kept
"""


@pytest.fixture(scope="module")
def graphs(tmp_path_factory, params):
    folder = tmp_path_factory.mktemp("graphs")
    write_graphs(params, folder)
    return folder


@pytest.mark.parametrize("stage", INPUT_SIZE)
def test_a_graph_gives_the_networks_outputs(stage, graphs, params):
    size = (31, 26) if stage == "pnet" else (INPUT_SIZE[stage],) * 2
    pixels = np.random.default_rng(0).normal(size=(*size, 3)).astype(np.float32)
    logits, *others = forward(stage, params[stage], pixels[None], backend="reference")
    net = ncnn_in_numpy.Net()
    net.load_param(graphs / f"{stage}.param")
    net.load_model(graphs / f"{stage}.bin")
    extractor = net.create_extractor()
    extractor.input("data", ncnn_in_numpy.Mat(pixels.transpose(2, 0, 1)))
    names = ("prob", "reg", "landmarks")[: 1 + len(others)]
    found = [np.asarray(extractor.extract(name)[1]) for name in names]
    powers = np.exp(logits[0])
    wanted = [powers / powers.sum(axis=-1, keepdims=True), *(out[0] for out in others)]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(np.moveaxis(one, 0, -1), other, atol=1e-5)


def test_its_cascade_finds_the_face_and_says_how_many_windows(graphs, tmp_path, monkeypatch):
    shutil.copy(ncnn_in_numpy.__file__, tmp_path / "ncnn.py")
    (tmp_path / "cv2.py").write_text(CV2)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (peer,), skipped = peers.start_peers(["ncnn"], {}, graphs=str(graphs))
    assert skipped == []
    image = mj.read_image(ROOT / "docs/astronaut.jpg")[:260, 90:380]
    assert peer.prepare(image[None], 60) == 1
    assert peer.windows[0] > peer.windows[1] >= 1
    assert peer.run() > 0
    assert peer.prepare(np.zeros((1, 40, 40, 3), np.uint8), 60) == 0
    assert peer.windows == [0, 0]
    peer.close()
