"""Augmentation in drawn pictures: bright dots and rectangles are where points and boxes say."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from mtcnn_jax.training import augment as augment_lib
from mtcnn_jax.training.augment import AugmentConfig, window_of
from mtcnn_jax.training.samples import DROPPED, LANDMARK, NEGATIVE, PART, POSITIVE, Samples

OFF = AugmentConfig(**{field.name: 0.0 for field in dataclasses.fields(AugmentConfig)})
SIDE, SIZE = 64, 48
MARGIN = (SIDE - SIZE) // 2

COUNT = 400
"""Samples in a batch that is augmented one operation at a time: each shape is compiled anew."""

MOVING = {
    f"{part}{name}": strength
    for part in ("", "landmark_")
    for name, strength in (("rotation", 30.0), ("shift", 0.1), ("scale", 0.2))
}

SWAPPED = {0: 1, 1: 0, 2: 2, 3: 4, 4: 3}
"""Which point a mirrored eye, nose or mouth corner is."""

augment = functools.partial(jax.jit, static_argnames="config")(augment_lib.augment)


def run(samples, *, compiled=True, **settings):
    config = dataclasses.replace(OFF, **settings)
    # One operation at a time, all settings share what is compiled.
    function = augment if compiled else augment_lib.augment
    pixels, moved = function(jax.random.key(0), samples, config)
    return np.asarray(pixels), jax.tree.map(np.asarray, moved)


def make(kinds, patches, boxes=None, landmarks=None):
    count = len(patches)
    unknown_boxes = np.full((count, 4), np.nan, np.float32)
    unknown_points = np.full((count, 5, 2), np.nan, np.float32)
    return Samples(
        np.asarray(patches, np.uint8),
        np.broadcast_to(np.asarray(kinds, np.int8), count),
        unknown_boxes if boxes is None else np.asarray(boxes, np.float32),
        unknown_points if landmarks is None else np.asarray(landmarks, np.float32),
    )


def textured(count, side=SIDE, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3))


def centroid(picture):
    """Where the light of a picture [s, s] is, in units of its side."""
    places = (np.arange(len(picture)) + 0.5) / len(picture)
    total = picture.sum()
    return np.array([(picture.sum(0) * places).sum(), (picture.sum(1) * places).sum()]) / total


def dotted(count=40):
    """Faces with five points, of which number `row % 5` is drawn as a soft bright dot."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0.3, 0.7, (count, 5, 2))
    drawn = points[np.arange(count), np.arange(count) % 5]
    centres = (np.arange(SIDE) + 0.5 - MARGIN) / SIZE
    away = [(centres - drawn[:, axis, None]) ** 2 for axis in range(2)]
    light = np.exp(-(away[0][:, None, :] + away[1][:, :, None]) / (2 * 0.03**2))
    patches = np.round(255 * light)[..., None] * np.ones(3)
    boxes = np.broadcast_to([0.0, 0.0, 1.0, 1.0], (count, 4))
    return make(LANDMARK, patches, boxes, points)


def pointed(kind):
    """Faces of which only the points are looked at."""
    rng = np.random.default_rng(0)
    boxes = np.broadcast_to([0.0, 0.0, 1.0, 1.0], (COUNT, 4))
    return make(kind, textured(COUNT, 16), boxes, rng.uniform(0.3, 0.7, (COUNT, 5, 2)))


class TestPointsMoveWithThePixels:
    @pytest.mark.parametrize("flip", [0.0, 1.0])
    def test_the_dot_is_at_its_point(self, flip):
        samples = dotted()
        pixels, moved = run(samples, flip=flip, **MOVING)
        farthest = 0
        for row in range(len(pixels)):
            number = SWAPPED[row % 5] if flip else row % 5
            point = moved.landmarks[row, number]
            before = samples.landmarks[row, row % 5]
            before = [1 - before[0], before[1]] if flip else before
            farthest = max(farthest, np.abs(point - before).max())
            np.testing.assert_allclose(centroid(pixels[row, ..., 0]), point, atol=0.1 / SIZE)
        assert 0.05 < farthest < 0.5

    def test_angles_shifts_and_scales_reach_but_do_not_pass_their_limits(self):
        samples = pointed(LANDMARK)
        settings = {"landmark_rotation": 30.0, "landmark_shift": 0.1, "landmark_scale": 0.25}
        _, moved = run(samples, compiled=False, **settings)
        before, after = samples.landmarks, moved.landmarks
        legs = before[:, 1] - before[:, 0], after[:, 1] - after[:, 0]
        complex_legs = [leg[:, 0] + 1j * leg[:, 1] for leg in legs]
        turns = complex_legs[1] / complex_legs[0]
        angles, scales = np.degrees(np.angle(turns)), 1 / np.abs(turns)
        assert 28 < angles.max() < 30.01
        assert -30.01 < angles.min() < -28
        assert 1.22 < scales.max() < 1.251
        assert 1 / 1.251 < scales.min() < 1 / 1.22
        # What has come to the middle of the window lay within the shift of it.
        first = after[:, 0] @ [1, 1j] - (0.5 + 0.5j)
        shifts = before[:, 0] @ [1, 1j] - first / turns - (0.5 + 0.5j)
        assert 0.09 < np.abs(shifts.real).max() < 0.101
        assert 0.09 < np.abs(shifts.imag).max() < 0.101

    def test_strengths_of_landmark_samples_are_theirs_alone(self):
        samples = pointed(POSITIVE)
        settings = {"landmark_rotation": 90.0, "landmark_shift": 0.2, "landmark_scale": 0.5}
        _, moved = run(samples, compiled=False, **settings)
        np.testing.assert_allclose(moved.landmarks, samples.landmarks, atol=1e-6)
        samples = pointed(LANDMARK)
        _, moved = run(samples, compiled=False, rotation=90.0, shift=0.2, scale=0.5)
        np.testing.assert_allclose(moved.landmarks, samples.landmarks, atol=1e-6)


