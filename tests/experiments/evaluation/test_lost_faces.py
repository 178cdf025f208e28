import numpy as np
import pytest

import mtcnn_jax as mj
from data.records import Picture
from experiments.evaluation import lost_faces

FACE = np.array([10, 10, 30, 30], np.float32)
ON, OFF = [[10, 10, 30, 28, 0.9]], [[50, 50, 70, 70, 0.9]]


def windows(pnet, rnet, onet):
    """For each stage, sorted by key as jit returns them."""
    found = {"onet": onet, "pnet": pnet, "rnet": rnet}
    return {stage: np.array(rows, np.float32).reshape(-1, 5) for stage, rows in found.items()}


@pytest.mark.parametrize(
    ("left", "loose", "expected"),
    [
        ((OFF, [], []), {"pnet": OFF}, "pnet"),
        ((OFF, [], []), {"pnet": OFF + ON}, "nms"),
        ((ON, OFF, []), {"rnet": OFF}, "rnet"),
        ((ON, OFF, []), {"rnet": ON}, "nms"),
        ((ON, ON, []), {"onet": OFF}, "onet"),
        ((ON, ON, []), {"onet": ON}, "nms"),
        ((ON, ON, ON), {}, "nms"),
    ],
)
def test_reasons(monkeypatch, left, loose, expected):
    off = {(1, 1, 0.6, 0.7): "pnet", (0.5, 0.7, 1, 0.7): "rnet", (0.5, 0.7, 0.6, 1): "onet"}

    def detect_stages(params, images, config, *, until):
        assert images == [b"encoded"]
        stage = off.get(config.nms_thresholds)
        assert (config.voting, config.second_look) == ((0.7, True) if stage is None else (1, False))
        assert until == ("pnet" if stage == "pnet" else "onet")
        found = windows(*left)
        if stage is not None:
            found[stage] = np.array(loose[stage], np.float32)
        return [{name: found[name] for name in found if until == "onet" or name == "pnet"}]

    monkeypatch.setattr(mj, "detect_stages", detect_stages)
    boxes = np.stack([FACE + 100, FACE])
    picture = Picture("a.jpg", b"encoded", boxes, np.zeros(2, bool), np.zeros((2, 5, 2)), True)
    none = picture._replace(name="b.jpg", encoded=b"not looked at")
    missed = [np.array([1]), np.array([], int)]
    found = lost_faces.reasons({}, [picture, none], missed, mj.DetectConfig())
    assert found == [[expected], []]


def test_count():
    assert lost_faces.count([["onet", "nms"], [], ["onet"]]) == {
        "pnet": 0,
        "rnet": 0,
        "onet": 2,
        "nms": 1,
    }
