"""The cascade as a pure function: parity with a port, and the geometry it has to keep."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from mtcnn_jax import DetectConfig, detect_padded
from mtcnn_jax.cascade import crops, stages
from mtcnn_jax.networks.forward import forward
from tests.mtcnn_jax.cascade.test_boxes import overlap
from tests.mtcnn_jax.cascade.test_nms import greedy

CONFIG = DetectConfig(capacities=(1024, 512, 64))
ONCE = dataclasses.replace(CONFIG, second_look=False)
ALONE = dataclasses.replace(ONCE, voting=1, size_prior=0)
"""The paper's: a face is its best window alone, whatever its size."""
WHOLE, PART = (
    (512, 640),
    (320, 320),
)  # Two canvases serve nearly all tests: compiling takes longest.
run = jax.jit(detect_padded)


def on_canvas(picture, shape, *, fill=0):
    canvas = np.full((*shape, 3), fill, np.uint8)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    return canvas


def faces(params, canvas, size=None, config=CONFIG):
    size = np.array(canvas.shape[:2] if size is None else size, np.int32)
    found = jax.device_get(run(params, canvas, size, config))
    assert not found.overflow.any()
    return [field[found.valid] for field in (found.boxes, found.scores, found.landmarks)]


def faces_in(params, picture, shape, config=CONFIG):
    return faces(params, on_canvas(picture, shape), picture.shape[:2], config)


@functools.partial(jax.jit, static_argnames="until")
def stages_of(params, canvas, size, until):
    return stages.run_stages(params, canvas, size, CONFIG, until=until)[0]


def cutter(picture, side):
    """From windows in a picture to crops."""
    size = np.array(picture.shape[:2])
    pixels, shapes = crops.materialized_mips(picture, size, crops.mip_count(WHOLE, 24))
    return functools.partial(crops.crop_from, pixels, shapes, size, crop_size=side, normalized=True)


def odds_of(logits, sides, times):
    logits = np.asarray(logits, np.float64)
    prior = times * 0.25 * np.log2(np.clip(sides, 20, 80) / 20)
    return logits[:, 1] - logits[:, 0] + prior


def same(one, other, *, atol):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


def test_parity_with_a_port(shared, params):
    """facenet-pytorch 2.6.0 with the same weights, on photos of one large and five small faces.

    Its boxes lie up to 1.5 pixels to the right of where its crops were and down: with its own
    windows and outputs, decoded from where the crops were, the mean overlap would be 0.897.
    """
    # The bounds are of windows of which those that overlap by just a half were suppressed.
    config = dataclasses.replace(ALONE, nms_thresholds=(0.4999, *CONFIG.nms_thresholds[1:]))
    matched = []
    for photo, count in (("astronaut", 1), ("vga_street", 5)):
        known = np.load(shared / f"reference/cascade/stages_{photo}.npz")
        boxes, scores, landmarks = faces_in(params, known["image_rgb_hwc_u8"], WHOLE, config)
        used = set()
        for box, score, points in zip(known["boxes"], known["probs"], known["points"], strict=True):
            found = [overlap(box, other) for other in boxes]
            best = int(np.argmax(found))
            error = np.linalg.norm(landmarks[best] - points, axis=-1) / (box[2] - box[0])
            matched.append((found[best], abs(scores[best] - score), error.mean()))
            used.add(best)
        assert len(used) == count == len(known["boxes"])
        assert (np.delete(scores, list(used)) <= 0.9).all()
    found, apart, error = np.array(matched).T
    assert found.min() >= 0.85 and found.mean() >= 0.895
    assert apart.max() <= 0.05
    assert error.mean() <= 0.03 and error.max() <= 0.06


def test_a_face_is_the_mean_of_the_windows_on_it(params, street):
    every = dataclasses.replace(ONCE, voting=1, nms_thresholds=(*CONFIG.nms_thresholds[:3], 1))
    windows, scores, points = faces_in(params, street, WHOLE, every)
    weights = -np.log1p(-scores.astype(np.float64))
    voters = []
    for box, score, landmarks in zip(*faces_in(params, street, WHOLE, ONCE), strict=True):
        (best,) = np.flatnonzero(scores == score)
        on = [overlap(windows[best], other) > CONFIG.voting for other in windows]
        voters.append(sum(on))
        for found, said in ((box, windows), (landmarks, points)):
            np.testing.assert_allclose(found, np.average(said[on], 0, weights[on]), atol=0.02)
    assert len(voters) == 5 and max(voters) > 2


