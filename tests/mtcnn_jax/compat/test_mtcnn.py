"""Dictionaries and arrays are of the form that the package mtcnn 1.0.0 gives."""

import json

import numpy as np
import pytest

from mtcnn_jax.compat import mtcnn
from mtcnn_jax.compat.mtcnn import MTCNN
from mtcnn_jax.faces import Faces

POINTS = np.array([[12.4, 13.6], [18.6, 13.4], [15.0, 16.0], [13.0, 19.0], [-3.0, 60.0]], "f")
FACE = Faces(np.array([[10.4, 9.6, 20.6, 24.4]], "f"), np.array([0.75], "f"), POINTS[None])
NOBODY = Faces(np.zeros((0, 4), "f"), np.zeros(0, "f"), np.zeros((0, 5, 2), "f"))
SQUARES = np.array([[-4.0, -2.0, 30.0, 32.0, 0.875]], "f")


@pytest.fixture
def asked(monkeypatch):
    """Configs that detection was asked with; it finds one face where the first pixel is 1."""
    configs = []

    def detect(params, picture, config):
        configs.append(config)
        return FACE if picture[0, 0, 0] == 1 else NOBODY

    def detect_batch(params, pictures, config):
        return [detect(params, picture, config) for picture in pictures]

    def detect_stages(params, pictures, config, until):
        assert until == "rnet"
        return [{"pnet": SQUARES, "rnet": SQUARES} for _ in pictures]

    monkeypatch.setattr(mtcnn, "detect", detect)
    monkeypatch.setattr(
        mtcnn,
        "detect_batch",
        lambda params, all_, config: [detect(params, p, config) for p in all_],
    )
    monkeypatch.setattr(mtcnn, "detect_stages", detect_stages)
    return configs


def picture(number):
    return np.full((40, 28, 3), number, np.uint8)


def test_a_face_is_a_dictionary_of_plain_numbers(asked):
    (face,) = MTCNN().detect_faces(picture(1))
    # Points less half a pixel, to the nearest whole number.
    assert face == {
        "box": [10, 10, 10, 15],
        "confidence": 0.75,
        "keypoints": {
            "left_eye": [12, 13],
            "right_eye": [18, 13],
            "nose": [14, 16],
            "mouth_left": [12, 18],
            "mouth_right": [-4, 60],
        },
    }
    assert json.loads(json.dumps(face)) == face
    assert MTCNN().predict(picture(1)) == [face]


def test_lists_give_lists(asked):
    one = MTCNN().detect_faces(picture(1))
    assert MTCNN().detect_faces([picture(1), picture(0)]) == [one, []]
    assert MTCNN().detect_faces([picture(1)]) == [one]
    assert MTCNN().detect_faces(picture(0)) == []
    assert MTCNN().detect_faces([]) == []


def test_other_forms(asked):
    (face,) = MTCNN().detect_faces(picture(1), box_format="xyxy", limit_boundaries_landmarks=True)
    assert face["box"] == [10, 10, 21, 24]
    assert face["keypoints"]["mouth_right"] == [0, 39]
    rows = MTCNN().detect_faces([picture(0), picture(1)], output_type="numpy")
    wanted = [1, 10.4, 9.6, 10.2, 14.8, 0.75, *(POINTS[:, 0] - 0.5), *(POINTS[:, 1] - 0.5)]
    np.testing.assert_allclose(rows, [wanted], rtol=1e-6)
    assert rows.dtype == np.float64
    assert MTCNN().detect_faces(picture(0), output_type="numpy").shape == (0, 16)
    assert MTCNN().detect_faces([], output_type="numpy").shape == (0, 16)


def test_without_landmarks_the_squares_of_r_net(asked):
    detector = MTCNN("face_detection_only")
    (face,) = detector.detect_faces(picture(1))
    assert face == {"box": [0, 0, 28, 32], "confidence": 0.875}
    (face,) = detector.detect_faces(picture(1), fit_to_image=False)
    assert face["box"] == [-4, -2, 34, 34]
    rows = detector.detect_faces([picture(1)] * 2, output_type="numpy", box_format="xyxy")
    np.testing.assert_allclose(rows, [[n, 0, 0, 28, 32, 0.875] for n in (0, 1)])


