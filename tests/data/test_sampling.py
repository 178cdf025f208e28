"""Labels of windows against an IoU in plain Python; patches against drawn pictures."""

import jax
import numpy as np
import pytest

from data import sampling
from mtcnn_jax.cascade import crops, pyramid
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.training.samples import LANDMARK, NEGATIVE, PART, POSITIVE


def shared(a, b):
    """Intersection of two boxes in plain Python."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def area(box):
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def overlap(a, b):
    both = shared(a, b)
    return both / (area(a) + area(b) - both)


def random_boxes(rng, count, low=15, high=70):
    corners, sides = rng.uniform(0, 150, (count, 2)), rng.uniform(low, high, (count, 2))
    return np.concatenate([corners, corners + sides], axis=1).astype(np.float32)


def unknown(count):
    return np.full((count, 5, 2), np.nan, np.float32)


@pytest.fixture(scope="module")
def labelled():
    """Many windows about, over and far from six faces, of which the last two are ignored."""
    rng = np.random.default_rng(0)
    boxes = random_boxes(rng, 6)
    ignored = np.array([False] * 4 + [True] * 2)
    landmarks = (boxes[:, None, :2] + rng.uniform(0, 30, (6, 5, 2))).astype(np.float32)
    landmarks[1] = np.nan
    windows = np.concatenate(
        [
            sampling.squares_around(boxes, 90, rng, shift=0.4, stretch=1.6),
            sampling.random_squares((220, 220), 500, rng, smallest=12),
        ]
    )
    found = sampling.label(windows, boxes, ignored, landmarks)
    return windows, boxes, ignored, landmarks, found


class TestLabel:
    def test_kinds_follow_from_the_overlap(self, labelled):
        windows, boxes, ignored, _, found = labelled
        for window, kind in zip(windows, found.kinds, strict=True):
            best = max(overlap(window, box) for box in boxes[~ignored])
            hidden = max(shared(window, box) / area(window) for box in boxes[ignored])
            if best > 0.65:
                expected = POSITIVE
            elif best >= 0.4:
                expected = PART
            elif best < 0.3 and hidden < 0.3:
                expected = NEGATIVE
            else:
                expected = -1
            assert kind == expected
        assert set(found.kinds) == {POSITIVE, PART, NEGATIVE, -1}

    def test_targets_are_the_best_face_in_units_of_the_window(self, labelled):
        windows, boxes, ignored, landmarks, found = labelled
        for row, (x1, y1, x2, _) in enumerate(windows):
            if found.kinds[row] not in (POSITIVE, PART):
                assert np.isnan(found.boxes[row]).all()
                assert np.isnan(found.landmarks[row]).all()
                continue
            faces = np.flatnonzero(~ignored)
            face = max(faces, key=lambda face: overlap(windows[row], boxes[face]))
            back = found.boxes[row] * (x2 - x1) + [x1, y1, x1, y1]
            np.testing.assert_allclose(back, boxes[face], atol=1e-3)
            back = found.landmarks[row] * (x2 - x1) + [x1, y1]
            np.testing.assert_allclose(back, landmarks[face], atol=1e-3)

    @pytest.mark.parametrize(
        ("width", "kind"),
        [(2.9, NEGATIVE), (3.5, -1), (4.1, PART), (6.4, PART), (6.6, POSITIVE), (10, POSITIVE)],
    )
    def test_the_papers_bounds(self, width, kind):
        """A face of 10 x width within a window of 10 x 10 has an IoU of width / 10."""
        window, box = np.array([[0, 0, 10, 10]]), np.array([[0, 0, width, 10]], np.float32)
        found = sampling.label(window, box, np.zeros(1, bool), unknown(1))
        assert found.kinds == [kind]

    def test_near_an_ignored_box_there_is_no_negative_and_no_sample(self):
        rng = np.random.default_rng(1)
        box = np.array([[50, 50, 90, 90]], np.float32)
        windows = sampling.squares_around(box, 300, rng, shift=0.3, stretch=1.3)
        found = sampling.label(windows, box, np.ones(1, bool), unknown(1))
        assert (found.kinds == -1).all()

    def test_a_window_within_a_large_ignored_box_is_no_negative(self):
        """Its IoU with the box is small, yet all of it may be a face."""
        box = np.array([[0, 0, 200, 200]], np.float32)
        window = np.array([[80, 80, 100, 100], [300, 300, 320, 320]], np.float32)
        found = sampling.label(window, box, np.ones(1, bool), unknown(1))
        assert found.kinds.tolist() == [-1, NEGATIVE]

    @pytest.mark.parametrize("empty", [[50, 50, 50, 50], [50, 50, 50, 60], [45, 52, 55, 52]])
    def test_a_window_that_holds_a_box_of_no_area_is_no_negative(self, empty):
        windows = np.array([[40, 40, 60, 70], [48, 48, 52, 58], [70, 70, 90, 90]], np.float32)
        found = sampling.label(windows, np.array([empty], np.float32), np.ones(1, bool), unknown(1))
        assert found.kinds.tolist() == [-1, -1, NEGATIVE]

    def test_a_picture_with_no_face_gives_negatives_alone(self):
        windows = sampling.random_squares((80, 90), 20, np.random.default_rng(0), smallest=12)
        found = sampling.label(windows, np.zeros((0, 4)), np.zeros(0, bool), unknown(0))
        assert (found.kinds == NEGATIVE).all()
        assert (
            len(sampling.label(windows[:0], np.zeros((0, 4)), np.zeros(0, bool), unknown(0))[0])
            == 0
        )

    def test_where_faces_may_be_unlabelled_nothing_is_a_negative(self, labelled):
        windows, boxes, ignored, landmarks, found = labelled
        part = sampling.label(windows, boxes, ignored, landmarks, exhaustive=False)
        assert not (part.kinds == NEGATIVE).any()
        same = found.kinds != NEGATIVE
        np.testing.assert_array_equal(part.kinds[same], found.kinds[same])


class TestSquares:
    def test_around_boxes_are_within_their_limits(self):
        rng = np.random.default_rng(2)
        boxes = random_boxes(rng, 3)
        squares = sampling.squares_around(boxes, 400, rng, shift=0.2, stretch=1.5)
        sides = squares[:, 2:] - squares[:, :2]
        np.testing.assert_allclose(sides[:, 0], sides[:, 1], rtol=1e-4)
        longer = np.repeat((boxes[:, 2:] - boxes[:, :2]).max(axis=1), 400)
        factors = sides[:, 0] / longer
        assert 1.45 < factors.max() < 1.5001
        assert 1 / 1.5001 < factors.min() < 1 / 1.45
        assert abs(np.log(factors).mean()) < 0.05
        middle = np.repeat((boxes[:, :2] + boxes[:, 2:]) / 2, 400, axis=0)
        shifts = ((squares[:, :2] + squares[:, 2:]) / 2 - middle) / sides
        assert 0.19 < np.abs(shifts).max() < 0.2001

    def test_each_box_can_have_its_own_number(self):
        rng = np.random.default_rng(2)
        boxes = np.array([[0, 0, 10, 10], [100, 0, 110, 10], [200, 0, 210, 10]], np.float32)
        count = np.array([2, 0, 5])
        squares = sampling.squares_around(boxes, count, rng, shift=0.1, stretch=1.1)
        assert (squares[:, 0] / 100).round().tolist() == [0, 0, 2, 2, 2, 2, 2]

    def test_random_ones_lie_within_the_picture_as_many_of_a_size_as_p_net_has_cells(self):
        squares = sampling.random_squares((100, 300), 2000, np.random.default_rng(0), smallest=12)
        assert squares.min() >= 0
        assert squares[:, 2].max() <= 300.001
        assert squares[:, 3].max() <= 100.001
        assert squares[:, 2].max() > 290
        sides = squares[:, 2] - squares[:, 0]
        assert 12 <= sides.min() + 1e-3
        # Cells of levels from 12 to 100 pixels, a factor of sqrt(2) apart: each has half as many.
        levels = 12 * np.sqrt(2) ** np.arange(7)
        cells = 1 / levels**2
        for low, expected in zip(levels, cells / cells.sum(), strict=True):
            share = ((sides >= low) & (sides < low * np.sqrt(2))).mean()
            assert abs(share - expected) < 0.03

    def test_a_picture_too_small_has_none(self):
        rng = np.random.default_rng(0)
        assert sampling.random_squares((11, 300), 5, rng, smallest=12).shape == (0, 4)


def test_choosing_keeps_at_most_the_limit_of_each_kind_in_order(labelled):
    found = labelled[-1]
    limits = {POSITIVE: 5, NEGATIVE: 7, PART: 10**6}
    chosen = sampling.choose(found, limits, np.random.default_rng(0))
    assert (chosen.kinds == POSITIVE).sum() == 5
    assert (chosen.kinds == NEGATIVE).sum() == 7
    assert (chosen.kinds == PART).sum() == (found.kinds == PART).sum()
    assert not (chosen.kinds == -1).any()
    rows = [np.flatnonzero((found.windows == window).all(axis=1))[0] for window in chosen.windows]
    assert rows == sorted(rows)
    again = sampling.choose(found, limits, np.random.default_rng(0))
    np.testing.assert_array_equal(again.windows, chosen.windows)


def test_choosing_can_favour_large_windows():
    sides = np.repeat([10.0, 30.0], 500).astype(np.float32)
    corners = np.zeros((1000, 2), np.float32)
    windows = np.concatenate([corners, corners + sides[:, None]], axis=1)
    kinds = np.full(1000, NEGATIVE, np.int8)
    boxes, landmarks = np.zeros((1000, 4)), np.zeros((1000, 5, 2))
    found = sampling.Windows(windows, kinds, boxes, landmarks)
    for balance, share in ((0, 1 / 2), (1, 3 / 4), (2, 9 / 10)):
        rng = np.random.default_rng(0)
        drawn = [
            sampling.choose(found, {NEGATIVE: 10}, rng, balance=balance).windows[:, 2]
            for _ in range(200)
        ]
        # 2,000 draws: a share is within 0.03 in all but one of a hundred seeds.
        assert abs(np.mean(np.concatenate(drawn) == 30) - share) < 0.03


def test_landmark_samples_are_positives_with_known_points(labelled):
    found = labelled[-1]
    points = sampling.as_landmarks(found)
    known = np.isfinite(found.landmarks).all(axis=(1, 2))
    assert len(points.kinds) == ((found.kinds == POSITIVE) & known).sum() > 0
    assert (points.kinds == LANDMARK).all()
    assert np.isfinite(points.landmarks).all()


@pytest.mark.parametrize("stage", INPUT_SIZE)
def test_patches_show_what_the_window_holds(stage):
    """A bright rectangle in a patch has the area and the centre that its box says."""
    size = INPUT_SIZE[stage]
    picture = np.zeros((150, 180, 3), np.uint8)
    box = np.array([[60, 50, 108, 110]], np.float32)
    picture[50:110, 60:108] = (250, 100, 0)
    windows = np.array([[50, 44, 116, 110], [45, 40, 125, 120], [62, 52, 104, 94]], np.float32)
    found = sampling.label(windows, box, np.zeros(1, bool), unknown(1))
    samples = sampling.cut(picture, found, crop_size=size)
    side = size * 4 // 3
    assert samples.patches.shape == (3, side, side, 3)
    assert samples.patches.dtype == np.uint8
    np.testing.assert_array_equal(samples.kinds, found.kinds)
    places = ((np.arange(side) + 0.5) / side - 0.5) * 4 / 3 + 0.5
    for patch, (x1, y1, x2, y2) in zip(samples.patches[:2], samples.boxes[:2], strict=True):
        light = patch[..., 0] / 250
        assert light.sum() / size**2 == pytest.approx((x2 - x1) * (y2 - y1), rel=0.02)
        centre = (light.sum(0) @ places, light.sum(1) @ places) / light.sum()
        np.testing.assert_allclose(centre, [(x1 + x2) / 2, (y1 + y2) / 2], atol=0.1 / size)
        np.testing.assert_allclose(patch[..., 1], 100 * light, atol=1.1)
        assert not patch[..., 2].any()


@pytest.mark.parametrize("stage", INPUT_SIZE)
def test_beyond_the_border_it_is_black(stage):
    size = INPUT_SIZE[stage]
    picture = np.full((60, 60, 3), 200, np.uint8)
    windows = np.array([[-30, -30, 30, 30], [100, 100, 140, 140]], np.float32)
    kinds = np.zeros(2, np.int8)
    labelled = sampling.Windows(windows, kinds, np.full((2, 4), np.nan, np.float32), unknown(2))
    samples = sampling.cut(picture, labelled, crop_size=size)
    side = size * 4 // 3
    assert not samples.patches[1].any()
    # The patch of 80 pixels begins at -40: its first half lies outside.
    assert not samples.patches[0, : side // 2 - 1].any()
    assert not samples.patches[0, :, : side // 2 - 1].any()
    assert (samples.patches[0, side // 2 + 1 :, side // 2 + 1 :] == 200).all()


def forget():
    """What was traced for the other backend, and nothing that other tests would compile again."""
    sampling._crops.clear_cache()
    crops.crop_from.clear_cache()


def test_on_a_gpu_patches_are_the_same(monkeypatch):
    rng = np.random.default_rng(6)
    image = rng.integers(0, 256, (150, 180, 3)).astype(np.uint8)
    windows = sampling.random_squares((150, 180), 20, rng, smallest=16)
    unlabelled = np.full((20, 4), np.nan, np.float32)
    labelled = sampling.Windows(windows, np.zeros(20, np.int8), unlabelled, unknown(20))
    found = []
    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        forget()
        found.append(sampling.cut(image, labelled, crop_size=24).patches.astype(int))
    forget()
    assert found[0].std() > 10 and np.abs(found[0] - found[1]).max() <= 1


def test_p_nets_patches_are_the_pyramids_pixels():
    size = np.array([203, 300])
    coarse = np.random.default_rng(4).integers(0, 256, (51, 75, 3)).astype(np.uint8)
    image = np.kron(coarse, np.ones((4, 4, 1), np.uint8))[: size[0]]
    levels = pyramid.plan(tuple(size), min_face_size=14)[:-2]  # The last two have no room.
    assert {level.mip for level in levels} == {0, 1, 2}

    @jax.jit
    def resampled(image):
        chain = crops.mip_chain(image, size, pyramid.mips_used(levels))
        return [pyramid.resample(chain, size, level) for level in levels]

    for level, pixels in zip(levels, jax.device_get(resampled(image)), strict=True):
        last = np.array(level.shape) - 16
        places = np.stack([np.ones(2, int), last // 2, last - 2])
        assert places.min() > 0
        corners = ((places + 2) / level.scale)[:, ::-1]
        windows = np.concatenate([corners, corners + 12 / level.scale], axis=1).astype(np.float32)
        labelled = sampling.Windows(
            windows, np.zeros(3, np.int8), np.full((3, 4), np.nan, np.float32), unknown(3)
        )
        patches = sampling.cut(image, labelled, crop_size=12).patches
        for patch, (row, column) in zip(patches, places, strict=True):
            wanted = pixels[row : row + 16, column : column + 16]
            assert np.abs(patch - wanted).max() < 1.6  # Pillow rounds halves and axes to 8 bits.


@pytest.mark.parametrize("stage", ["pnet", "onet"])
def test_no_windows_give_no_patches(stage):
    none = sampling.Windows(*(np.zeros((0, *shape), kind) for shape, kind in EMPTY))
    samples = sampling.cut(np.zeros((30, 30, 3), np.uint8), none, crop_size=INPUT_SIZE[stage])
    assert samples.patches.shape[0] == 0


EMPTY = [((4,), np.float32), ((), np.int8), ((4,), np.float32), ((5, 2), np.float32)]