class TestMirroring:
    def test_swaps_the_points_and_turns_the_pixels_over(self):
        samples = dotted()
        pixels, moved = run(samples, flip=1.0)
        window = np.asarray(window_of(samples.patches))
        np.testing.assert_allclose(pixels, window[:, :, ::-1], atol=0.01)
        for row in range(5):
            for old, new in SWAPPED.items():
                x, y = samples.landmarks[row, old]
                np.testing.assert_allclose(moved.landmarks[row, new], [1 - x, y], atol=1e-6)

    def test_turns_boxes_over(self):
        samples = make(POSITIVE, textured(40), [[0.1, 0.2, 1.05, 0.9]] * 40)
        _, moved = run(samples, flip=1.0)
        np.testing.assert_allclose(moved.boxes[0], [-0.05, 0.2, 0.9, 0.9], atol=1e-6)

    def test_comes_as_often_as_it_is_to(self):
        samples = make(NEGATIVE, np.broadcast_to(textured(1, 16), (COUNT, 16, 16, 3)))
        pixels, _ = run(samples, compiled=False, flip=0.3)
        window = np.asarray(window_of(samples.patches[:1]))[0]
        plain = np.abs(pixels - window).max(axis=(1, 2, 3)) < 0.01
        turned = np.abs(pixels - window[:, ::-1]).max(axis=(1, 2, 3)) < 0.01
        assert (plain ^ turned).all()
        assert abs(turned.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / COUNT)


def overlap(box):
    """IoU with the window, (0, 0, 1, 1), in plain Python."""
    width = min(box[2], 1) - max(box[0], 0)
    height = min(box[3], 1) - max(box[1], 0)
    both = max(width, 0) * max(height, 0)
    return both / (1 + (box[2] - box[0]) * (box[3] - box[1]) - both)


class TestBoxesMoveWithThePixels:
    def test_a_bright_rectangle_has_the_boxes_centre_and_area(self):
        rng = np.random.default_rng(3)
        count = 40
        low, high = rng.integers(12, 20, (count, 2)), rng.integers(28, 36, (count, 2))
        patches = np.zeros((count, SIDE, SIDE, 3), np.uint8)
        for row in range(count):
            (x1, y1), (x2, y2) = low[row] + MARGIN, high[row] + MARGIN
            patches[row, y1:y2, x1:x2] = 200
        kinds = np.arange(count) % 2 * (LANDMARK - POSITIVE) + POSITIVE
        samples = make(kinds, patches, np.concatenate([low, high], axis=1) / SIZE)
        pixels, moved = run(samples, flip=1.0, **MOVING)
        for picture, box in zip(pixels[..., 0] / 200, moved.boxes, strict=True):
            np.testing.assert_allclose(centroid(picture), (box[:2] + box[2:]) / 2, atol=0.1 / SIZE)
            area = (box[2] - box[0]) * (box[3] - box[1])
            assert picture.sum() / SIZE**2 == pytest.approx(area, rel=0.02)
        ratio = (high - low)[:, 0] / (high - low)[:, 1]
        sides = moved.boxes[:, 2:] - moved.boxes[:, :2]
        np.testing.assert_allclose(sides[:, 0] / sides[:, 1], ratio, rtol=1e-4)

    def test_kinds_follow_from_the_overlap_after_the_move(self):
        rng = np.random.default_rng(5)
        count = COUNT
        boxes = rng.uniform(-0.3, 0.3, (count, 4)) + [0, 0, 1, 1]
        kinds = rng.choice([NEGATIVE, POSITIVE, PART, LANDMARK], count)
        patches = np.zeros((count, 16, 16, 3))
        _, moved = run(make(kinds, patches, boxes), compiled=False, shift=0.2, scale=0.4)
        seen = set()
        for kind, now, box in zip(kinds, moved.kinds, moved.boxes, strict=True):
            if kind in (NEGATIVE, LANDMARK):
                assert now == kind
                continue
            share = overlap(box)
            assert now == (POSITIVE if share > 0.65 else PART if share >= 0.4 else DROPPED)
            seen.add((int(kind), int(now)))
        assert {now for _, now in seen} == {POSITIVE, PART, DROPPED}
        assert moved.kinds.dtype == np.int8