def test_a_second_look_is_the_mean_with_four_more(params, street):
    """O-Net at the squares about the faces, as they are and turned over by NumPy, and again."""
    boxes, scores, points = (field.astype(np.float64) for field in faces_in(params, street, WHOLE))
    size, cut = np.array(street.shape[:2]), cutter(street, 48)
    left = stages_of(params, on_canvas(street, WHOLE), size, "rnet")["rnet"]
    found, five, _ = jax.jit(lambda left: stages.finish(params, cut, left, ONCE))(left)
    first = [np.asarray(field)[found.valid] for field in (found.boxes, found.scores, five)]
    assert 3 <= len(boxes) <= len(first[0])
    wanted = []
    for box, score, landmarks in zip(*first, strict=True):
        looks = [[np.log(score / (1 - score)), *box, *landmarks.ravel()]]
        for _ in range(2):
            box = np.mean(looks, axis=0)[1:5]
            half = (box[2:] - box[:2]).max() / 2
            low = (box[:2] + box[2:]) / 2 - half
            crop = np.array(cut(np.array([[*low, *(low + 2 * half)]], np.float32)))
            for turned, pixels in enumerate((crop, crop[:, :, ::-1])):
                heads = forward("onet", params["onet"], pixels, backend="reference")
                logits, (left, top, right, bottom), numbers = (np.array(head)[0] for head in heads)
                x, y = numbers[:5], numbers[5:]
                if turned:
                    left, right = -right, -left
                    x, y = 1 - x[[1, 0, 2, 4, 3]], y[[1, 0, 2, 4, 3]]
                sides = np.array([0, 0, 1, 1]) + [left, top, right, bottom]
                corners = np.tile(low, 2) + 2 * half * sides
                five = low + 2 * half * np.stack([x, y], axis=1)
                looks.append([*odds_of([logits], 2 * half, 3), *corners, *five.ravel()])
        wanted.append(np.mean(looks, axis=0))
    wanted = np.array(wanted)
    wanted[:, 0] = 1 / (1 + np.exp(-wanted[:, 0]))
    wanted = wanted[wanted[:, 0] > CONFIG.thresholds[2]]
    wanted = wanted[np.argsort(-wanted[:, 0])]
    np.testing.assert_allclose(scores, wanted[:, 0], atol=1e-4)
    limits = np.tile(size[::-1], 2)
    np.testing.assert_allclose(boxes, np.clip(wanted[:, 1:5], 0, limits), atol=0.01)
    np.testing.assert_allclose(points.reshape(-1, 10), wanted[:, 5:], atol=0.01)


def test_r_net_looks_twice_at_what_it_leaves(params, street):
    """Crops turned over by NumPy, suppression by a loop."""
    size, cut = np.array(street.shape[:2]), cutter(street, 24)
    left = stages_of(params, on_canvas(street, WHOLE), size, "rnet")
    squares = np.asarray(left["pnet"].boxes, np.float64)[left["pnet"].valid]
    sides = squares[:, 2] - squares[:, 0]
    look = functools.partial(forward, "rnet", params["rnet"], backend="reference")
    logits, offsets = look(cut(squares.astype(np.float32)))
    first = odds_of(logits, sides, 2)
    boxes = squares + np.asarray(offsets, np.float64) * sides[:, None]

    def left_of(scores, boxes, overlap):
        order = np.argsort(-scores)
        sure = scores[order] > np.log(CONFIG.thresholds[1] / (1 - CONFIG.thresholds[1]))
        return order[greedy(boxes[order], sure, overlap, np.zeros(len(order)))]

    rows = left_of(first, squares, CONFIG.nms_thresholds[2])
    boxes, first = boxes[rows], first[rows]
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    squares = np.concatenate([middle - half, middle + half], axis=1)
    crop = np.array(cut(squares.astype(np.float32)))
    again = [odds_of(look(c)[0], 2 * half[:, 0], 2) for c in (crop, crop[:, :, ::-1])]
    lower = np.minimum(first, np.mean([first, *again], axis=0))
    rows = left_of(lower, boxes, 0.75)
    assert 5 <= len(rows) < len(lower) and (lower < first)[rows].any()
    found = [np.asarray(field)[left["rnet"].valid] for field in left["rnet"][:2]]
    np.testing.assert_allclose(found[0], squares[rows], atol=0.01)
    np.testing.assert_allclose(found[1], 1 / (1 + np.exp(-lower[rows])), atol=1e-4)


def test_padding_changes_nothing(params, street):
    picture = street[160:400, 320:637]
    noise = np.random.default_rng(0).integers(0, 256, (*PART, 3)).astype(np.uint8)
    noise[:240, :317] = picture
    plain, padded = faces(params, picture), faces(params, noise, (240, 317))
    assert len(plain[0]) >= 2
    same(plain, padded, atol=2e-3)


def test_vmap_equals_a_loop(params, street):
    pictures = [street[160:400, :320], street[160:380, 320:630], np.zeros((300, 320, 3), np.uint8)]
    canvases = np.stack([on_canvas(picture, PART) for picture in pictures])
    sizes = np.array([picture.shape[:2] for picture in pictures], np.int32)
    many = jax.jit(jax.vmap(functools.partial(detect_padded, config=CONFIG), (None, 0, 0)))
    found = jax.device_get(many(params, canvases, sizes))
    total = 0
    for row in range(3):
        one = faces(params, canvases[row], sizes[row])
        fields = (found.boxes, found.scores, found.landmarks)
        same(one, [field[row][found.valid[row]] for field in fields], atol=2e-3)
        total += len(one[0])
    assert total >= 3