def test_what_cannot_be_done_is_told(asked):
    for argument in ("fit_to_image", "postprocess"):
        with pytest.warns(UserWarning, match="are clipped to the picture here"):
            assert len(MTCNN().detect_faces(picture(1), **{argument: False})) == 1


def test_settings_of_both_versions_reach_detection(asked):
    MTCNN().detect_faces(picture(0))
    old = MTCNN(min_face_size=40, steps_threshold=[0.5, 0.6, 0.7], scale_factor=0.8)
    old.detect_faces(picture(0))
    old.min_face_size = 50
    old.detect_faces(picture(0), threshold_rnet=0.9, nms_pnet1=0.4, nms_onet=0.3)
    MTCNN(steps_threshold=None).detect_faces(
        picture(0), min_face_size=30, scale_factor=0.5, batch_stack_justification="topleft"
    )
    first, second, third, fourth = asked
    assert first.thresholds == fourth.thresholds == (0.6, 0.7, 0.8)
    assert (first.min_face_size, second.min_face_size, third.min_face_size) == (20, 40, 50)
    assert second.thresholds == (0.5, 0.6, 0.7) and second.scale_factor == 0.8
    assert third.thresholds == (0.5, 0.9, 0.7)
    assert third.nms_thresholds == (0.4, 0.7, 0.7, 0.3)
    assert (fourth.min_face_size, fourth.scale_factor) == (30, 0.5)


@pytest.mark.parametrize(
    "arguments, told",
    [
        ({"stages": ["StagePNet"]}, r"stages is \['StagePNet'\]; accepted: 'face_and_landmarks"),
        ({"device": "NPU:0"}, "device is 'NPU:0'; accepted"),
        ({"steps_threshold": [0.6]}, "thresholds is"),
        ({"min_face_size": 3}, "min_face_size is 3"),
    ],
)
def test_the_constructor_is_checked(arguments, told):
    with pytest.raises(ValueError, match=told):
        MTCNN(**arguments)


@pytest.mark.parametrize(
    "arguments, told",
    [
        ({"box_format": "yxyx"}, "box_format is 'yxyx'; accepted: 'xywh', 'xyxy'"),
        ({"output_type": "dict"}, "output_type is 'dict'; accepted: 'json', 'numpy'"),
        ({"batch_stack_justification": "middle"}, "batch_stack_justification is 'middle'"),
        ({"min_size": 24}, "min_size is 24; accepted: 12"),
        ({"threshold_pnet": 2}, "thresholds is"),
        ({"threshold": 0.5}, "unexpected keyword argument 'threshold'"),
    ],
)
def test_calls_are_checked(asked, arguments, told):
    with pytest.raises((ValueError, TypeError), match=told):
        MTCNN().detect_faces(picture(0), **arguments)


def test_a_photo_has_the_face_that_the_package_finds(params, astronaut):
    (face,) = MTCNN(weights_file=params).detect_faces(astronaut)
    # Of mtcnn 1.0.0, with the same weights.
    np.testing.assert_allclose(face["box"], [182, 64, 83, 107], atol=0.07 * 83)
    np.testing.assert_allclose(face["keypoints"]["nose"], [224, 126], atol=0.04 * 83)
    np.testing.assert_allclose(face["keypoints"]["right_eye"], [245, 102], atol=0.04 * 83)


def test_the_bundled_weights_alone_are_looked_with_as_they_are_made_for(asked, params):
    for weights in (None, params):
        MTCNN(weights_file=weights).detect_faces(picture(1))
    looks = [(config.second_look, config.size_prior) for config in asked]
    assert looks == [(True, 0.25), (False, 0)]