class TestOff:
    @pytest.mark.parametrize("side", [16, 32, 64])
    def test_is_the_window_untouched(self, side):
        rng = np.random.default_rng(0)
        boxes = rng.uniform(-0.05, 0.05, (8, 4)) + [0, 0, 1, 1]
        samples = make(POSITIVE, textured(8, side), boxes, rng.uniform(0, 1, (8, 5, 2)))
        pixels, moved = run(samples)
        edge = side // 8
        window = samples.patches[:, edge:-edge, edge:-edge]
        assert window.shape[1] == {16: 12, 32: 24, 64: 48}[side]
        np.testing.assert_array_equal(window_of(samples.patches), window)
        np.testing.assert_allclose(pixels, window, atol=0.01)
        np.testing.assert_allclose(moved.boxes, samples.boxes, atol=1e-6)
        np.testing.assert_allclose(moved.landmarks, samples.landmarks, atol=1e-6)
        np.testing.assert_array_equal(moved.kinds, samples.kinds)

    def test_plain_examples_are_untouched_but_for_mirroring(self):
        samples = faces()
        pixels, _ = augment(jax.random.key(0), samples, AugmentConfig())
        window = np.asarray(window_of(samples.patches), np.float32)
        same = [
            np.abs(pixels - one).max(axis=(1, 2, 3)) < 0.01 for one in (window, window[:, :, ::-1])
        ]
        assert 10 <= same[0].sum() + same[1].sum() <= 40
        assert same[0].any()
        assert same[1].any()


def faces():
    return make(LANDMARK, textured(80, 32), [[0, 0, 1, 1]] * 80, np.full((80, 5, 2), 0.4))


def test_is_a_function_of_the_key():
    samples, config = faces(), AugmentConfig()
    one, two, other = (augment(jax.random.key(seed), samples, config) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1].landmarks, two[1].landmarks)
    assert not np.array_equal(one[0], other[0])
    assert one[0].dtype == np.float32
    assert np.min(one[0]) >= 0
    assert np.max(one[0]) <= 255


COLOUR = {
    field.name: 0.5
    for field in dataclasses.fields(AugmentConfig)
    if field.name in ("grey", "tint", "brightness", "contrast", "dark", "curve", "blur", "noise")
} | {"occlusion": 0.5}


def recoloured(**settings):
    """Windows before and after, all of the same pixels."""
    patches = np.broadcast_to(textured(1, 16) * 0.4 + 60, (COUNT, 16, 16, 3))
    samples = make(NEGATIVE, patches)
    pixels, _ = run(samples, compiled=False, **settings)
    return np.asarray(window_of(samples.patches), np.float32), pixels


