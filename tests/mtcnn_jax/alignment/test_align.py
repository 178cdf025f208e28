"""Crops against pictures known at every point, exact means and Pillow's bilinear."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from mtcnn_jax.alignment.align import _cut
from tests.mtcnn_jax.alignment.test_similarity import PUBLISHED
from tests.mtcnn_jax.alignment.warps import area_means, centres, move, turned, waves, whole

POINTS = PUBLISHED + 0.5
"""Of a face as the template has it, from the corner of the first pixel."""


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def zones(side):
    """A zone plate: rings ever finer, down to two pixels at the middle of each edge."""
    x, y = np.moveaxis(centres(side, side) - side / 2, -1, 0)
    rings = 127.5 + 127.5 * np.cos(np.pi * (x**2 + y**2) / side)
    return np.repeat(rings.round().astype(np.uint8)[..., None], 3, -1)


def faces(landmarks, boxes=None):
    landmarks = np.asarray(landmarks, np.float32)
    if boxes is None:
        boxes = np.concatenate([landmarks.min(1), landmarks.max(1)], axis=1)
    return mj.Faces(np.asarray(boxes, np.float32), np.ones(len(landmarks), np.float32), landmarks)


class TestExact:
    def test_a_face_as_in_the_template_comes_back_pixel_by_pixel(self):
        picture = noise(112, 112)
        np.testing.assert_array_equal(mj.align(picture, POINTS[None])[0], picture)

    @pytest.mark.parametrize("quarter", [1, 2, 3])
    def test_and_turned_by_quarters(self, quarter):
        picture = noise(112, 112)
        points = move(turned(-90 * quarter, 1, (0, 0)), POINTS - 56) + 56
        crop = mj.align(np.rot90(picture, quarter), points[None])[0]
        np.testing.assert_array_equal(crop, picture)

    @pytest.mark.parametrize(
        ("angle", "scale", "shift"),
        [(0, 1, (3.3, 7.7)), (30, 1.5, (150, 20)), (-75, 2.5, (10, 380)), (170, 0.7, (270, 250))],
    )
    def test_a_picture_moved_gives_the_same_crop(self, angle, scale, shift):
        points = POINTS + [40.2, 30.6]
        plain = waves(centres(200, 200)).round().astype(np.uint8)
        moved = turned(angle, scale, shift)
        back = np.linalg.inv(whole(moved))[:2]
        after = waves(move(back, centres(500, 500))).round().astype(np.uint8)
        (first,), (second,) = (
            mj.align(picture, found[None]).astype(int)
            for picture, found in ((plain, points), (after, move(moved, points)))
        )
        wanted = waves(centres(112, 112) + [40.2, 30.6])
        assert np.abs(first - second).max() <= 1
        assert np.abs(first - wanted).max() <= 1

    @pytest.mark.parametrize("template", ["arcface", "box"])
    def test_a_face_of_2000_pixels_is_the_means_of_areas(self, template):
        picture = zones(2000)
        times, side = 16, 112
        part = picture[100 : 100 + times * side, 60 : 60 + times * side]
        wanted = part.reshape(side, times, side, times, 3).mean((1, 3))
        given = POINTS * times + [60, 100]
        if template == "box":
            given = np.array([60, 100, 60 + times * side, 100 + times * side])
        crop = mj.align(picture, given[None], template=template)[0]
        assert np.abs(crop - wanted).max() <= 1
        taken = part[8::16, 8::16]
        assert np.abs(taken - wanted).mean() > 50, "one pixel of each area alone is far off"

    @pytest.mark.parametrize(("times", "off"), [(2, 9), (3.3, 7), (6.4, 4), (13, 3)])
    def test_large_faces_turned_are_the_means_of_turned_squares(self, times, off):
        """But for the corners of the squares, which stay upright: little, even of pure noise."""
        inverse = turned(20, times, (10 + 6 * times, 5))
        picture = noise(*[int(25 * times + 20)] * 2)
        found = _cut(picture, inverse, (16, 16), "black")
        wanted = area_means(picture, inverse, (16, 16), each=64)
        assert np.abs(found - wanted).mean() < off
        smooth = waves(centres(*picture.shape[:2]) * 3 / times)
        smooth = smooth.round().astype(np.uint8)
        found = _cut(smooth, inverse, (16, 16), "black")
        wanted = area_means(smooth, inverse, (16, 16), each=64)
        assert np.abs(found - wanted).max() < 1

    @pytest.mark.parametrize(("angle", "times"), [(0, 1), (12, 0.9), (-40, 0.31), (180, 0.5)])
    def test_small_faces_are_bilinear_as_pillow_has_it(self, angle, times):
        inverse = turned(angle, times, (70, 80))
        picture = noise(200, 200)
        wanted = Image.fromarray(picture).transform(
            (64, 64), Image.Transform.AFFINE, inverse.ravel(), Image.Resampling.BILINEAR
        )
        found = _cut(picture, inverse, (64, 64), "black")
        assert np.abs(found - np.asarray(wanted)).max() <= 1.01

    def test_where_ways_of_reading_meet_nothing_is_seen(self):
        """On either side of where more pixels are joined, or touched."""
        picture = waves(centres(1200, 1200)).round().astype(np.uint8)
        for times in (1, 2, 3, 4, 8, 12):
            below, above = (
                _cut(picture, turned(5, times * share, (90, 20)), (64, 64), "black")
                for share in (1 - 1e-5, 1 + 1e-5)
            )
            assert np.abs(below - above).max() < 2, times


class TestOutside:
    GREY = np.full((60, 80, 3), 200, np.uint8)

    def test_black_or_edge_by_hand(self):
        box = np.array([[-40, -30, 40, 50]])
        black = mj.align(self.GREY, box, template="box", size=80)[0]
        assert not black[:30].any() and not black[:, :40].any()
        assert (black[30:, 40:] == 200).all()
        assert (mj.align(self.GREY, box, template="box", size=80, outside="edge") == 200).all()

    def test_the_edge_is_continued(self):
        picture = noise(60, 80)
        crop = mj.align(picture, [[70, 50, 90, 70]], template="box", size=20, outside="edge")[0]
        np.testing.assert_array_equal(crop[:10, :10], picture[50:, 70:])
        np.testing.assert_array_equal(crop[15, :10], picture[59, 70:])
        np.testing.assert_array_equal(crop[5, 10:], np.broadcast_to(picture[55, 79], (10, 3)))

    @pytest.mark.parametrize("side", [100, 450, 2000, 1e5])
    def test_what_the_picture_covers_in_part_is_as_bright_as_its_share(self, side):
        box = np.array([[-side / 2, -side / 2, side / 2, side / 2]])
        crop = mj.align(self.GREY, box, template="box", size=10)[0]
        edges = np.arange(-5, 6) * side / 10
        shares = [np.diff(np.clip(edges, 0, end)) / np.diff(edges) for end in (60, 80)]
        wanted = 200 * shares[0][:, None] * shares[1]
        assert np.abs(crop - wanted[..., None]).max() <= 1

    def test_a_face_elsewhere_is_refused(self):
        with pytest.raises(ValueError, match=r"faces\[1\] lies outside .* 80 x 60 pixels; acc"):
            mj.align(self.GREY, np.stack([POINTS, POINTS + [500, 0]]))


class TestArguments:
    def test_faces_a_face_and_arrays(self, tmp_path):
        picture = noise(300, 400)
        found = faces([POINTS + [20, 30], POINTS + [200, 90]])
        wanted = np.stack([picture[30:142, 20:132], picture[90:202, 200:312]])
        path = tmp_path / "picture.png"
        Image.fromarray(picture).save(path)
        for image in (picture, path, Image.open(path)):
            np.testing.assert_array_equal(mj.align(image, found), wanted)
        np.testing.assert_array_equal(mj.align(picture, found[1]), wanted[1:])
        np.testing.assert_array_equal(mj.align(picture, found[[1, 0]]), wanted[::-1])
        np.testing.assert_array_equal(mj.align(picture, found.landmarks), wanted)
        np.testing.assert_array_equal(mj.align(picture, [face for face in found]), wanted)
        np.testing.assert_array_equal(mj.align(picture, jnp.asarray(found.landmarks)), wanted)
        assert len(mj.align(picture, [face for face in found if face.score > 2])) == 0
        by_box = mj.align(picture, found[0], template="box", size=(20, 30))
        np.testing.assert_array_equal(
            by_box, mj.align(picture, found.boxes[:1], template="box", size=(20, 30))
        )
        assert by_box.shape == (1, 20, 30, 3) and by_box.dtype == np.uint8

    @pytest.mark.parametrize("size", [1, (3, 200), 256])
    def test_sizes_and_no_faces(self, size):
        shape = (size, size) if isinstance(size, int) else size
        assert mj.align(noise(200, 200), POINTS[None], size=size).shape == (1, *shape, 3)
        none = faces(np.zeros((0, 5, 2)))
        crops = mj.align(noise(9, 9), none, size=size)
        assert crops.shape == (0, *shape, 3) and crops.dtype == np.uint8

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                np.zeros((2, 4)),
                r"faces has the shape \[2, 4\]; acc.* landmarks \[n, 5, 2\]",
            ),
            (np.zeros((5, 2)), r"faces has the shape \[5, 2\]"),
            (None, "faces is a NoneType; accepted is an array of numbers"),
            (np.zeros(0), r"faces has the shape \[0\]"),
            (3.5, r"faces has the shape \[\]"),
            (jax.eval_shape(lambda: np.zeros(1)), "faces is a ShapeDtypeStruct"),
            (np.full((1, 5, 2), 30), r"the landmarks faces\[0\] are all in one place"),
            (np.stack([POINTS, POINTS * np.nan]), r"the landmarks faces\[1\] are not all finite"),
        ],
    )
    def test_no_faces_of_such_a_kind(self, given, message):
        with pytest.raises((TypeError, ValueError), match=message):
            mj.align(noise(60, 60), given)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"size": 0}, "size is 0"),
            ({"template": "ffhq"}, "template is 'ffhq'; accepted are 'arcface' and 'box'"),
            ({"margin": -1}, "margin is -1"),
            ({"outside": "white"}, "outside is 'white'; accepted are 'black' and 'edge'"),
            (
                {"template": "box"},
                r"faces has the shape \[1, 5, 2\]; acc.* boxes \[n, 4\]",
            ),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            mj.align(noise(60, 60), POINTS[None], **options)

    def test_under_jit_another_function_is_named(self):
        with pytest.raises(TypeError, match="faces is traced by jit, .* there is align_padded"):
            jax.jit(lambda points: mj.align(noise(60, 60), points))(POINTS[None])

    def test_pictures(self):
        with pytest.raises(FileNotFoundError, match="no such file: 'none.jpg'"):
            mj.align("none.jpg", POINTS[None])
        with pytest.raises(ValueError, match=r"the array's shape is \[5, 5, 2\]"):
            mj.align(np.zeros((5, 5, 2), np.uint8), POINTS[None])


def test_eyes_of_a_photo_lie_where_the_template_has_them(astronaut):
    """Points by hand, from an enlarged portrait: the irises are dark, the skin around them not."""
    points = np.array([[203.5, 101], [247.5, 103.5], [223.5, 127.5], [203.5, 140], [244, 141.5]])
    crop = mj.align(astronaut, points[None])[0].mean(-1)
    for x, y in POINTS[:2]:
        around = crop[int(y) - 8 : int(y) + 9, int(x) - 8 : int(x) + 9]
        darkest = np.argwhere(around < np.percentile(around, 6)).mean(0)
        assert np.abs(darkest + [int(y) - 7.5, int(x) - 7.5] - [y, x]).max() < 4
