"""Operations counted by hand, and the stages of one picture."""

import numpy as np
import pytest

from experiments.speed.stages import operations, time_stages
from mtcnn_jax import DetectConfig, load_params
from tests.experiments.speed.test_scenes import photo, scene  # noqa: F401


def test_operations_are_those_of_the_layers():
    pnet = 10 * 10 * 27 * 10 + 3 * 3 * 90 * 16 + 144 * 32 + 32 * 6
    rnet = 22 * 22 * 27 * 28 + 9 * 9 * 252 * 48 + 3 * 3 * 192 * 64 + 576 * 128 + 128 * 6
    onet = 46 * 46 * 27 * 32 + 21 * 21 * 288 * 64 + 8 * 8 * 576 * 64 + 3 * 3 * 256 * 128
    onet += 1152 * 256 + 256 * 16
    assert operations("pnet", (12, 12)) == 2 * pnet
    assert operations("rnet", (24, 24)) == 2 * rnet
    assert operations("onet", (48, 48)) == 2 * onet


def test_each_stage_is_timed_with_its_windows(photo):  # noqa: F811
    picture = scene(photo, (150, 150), 2)
    found = time_stages(load_params(), picture, DetectConfig(min_face_size=40), runs=1)
    names = {"pyramid", "P-Net", "selection", "R-Net crops", "R-Net", "O-Net crops", "O-Net"}
    assert names | {"whole", "detect", "matrix product", "copy"} == set(found)
    for stage in found.values():
        assert 0 < stage.times.least <= stage.times.median
    assert found["R-Net"].windows >= found["O-Net"].windows >= 2
    rate = found["matrix product"].times.least / (2 * 2048**3)
    known = found["O-Net"].windows * operations("onet", (48, 48)) * rate
    assert found["O-Net"].floor == pytest.approx(known)


def test_a_picture_without_windows_has_no_such_stages():
    blank = np.zeros((150, 150, 3), np.uint8)
    found = time_stages(load_params(), blank, DetectConfig(min_face_size=40), runs=1)
    assert "R-Net" not in found
    assert found["selection"].windows == 0
