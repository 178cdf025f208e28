"""Boxes against hand-computed values and a scalar oracle."""

import jax
import numpy as np
import pytest

from mtcnn_jax.cascade import boxes


def overlap(a, b, *, smaller=False):
    """IoU of two boxes, in plain Python."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    areas = [max(box[2] - box[0], 0) * max(box[3] - box[1], 0) for box in (a, b)]
    whole = min(areas) if smaller else sum(areas) - both
    return both / whole if whole > 0 else 0.0


def random_boxes(rng, count):
    corners = rng.uniform(0, 50, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(1, 40, (count, 2))], 1).astype("f4")


@pytest.mark.parametrize("mode", ["union", "min"])
def test_iou_equals_a_scalar_oracle(mode):
    rng = np.random.default_rng(1)
    a, b = random_boxes(rng, 30), random_boxes(rng, 20)
    wanted = [[overlap(x, y, smaller=mode == "min") for y in b] for x in a]
    np.testing.assert_allclose(boxes.iou(a, b, mode=mode), wanted, atol=1e-6)


def test_iou_under_jit_and_vmap_equals_plain():
    rng = np.random.default_rng(2)
    a, b = (np.stack([random_boxes(rng, count) for _ in range(3)]) for count in (9, 5))
    with jax.disable_jit():
        plain = np.stack([boxes.iou(*pair) for pair in zip(a, b, strict=True)])
    np.testing.assert_allclose(jax.jit(boxes.iou)(a[0], b[0]), plain[0], atol=1e-6)
    np.testing.assert_allclose(jax.vmap(boxes.iou)(a, b), plain, atol=1e-6)
    np.testing.assert_allclose(plain[1], np.transpose(boxes.iou(b[1], a[1])), atol=1e-6)


def test_iou_by_hand():
    a = np.array([[0, 0, 2, 2], [5, 5, 5, 5], [0, 0, 1, 1]], np.float32)
    b = np.array([[1, 0, 3, 2], [5, 5, 5, 5]], np.float32)
    np.testing.assert_allclose(boxes.iou(a, b), [[1 / 3, 0], [0, 0], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(boxes.iou(a, b, mode="min")[0, 0], 0.5)


def test_iou_rejects_an_unknown_mode():
    with pytest.raises(ValueError, match="'union' and 'min'"):
        boxes.iou(np.zeros((1, 4)), np.zeros((1, 4)), mode="max")


def test_no_square_overlaps_a_box_more_than_the_best_one():
    found = random_boxes(np.random.default_rng(4), 12)
    for box, best in zip(found, boxes.best_square_iou(found), strict=True):
        width, height = box[2:] - box[:2]
        tried = []
        for side in np.linspace(min(width, height), max(width, height), 201):
            for shift in np.linspace(-0.3, 0.3, 7):
                middle = (box[:2] + box[2:]) / 2 + shift * side
                tried.append(overlap([*middle - side / 2, *middle + side / 2], box))
        assert max(tried) == pytest.approx(float(best), abs=1e-4)
    assert float(boxes.best_square_iou(np.array([3.0, 2, 5, 4]))) == 1


def test_to_square_keeps_the_centre_and_the_longer_side():
    found = boxes.to_square(np.array([[0, 10, 4, 20], [2, 2, 6, 4]], np.float32))
    np.testing.assert_allclose(found, [[-3, 10, 7, 20], [2, 1, 6, 5]])


def test_offsets_by_hand_and_back():
    windows = np.array([[10, 20, 30, 60]], np.float32)
    faces = np.array([[12, 18, 28, 64]], np.float32)
    offsets = boxes.encode_offsets(windows, faces)
    np.testing.assert_allclose(offsets, [[0.1, -0.05, -0.1, 0.1]], atol=1e-6)
    np.testing.assert_allclose(boxes.decode_offsets(windows, offsets), faces, atol=1e-5)


def test_decode_landmarks_takes_all_x_before_all_y():
    numbers = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]], np.float32)
    found = boxes.decode_landmarks(np.array([[10, 0, 20, 100]], np.float32), numbers)
    np.testing.assert_allclose(
        found, [[[11, 60], [12, 70], [13, 80], [14, 90], [15, 100]]], atol=1e-5
    )


def test_clip_boxes_to_height_and_width():
    found = boxes.clip_boxes(np.array([[-5, -1, 70, 30]], np.float32), np.array([20, 60]))
    np.testing.assert_allclose(found, [[0, 0, 60, 20]])
