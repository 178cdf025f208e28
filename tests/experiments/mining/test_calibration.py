import warnings

import numpy as np
import pytest

from experiments.mining import calibration
from experiments.mining.calibration import log_odds, operating_point, shift_bias


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=-1, keepdims=True)


def test_shifting_the_bias_moves_the_log_odds_of_every_score_alike():
    rng = np.random.default_rng(0)
    kernel, x = rng.normal(size=(8, 2)), rng.normal(size=(5, 8))
    params = {"prob": {"kernel": kernel, "bias": np.array([0.3, -0.1])}, "reg": {"bias": 1}}
    moved = shift_bias(params, 1.5)
    before = softmax(x @ kernel + params["prob"]["bias"])[:, 1]
    after = softmax(x @ kernel + moved["prob"]["bias"])[:, 1]
    np.testing.assert_allclose(np.log(after / (1 - after)) - np.log(before / (1 - before)), 1.5)
    assert moved["reg"] is params["reg"]
    np.testing.assert_array_equal(params["prob"]["bias"], [0.3, -0.1])


def test_log_odds_by_hand():
    assert log_odds(0.5) == pytest.approx(0)
    assert log_odds(0.8) == pytest.approx(np.log(4))


def test_the_operating_point_is_exceeded_by_the_target_on_average():
    scores = [np.array([0.9, 0.5, 0.3]), np.array([0.8, 0.7]), np.zeros(0)]
    # Four windows over three pictures are above 0.3.
    point = operating_point(scores, 4 / 3)
    assert point == 0.3
    assert sum((one > point).sum() for one in scores) == 4


def test_a_target_above_all_there_is_has_no_operating_point():
    assert operating_point([np.array([0.9, 0.5])], 5) is None


@pytest.mark.parametrize(("stage", "usual"), [("pnet", 0.6), ("rnet", 0.7), ("onet", 0.7)])
@pytest.mark.parametrize("target", [20, 48, 60])
def test_calibrated_stages_pass_on_the_target(monkeypatch, stage, usual, target):
    raw = np.random.default_rng(1).normal(size=(6, 50))  # Log-odds of windows before the shift.
    looked = []

    def scores_of(params):
        bias = params[stage]["prob"]["bias"]
        return 1 / (1 + np.exp(-(raw + bias[1] - bias[0])))

    def stages(params, images, config, *, until, told):
        assert f"calibrating {stage} from" in told
        assert until == stage and len(images) == 6
        index = ("pnet", "rnet", "onet").index(stage)
        others = [score for row, score in enumerate(config.thresholds) if row != index]
        assert others == {"pnet": [0.7, 0.7], "rnet": [0.6, 0.7], "onet": [0.6, 0.7]}[stage]
        looked.append(config.thresholds[index])
        # Its advice is not for who calibrates, so that it is not to come through.
        warnings.warn(
            "(9, 0, 0) windows of a picture went over the capacities (1, 1, 1)", stacklevel=1
        )
        return [{stage: np.stack([row] * 5, axis=1)[row > looked[-1]]} for row in scores_of(params)]

    told = []
    monkeypatch.setattr(calibration, "stages_by_bucket", stages)
    monkeypatch.setattr(calibration.logging, "warning", lambda text, *a: told.append(text % a))
    params = {stage: {"prob": {"bias": np.zeros(2)}}}
    moved = calibration.calibrate(stage, params, list(raw), target=target)
    passed = (scores_of(moved) > usual).sum()
    # The window at the very point may come out on either side of it.
    assert abs(passed - min(target, 50) * len(raw)) <= 1
    assert looked == {20: [0.3], 48: [0.3, 0.1], 60: [0.3, 0.1, 0.02]}[target]
    few = f"{stage} leaves fewer than 60 windows a picture above a score of 0.02, which is taken"
    assert told == [few] * (target == 60)
