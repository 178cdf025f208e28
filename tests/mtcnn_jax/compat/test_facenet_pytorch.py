"""Shapes, types and values are those that facenet-pytorch 2.6.0 gives for the same faces."""

import sys
import types

import numpy as np
import pytest
from PIL import Image

from mtcnn_jax.compat import facenet_pytorch
from mtcnn_jax.compat.facenet_pytorch import MTCNN
from mtcnn_jax.faces import Faces

SMALL = [10.0, 10, 20, 20]
LARGE = [30.0, 20, 60, 60]
NOBODY = Faces(np.zeros((0, 4), "f"), np.zeros(0, "f"), np.zeros((0, 5, 2), "f"))


def faces_of(*boxes):
    """Faces of scores 0.99, 0.98 and so on, with all points at their centres."""
    boxes = np.array(boxes, np.float32)
    scores = np.float32(0.99) - np.arange(len(boxes), dtype=np.float32) / 100
    centres = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    return Faces(boxes, scores, np.repeat(centres, 5, axis=1))


@pytest.fixture
def found(monkeypatch):
    """What detection finds, by the brightness of a picture's first pixel."""
    answers = {0: NOBODY, 1: faces_of(SMALL, LARGE), 2: faces_of(SMALL)}
    configs = []

    def detect(params, picture, config):
        configs.append(config)
        return answers[int(picture[0, 0, 0])]

    def detect_batch(params, pictures, config):
        return [detect(params, picture, config) for picture in pictures]

    monkeypatch.setattr(facenet_pytorch, "detect", detect)
    monkeypatch.setattr(facenet_pytorch, "detect_batch", detect_batch)
    monkeypatch.setitem(sys.modules, "torch", None)
    return configs


def picture(number, size=(100, 80)):
    """A picture of random pixels, the first of which names it."""
    pixels = np.random.default_rng(number).integers(0, 256, (*size[::-1], 3), np.uint8)
    pixels[0, 0] = number
    return Image.fromarray(pixels)


def test_faces_are_told_in_its_coordinates_the_largest_first(found):
    boxes, probs, points = MTCNN().detect(picture(1), landmarks=True)
    assert (boxes.dtype, probs.dtype, points.dtype) == (object, object, object)
    np.testing.assert_allclose(
        boxes.astype(float), [[31.5, 21.5, 60.5, 60.5], [11.5, 11.5, 20.5, 20.5]]
    )
    np.testing.assert_allclose(probs.astype(float), [0.98, 0.99])
    np.testing.assert_allclose(points.astype(float)[:, 4], [[45.5, 40.5], [15.5, 15.5]])
    boxes, probs = MTCNN(select_largest=False).detect(picture(1))
    np.testing.assert_allclose(probs.astype(float), [0.99, 0.98])


def test_nothing_is_none(found):
    boxes, probs, points = MTCNN().detect(picture(0), landmarks=True)
    assert boxes is None and points is None and probs.tolist() == [None]
    assert MTCNN()(picture(0), return_prob=True) == (None, None)
    faces, probs = MTCNN(keep_all=True)(picture(0), return_prob=True)
    assert faces is None and probs.tolist() == [None]


@pytest.mark.parametrize(
    "numbers, shapes",
    [
        ((1, 1), [(2, 2, 4), (2, 2), (2, 2, 5, 2)]),
        ((1, 2), [(2,), (2,), (2,)]),
        ((1, 0), [(2,), (2,), (2,)]),
        ((0, 0), [(2,), (2, 1), (2,)]),
        ((2, 0), [(2,), (2, 1), (2,)]),
    ],
)
def test_batches_are_arrays_of_objects(found, numbers, shapes):
    batch = [picture(number, (90 + number, 80)) for number in numbers]
    told = MTCNN().detect(batch, landmarks=True)
    assert [part.shape for part in told] == shapes
    assert all(part.dtype == object for part in told)
    counts = [0 if boxes is None else len(boxes) for boxes in told[0]]
    assert counts == [(0, 2, 1)[number] for number in numbers]


def test_a_batch_may_be_one_array(found):
    stack = np.stack([np.asarray(picture(number)) for number in (1, 0)])
    faces, probs = MTCNN()(stack, return_prob=True)
    assert [face is None for face in faces] == [False, True]
    assert probs.shape == (2, 1)
    assert MTCNN()(stack[:1])[0].shape == (3, 160, 160)


def test_crops_are_pillows_normalised_channels_first(found):
    image = picture(1)
    face = MTCNN(image_size=48)(image)
    assert face.dtype == np.float32 and face.shape == (3, 48, 48)
    # int(31.5), int(21.5), int(60.5), int(60.5).
    wanted = image.crop((31, 21, 60, 60)).resize((48, 48), Image.Resampling.BILINEAR)
    wanted = np.asarray(wanted, np.float32).transpose(2, 0, 1)
    np.testing.assert_array_equal(face, (wanted - 127.5) / 128)
    raw = MTCNN(image_size=48, post_process=False)(image)
    np.testing.assert_array_equal(raw, wanted)
    all_of_them, probs = MTCNN(image_size=48, keep_all=True)(image, return_prob=True)
    assert all_of_them.shape == (2, 3, 48, 48) and probs.shape == (2,)
    np.testing.assert_array_equal(all_of_them[0], face)


