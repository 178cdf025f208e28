"""What a network finds on given windows, with the cascade and the networks as stubs."""

import io

import numpy as np
import pytest
from PIL import Image

from experiments.studies.arms import detections
from experiments.studies.arms.detections import Outputs, detect
from tests.experiments.test_evaluate import picture

SIZE = (90, 120)


def outputs(windows, scores, offsets=None):
    windows = np.array(windows, np.float32).reshape(-1, 4)
    offsets = np.zeros((len(windows), 4)) if offsets is None else offsets
    return Outputs(windows, SIZE, np.array(scores, np.float32), np.array(offsets, np.float32))


def plain_pictures(count):
    found = []
    for number in range(count):
        file = io.BytesIO()
        Image.new("RGB", SIZE[::-1], (number, 0, 0)).save(file, "PNG")
        found.append(
            picture(f"e/{number}.png", [[10, 10, 40, 40]])._replace(encoded=file.getvalue())
        )
    return found


class TestDetect:
    def test_boxes_move_are_clipped_and_come_by_score(self):
        windows = [[80, 50, 120, 90], [0, 0, 20, 20], [40, 0, 60, 20]]
        offsets = [[0.5, 0, 0.5, 0.25], [-0.5, 0.1, 0, 0], [0, 0, 0, 0]]
        found = detect("onet", outputs(windows, [0.4, 0.9, 0.04], offsets))
        np.testing.assert_allclose(found.scores, [0.9, 0.4])
        np.testing.assert_allclose(found.boxes, [[0, 2, 20, 20], [100, 50, 120, 90]], atol=1e-5)

    def test_rnets_windows_suppress_each_other_as_they_came(self):
        windows, apart = [[0, 0, 40, 40], [2, 0, 42, 40]], [[0, 0, 0, 0], [1, 0, 1, 0]]
        assert len(detect("rnet", outputs(windows, [0.8, 0.9], apart)).boxes) == 1
        assert len(detect("onet", outputs(windows, [0.8, 0.9], apart)).boxes) == 2

    def test_onets_boxes_suppress_each_other_over_the_smaller_one(self):
        windows = [[0, 0, 80, 80], [10, 10, 40, 40]]
        assert len(detect("onet", outputs(windows, [0.8, 0.9])).boxes) == 1
        assert len(detect("rnet", outputs(windows, [0.8, 0.9])).boxes) == 2

    @pytest.mark.parametrize("stage", ["rnet", "onet"])
    def test_nothing(self, stage):
        assert detect(stage, outputs([], [])).boxes.shape == (0, 4)


def test_all_networks_look_at_the_same_windows(monkeypatch):
    pictures = plain_pictures(5)
    monkeypatch.setattr(detections, "TOGETHER", 2)

    def propose(params, images, config, *, until):
        assert (params, until) == ("before", "rnet")
        # As many windows as the picture's colour says.
        return [{"rnet": np.tile([5.0, 5, 29, 29, 0.9], (image[0, 0, 0], 1))} for image in images]

    def infer(recipe, params, patches):
        assert recipe.stage == "onet" and patches.shape[1:] == (64, 64, 3)
        colours = patches[:, 32, 32, 0].astype(np.float32)
        return params["onet"] * colours, np.repeat(colours[:, None], 4, axis=1), None

    monkeypatch.setattr(detections, "stages_by_bucket", propose)
    monkeypatch.setattr(detections, "infer", infer)
    found = detections.look_at_windows("onet", {"a": 1.0, "b": 0.1}, "before", pictures)
    for factor, name in ((1.0, "a"), (0.1, "b")):
        assert len(found[name]) == 5
        for number, one in enumerate(found[name]):
            assert one.size == SIZE and len(one.windows) == number
            np.testing.assert_allclose(one.scores, [number * factor] * number, rtol=1e-6)
            np.testing.assert_allclose(one.offsets, np.full((number, 4), number))


def test_pnet_alone(monkeypatch):
    def propose(params, images, config, *, until):
        assert until == "pnet" and config.thresholds[0] == detections.LOWEST
        rows = [[-5, 0, 15, 20, 0.3], [100, 80, 130, 110, 0.8]]
        return [{"pnet": np.array(rows, np.float32)} for _ in images]

    monkeypatch.setattr(detections, "stages_by_bucket", propose)
    (one,) = detections.detect_by_pnet({}, plain_pictures(1))
    np.testing.assert_allclose(one.scores, [0.8, 0.3])
    np.testing.assert_allclose(one.boxes, [[100, 80, 120, 90], [0, 0, 15, 20]])