class TestColour:
    def test_treats_all_kinds_alike(self):
        """Nothing of it depends on the kind, so none can be told by its colour."""
        patches = textured(COUNT, 16)
        found = [run(make(kind, patches), compiled=False, **COLOUR)[0] for kind in range(4)]
        for pixels in found[1:]:
            np.testing.assert_array_equal(pixels, found[0])

    def test_grey(self):
        before, after = recoloured(grey=1.0)
        level = before @ np.array([0.299, 0.587, 0.114], np.float32)
        np.testing.assert_allclose(after, np.repeat(level[..., None], 3, axis=-1), atol=0.1)

    def test_a_share_loses_all_colour_and_as_many_a_part(self):
        before, after = recoloured(grey=0.3)
        spread = np.abs(after[..., 0] - after[..., 2]).mean(axis=(1, 2))
        whole = np.abs(before[..., 0] - before[..., 2]).mean()
        assert abs((spread < 1e-3).mean() - 0.3) < 0.12
        assert abs((spread > whole - 1e-2).mean() - 0.4) < 0.12

    def test_tint_is_a_factor_on_each_channel(self):
        before, after = recoloured(tint=0.2)
        gains = after / before
        np.testing.assert_allclose(gains.std(axis=(1, 2)), 0, atol=1e-3)
        gains = np.log(gains.mean(axis=(1, 2)))
        assert 0.15 < np.abs(gains).max() < 0.2001
        assert np.ptp(gains, axis=1).max() > 0.2

    def test_brightness_is_a_shift(self):
        before, after = recoloured(brightness=0.1)
        shifts = after - before
        np.testing.assert_allclose(shifts.std(axis=(1, 2, 3)), 0, atol=0.01)
        shifts = shifts.mean(axis=(1, 2, 3))
        assert 23 < np.abs(shifts).max() < 25.6
        assert shifts.min() < 0 < shifts.max()

    def test_contrast_is_a_factor_about_the_mean(self):
        before, after = recoloured(contrast=0.3)
        weights = np.array([0.299, 0.587, 0.114])
        for one in (before, after):
            np.testing.assert_allclose((one @ weights).mean(axis=(1, 2)), 111, atol=5)
        factors = after.std(axis=(1, 2, 3)) / before.std(axis=(1, 2, 3))
        assert 1.25 < factors.max() < 1.3001
        assert 1 / 1.3001 < factors.min() < 1 / 1.25

    def test_dark_is_a_factor(self):
        before, after = recoloured(dark=1.0)
        factors = after / before
        np.testing.assert_allclose(factors.std(axis=(1, 2, 3)), 0, atol=1e-3)
        factors = factors.mean(axis=(1, 2, 3))
        assert 0.15 <= factors.min() < 0.25
        assert 0.5 < factors.max() <= 0.6

    def test_the_curve_bends_but_keeps_black_white_and_the_order(self):
        ramp = np.linspace(0, 255, 12).astype(np.uint8)
        patch = np.zeros((16, 16, 3), np.uint8)
        patch[2:14, 2:14] = ramp[:, None, None]
        pixels, _ = run(make(NEGATIVE, np.stack([patch] * COUNT)), compiled=False, curve=1.0)
        np.testing.assert_allclose(pixels[:, 0], 0, atol=0.1)
        np.testing.assert_allclose(pixels[:, -1], 255, atol=0.1)
        assert (np.diff(pixels[:, :, 0, 0], axis=1) > -0.01).all()
        bend = pixels[:, 6, 0, 0] - ramp[6]
        assert bend.min() < -40
        assert bend.max() > 40

    def test_blur_takes_the_detail_and_keeps_what_is_flat(self):
        before, after = recoloured(blur=1.0)
        assert (after.std(axis=(1, 2, 3)) < before.std(axis=(1, 2, 3)) + 1e-3).all()
        assert after.std(axis=(1, 2, 3)).min() < 0.75 * before.std(axis=(1, 2, 3)).min()
        flat, _ = run(make(NEGATIVE, np.full((COUNT, 16, 16, 3), 77)), compiled=False, blur=1.0)
        np.testing.assert_allclose(flat, 77, atol=0.01)

    def test_noise_is_even_about_the_pixels_within_its_width(self):
        before, after = recoloured(noise=0.05)
        noise = after - before
        assert abs(noise.mean()) < 0.05
        assert 10 < np.abs(noise).max() < 0.05 * 255 + 0.01
        widths = np.abs(noise).max(axis=(1, 2, 3))
        assert widths.min() < 2
        # The channels' noise is not the same.
        assert np.abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.05

    def test_occlusion_lays_one_rectangle_of_one_colour(self):
        before, after = recoloured(occlusion=0.4)
        changed = np.abs(after - before).max(axis=-1) > 1e-2
        hit = changed.any(axis=(1, 2))
        assert abs(hit.mean() - 0.4) < 0.15
        rows = []
        for picture, mask in zip(after[hit], changed[hit], strict=True):
            down, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            inside = picture[down[0] : down[-1] + 1, across[0] : across[-1] + 1].reshape(-1, 3)
            np.testing.assert_allclose(inside, np.broadcast_to(inside[0], inside.shape), atol=0.1)
            rows.append(down.mean() / len(mask))
        assert 0.5 < np.mean(rows) < 0.75

    def test_all_together_stay_within_range(self):
        settings = COLOUR | {"brightness": 1.0, "contrast": 3.0, "tint": 1.0, "curve": 1.0}
        pixels, _ = run(make(NEGATIVE, textured(COUNT, 16)), compiled=False, **settings)
        assert np.isfinite(pixels).all()
        assert pixels.min() >= 0
        assert pixels.max() <= 255


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("flip", 1.5, "0 to 1"),
        ("plain", -0.1, "0 to 1"),
        ("grey", float("nan"), "0 to 1"),
        ("rotation", 181.0, "0 to 180"),
        ("landmark_rotation", -1.0, "0 to 180"),
        ("scale", float("inf"), "0 to inf"),
        ("contrast", -0.5, "0 to inf"),
        ("curve", 2.0, "0 to 1"),
    ],
)
def test_wrong_strengths_are_named(name, value, accepted):
    with pytest.raises(ValueError, match=f"{name} is {value}; accepted is {accepted}"):
        AugmentConfig(**{name: value})