def test_the_margin_is_in_pixels_of_the_crop(found):
    image = picture(1)
    # 10 of 50 pixels are the margin, so the box of 29 x 39 is 40 pixels: a quarter of it, half on
    # each side: 3.625 across and 4.875 down.
    face = MTCNN(image_size=50, margin=10, post_process=False)(image)
    box = (int(31.5 - 3.625), int(21.5 - 4.875), int(60.5 + 3.625), int(60.5 + 4.875))
    wanted = image.crop(box).resize((50, 50), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(face, np.asarray(wanted, np.float32).transpose(2, 0, 1))


def test_crops_are_saved_in_their_own_colours(found, tmp_path):
    path = tmp_path / "new" / "face.png"
    mtcnn = MTCNN(image_size=32, keep_all=True, post_process=False)
    faces = mtcnn(picture(1), save_path=str(path))
    assert sorted(p.name for p in path.parent.iterdir()) == ["face.png", "face_2.png"]
    for file, face in zip(("face.png", "face_2.png"), faces, strict=True):
        with Image.open(path.parent / file) as saved:
            np.testing.assert_array_equal(np.asarray(saved).transpose(2, 0, 1), face)
    mtcnn([picture(2), picture(0)], save_path=[tmp_path / "a.png", tmp_path / "b.png"])
    assert (tmp_path / "a.png").exists() and not (tmp_path / "b.png").exists()
    with pytest.raises(ValueError, match="2 pictures, 2 items of boxes and 1 paths"):
        mtcnn([picture(2), picture(0)], save_path="a.png")


@pytest.mark.parametrize(
    "method, options, wanted",
    [
        ("probability", {}, 0.99),
        ("largest", {}, 0.98),
        ("largest_over_threshold", {"threshold": 0.985}, 0.99),
        ("largest_over_threshold", {"threshold": 0.995}, None),
        # From the centre (50, 40): the small one 33.9 and 23.9 away, the large one 4 and 1.
        ("center_weighted_size", {}, 0.98),
        ("center_weighted_size", {"center_weight": -10.0}, 0.99),
    ],
)
def test_one_face_is_selected(found, method, options, wanted):
    mtcnn = MTCNN()
    told = mtcnn.detect(picture(1), landmarks=True)
    box, prob, point = mtcnn.select_boxes(*told, picture(1), method=method, **options)
    if wanted is None:
        assert box is None and prob is None and point is None
    else:
        assert prob == pytest.approx(wanted)
        assert box.shape == (1, 4) and point.shape == (1, 5, 2)


def test_arrays_become_tensors_where_torch_is(found, monkeypatch):
    torch = types.SimpleNamespace(from_numpy=lambda array: ("tensor", array))
    monkeypatch.setitem(sys.modules, "torch", torch)
    kind, face = MTCNN(image_size=20)(picture(1))
    assert kind == "tensor" and face.shape == (3, 20, 20) and face.flags.c_contiguous


def test_settings_reach_detection_and_may_be_set_anew(found):
    mtcnn = MTCNN(min_face_size=40, thresholds=[0.5, 0.6, 0.9], factor=0.8)
    mtcnn.detect(picture(0))
    mtcnn.min_face_size = 60
    mtcnn.detect(picture(0))
    first, second = found
    assert (first.min_face_size, second.min_face_size) == (40, 60)
    assert first.thresholds == (0.5, 0.6, 0.9) and first.scale_factor == 0.8
    assert mtcnn.eval().to("cpu") is mtcnn


def test_extract_face_is_one_box(found):
    face = facenet_pytorch.extract_face(picture(1), [0, 0, 10, 10], image_size=10)
    wanted = np.asarray(picture(1).crop((0, 0, 10, 10)), np.float32).transpose(2, 0, 1)
    np.testing.assert_array_equal(face, wanted)
    normalised = facenet_pytorch.fixed_image_standardization(face)
    np.testing.assert_array_equal(normalised, (wanted - 127.5) / 128)


@pytest.mark.parametrize(
    "arguments, told",
    [
        ({"image_size": 0}, "image_size is 0; accepted are whole numbers from 1 up"),
        ({"margin": 160}, "margin is 160; accepted are pixels from 0 to below image_size"),
        ({"min_face_size": 8}, "min_face_size is 8"),
        ({"thresholds": [0.6, 0.7]}, "thresholds is"),
        ({"factor": 1.0}, "scale_factor is 1.0"),
        ({"selection_method": "nearest"}, "selection method is 'nearest'; accepted are"),
        ({"device": "cuda:7"}, "device is 'cuda:7'"),
        ({"weights": 3}, "int"),
    ],
)
def test_arguments_are_checked(arguments, told):
    with pytest.raises((ValueError, TypeError), match=told):
        MTCNN(**arguments)


def test_a_box_beside_the_picture_is_told(found):
    with pytest.raises(ValueError, match="holds no pixel of the picture of 100 x 80"):
        MTCNN().extract(picture(1), [[200, 10, 220, 30]])


def test_a_photo_has_the_face_that_the_package_finds(params, astronaut):
    boxes, probs, points = MTCNN(weights=params).detect(astronaut, landmarks=True)
    # Of facenet-pytorch 2.6.0, with the same weights.
    np.testing.assert_allclose(
        boxes.astype(float), [[181.05, 62.16, 267.75, 172.05]], atol=0.04 * 87
    )
    assert probs[0] == pytest.approx(0.99999, abs=0.001)
    wanted = [[205.01, 101.73], [246.76, 103.71], [224.67, 128.96], [201.72, 139.25]]
    np.testing.assert_allclose(points[0, :4].astype(float), wanted, atol=0.04 * 87)


def test_windows_are_suppressed_as_in_the_package_whatever_the_default_here(found):
    MTCNN().detect(picture(1))
    assert [config.nms_thresholds for config in found] == [(0.5, 0.7, 0.7, 0.7)]


def test_the_bundled_weights_alone_are_looked_with_as_they_are_made_for(found, params):
    for weights in (None, params):
        MTCNN(weights=weights).detect(picture(1))
    looks = [(config.second_look, config.size_prior) for config in found]
    assert looks == [(True, 0.25), (False, 0)]