def test_a_picture_enlarged_twice_gives_twice_the_coordinates(params, street):
    picture = street[:, :520]
    twice = np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1)
    # The odds of a face rise with its size in pixels.
    alike = dataclasses.replace(CONFIG, size_prior=0)
    one = faces_in(params, picture, WHOLE, alike)
    two = faces(params, twice, config=dataclasses.replace(alike, min_face_size=40))
    assert len(one[0]) == len(two[0]) >= 3
    order = [int(np.argmax([overlap(2 * a, b) for b in two[0]])) for a in one[0]]
    assert sorted(order) == list(range(len(order)))
    widths = (one[0][:, 2] - one[0][:, 0])[:, None, None]
    points = (two[2][order] / 2 - one[2]) / widths
    boxes = (two[0][order] / 2 - one[0]).reshape(-1, 2, 2) / widths
    assert abs(points.mean()) < 0.005 and np.abs(points).max() < 0.05
    assert abs(boxes.mean()) < 0.005 and np.abs(boxes).max() < 0.05


@pytest.mark.parametrize("border", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_a_border_is_found_within_the_picture(border, params, shared):
    known = np.load(shared / "reference/cascade/stages_astronaut.npz")
    picture, (x1, y1, x2, y2) = known["image_rgb_hwc_u8"], known["boxes"][0].astype(int)
    part = (x2 - x1) // 5
    window = [x1 - 60, y1 - 60, x2 + 60, y2 + 60]
    side = ["left", "top", "right", "bottom"].index(border)
    window[side] = [x1 + part, y1 + part, x2 - part, y2 - part][side]
    left, top, right, bottom = window
    cut = picture[max(top, 0) : bottom, max(left, 0) : right]
    origin = np.array([max(left, 0), max(top, 0)] * 2)
    boxes, scores, _ = faces_in(params, cut, PART)
    assert len(boxes) == 1
    whole = known["boxes"][0] - origin
    height, width = cut.shape[:2]
    visible = np.clip(whole, 0, [width, height, width, height])
    assert overlap(boxes[0], visible) > 0.7
    assert boxes.min() >= 0 and (boxes <= [width, height, width, height]).all()


def test_overflow_is_counted(params, street):
    """Where nothing is left out by its score or an overlap: neither is part of a program."""
    every = dataclasses.replace(CONFIG, thresholds=(0.0, 0.0, 0.0), nms_thresholds=(1, 1, 1, 1))
    found = run(params, street[160:480, 320:], np.array(PART, np.int32), every)
    assert (np.asarray(found.overflow) > 0).all()
    assert found.boxes.shape == (64, 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_face_size": 11}, "min_face_size is 11; accepted are pixels from 12"),
        ({"min_face_size": "20"}, "min_face_size is '20'"),
        ({"min_face_size": float("nan")}, "min_face_size is nan"),
        ({"scale_factor": 1}, "scale_factor is 1; accepted are numbers between 0 and 1"),
        ({"scale_factor": 0.0}, "scale_factor is 0.0"),
        ({"thresholds": (0.6, 0.7)}, "thresholds is .*accepted are 3"),
        ({"thresholds": (0.6, 0.7, 1.5)}, "thresholds is .*accepted are 3 scores"),
        ({"thresholds": 0.6}, "thresholds is 0.6"),
        ({"nms_thresholds": (0.5, 0.7, 0.7, 0)}, "nms_thresholds is"),
        ({"voting": 0}, "voting is 0; accepted are overlaps above 0, up to 1, which turns it off"),
        ({"voting": True}, "voting is True"),
        ({"second_look": 1}, "second_look is 1; accepted are True and False"),
        ({"size_prior": -0.1}, "size_prior is -0.1; accepted are log-odds from 0 up"),
        ({"size_prior": float("inf")}, "size_prior is inf"),
        ({"capacities": (10, 10, 0)}, "capacities is .*whole numbers from 1"),
        ({"capacities": (10.5, 10, 1)}, "capacities is"),
        ({"chunks": (True, 1)}, "chunks is"),
        ({"backend": "tpu"}, "backend is .tpu.; accepted are auto, reference, cpu, gpu"),
        ({"retries": -1}, "retries is -1"),
    ],
)
def test_a_bad_config_is_named(options, words):
    with pytest.raises(ValueError, match=words):
        DetectConfig(**options)


def test_config_of_lists_equals_that_of_tuples():
    assert DetectConfig(thresholds=[0.6, 0.7, 0.7]) == DetectConfig()
    assert hash(DetectConfig(thresholds=[0.6, 0.7, 0.7])) == hash(DetectConfig())
