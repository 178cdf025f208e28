"""Nothing outside changes, and inside no more is left than a few colours."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

import mtcnn_jax as mj
from tests.mtcnn_jax.alignment.test_align import faces, noise
from tests.properties import few

PICTURE = noise(120, 160)
WAYS = ("blur", "pixels", "box")

sides = st.floats(0, 150)


def hidden(boxes, picture=PICTURE, **options):
    return np.asarray(mj.blur_faces(picture, np.array(boxes, np.float32), **options))


def changed(result, picture=PICTURE):
    return (result != picture).any(-1)


def colours(part):
    return {tuple(colour) for colour in part.reshape(-1, 3)}


class TestByHand:
    def test_blocks_of_means(self):
        """A box of 60 x 60 pixels has 6 x 6 blocks of 10 x 10."""
        result = hidden([[20, 30, 80, 90]], how="pixels", shape="box", margin=0)
        means = PICTURE[30:90, 20:80].reshape(6, 10, 6, 10, 3).mean((1, 3))
        blocks = np.repeat(np.repeat(means, 10, 0), 10, 1)
        assert np.abs(result[30:90, 20:80] - blocks).max() <= 0.51
        outside = np.ones((120, 160), bool)
        outside[30:90, 20:80] = False
        assert not changed(result)[outside].any()

    def test_black(self):
        result = hidden([[20.5, 30, 80, 89.2]], how="box", margin=0)
        assert not result[30:90, 20:80].any()
        assert changed(result).sum() == 60 * 60

    def test_an_ellipse(self):
        covered = changed(hidden([[40, 40, 100, 80]], margin=0, how="pixels"))
        assert covered[60, 40:100].all() and covered[40:80, 70].all()
        assert not covered[42, 42] and not covered[:40].any() and not covered[:, 100:].any()
        # By its area, and half of the pixels that its line goes through.
        assert covered.sum() == pytest.approx(np.pi * 30 * 20 + np.pi * 50 / 2, rel=0.05)

    def test_a_margin_of_a_fifth_covers_nearly_all_of_the_box(self):
        covered = changed(hidden([[40, 40, 100, 100]]))
        assert covered[42:98, 42:98].all() and not covered[:, :28].any()

    def test_a_blur_is_smooth_and_of_the_face_s_colours(self):
        picture = np.full((120, 160, 3), [200, 120, 40], np.uint8)
        picture[:, 60:] = [20, 60, 220]
        result = hidden([[30, 30, 90, 90]], picture, margin=0, shape="box").astype(int)
        assert np.abs(np.diff(result[30:90, 30:90], axis=1)).max() < 40
        assert np.abs(result[60, 32] - [200, 120, 40]).max() <= 12
        np.testing.assert_array_equal(result[:30], picture[:30])


class TestInformation:
    @pytest.mark.parametrize("side", [3, 8, 20, 61, 110])
    @pytest.mark.parametrize("shape", ["ellipse", "box"])
    def test_of_any_size_36_colours_are_left(self, side, shape):
        result = hidden([[5.3, 4.8, 5.3 + side, 4.8 + side]], how="pixels", shape=shape)
        left = colours(result[changed(result)])
        assert 1 <= len(left) <= 36
        if side == 3:
            assert len(left) <= 4

    @pytest.mark.parametrize("how", ["blur", "pixels"])
    @pytest.mark.parametrize("shape", ["ellipse", "box"])
    def test_pictures_of_the_same_means_give_the_same(self, how, shape):
        """All else about the face is gone: here its pixels, shuffled within the blocks."""
        blocks = PICTURE[30:90, 20:80].reshape(6, 10, 6, 10, 3).swapaxes(1, 2).reshape(36, 100, 3)
        rng = np.random.default_rng(0)
        blocks = np.stack([rng.permutation(block) for block in blocks])
        other = PICTURE.copy()
        other[30:90, 20:80] = blocks.reshape(6, 6, 10, 10, 3).swapaxes(1, 2).reshape(60, 60, 3)
        assert changed(other).sum() > 3000
        first, second = (
            hidden([[20, 30, 80, 90]], picture, how=how, shape=shape, margin=0)
            for picture in (PICTURE, other)
        )
        covered = changed(first)
        np.testing.assert_array_equal(first[covered], second[covered])

    @pytest.mark.parametrize(("side", "block"), [(8, 3), (30, 5), (90, 15)])
    def test_strength_follows_the_face(self, side, block):
        box = [10, 10, 10 + side, 10 + side]
        row = hidden([box], how="pixels", shape="box", margin=0)[20 if side > 8 else 12]
        edges = np.flatnonzero(np.diff(row[10 : 10 + side].astype(int), axis=0).any(1))
        assert set(np.diff(edges)) == {block}


class TestAnyBoxes:
    @few
    @hypothesis.given(
        st.lists(st.tuples(sides, sides, sides, sides), max_size=4),
        st.sampled_from(WAYS),
        st.sampled_from(["ellipse", "box"]),
        st.sampled_from([0, 0.2, 1]),
    )
    def test_outside_of_the_enlarged_boxes_nothing_changes(self, given, how, shape, margin):
        boxes = np.array(given, np.float64).reshape(-1, 4)
        boxes[:, 2:] = boxes[:, :2] + boxes[:, 2:] + 0.1
        boxes = boxes[(boxes[:, :2] < (160, 120)).all(1)]
        result = hidden(boxes, how=how, shape=shape, margin=margin)
        outside = np.ones((120, 160), bool)
        for box in boxes.astype(np.float32):
            reach = np.maximum((box[2:] - box[:2]) * margin, 0.5)
            left, top = np.maximum(0, np.floor(box[:2] - reach)).astype(int)
            right, bottom = np.ceil(box[2:] + reach).astype(int)
            outside[top:bottom, left:right] = False
            x, y = np.minimum((box[:2] + box[2:]) / 2, (159, 119)).astype(int)
            if how == "box":
                assert not result[y, x].any()
        assert result.shape == PICTURE.shape and not changed(result)[outside].any()

    def test_overlapping_ones_are_both_gone(self):
        result = hidden([[20, 20, 80, 80], [50, 50, 110, 110]], how="pixels", shape="box", margin=0)
        both = np.zeros((120, 160), bool)
        both[20:80, 20:80] = both[50:110, 50:110] = True
        assert len(colours(result[both])) <= 72
        assert (changed(result) == both).mean() > 0.99

    @pytest.mark.parametrize("far", [1e3, 1e30])
    def test_boxes_far_larger_than_the_picture(self, far):
        result = mj.blur_faces(PICTURE, np.array([[-far, -far, far, far]]), how="pixels")
        assert len(colours(np.asarray(result))) == 1

    def test_at_the_border(self):
        result = hidden([[-20, -20, 30, 30], [140, 100, 190, 150]], how="box", margin=0)
        assert not result[:30, :30].any() and not result[100:, 140:].any()
        assert changed(result).sum() == pytest.approx(30 * 30 + 20 * 20, abs=2)


class TestArguments:
    def test_takes_faces_a_face_and_any_picture_and_leaves_them_alone(self):
        before = PICTURE.copy()
        found = faces(np.zeros((2, 5, 2)), [[20, 30, 80, 90], [90, 10, 120, 50]])
        result = mj.blur_faces(Image.fromarray(PICTURE), found)
        assert result.mode == "RGB" and result.size == (160, 120)
        np.testing.assert_array_equal(result, hidden(found.boxes))
        np.testing.assert_array_equal(mj.blur_faces(PICTURE, found[0]), hidden(found.boxes[:1]))
        np.testing.assert_array_equal(PICTURE, before)

    @pytest.mark.parametrize("how", WAYS)
    def test_without_faces_it_is_the_picture(self, how):
        np.testing.assert_array_equal(hidden(np.zeros((0, 4)), how=how), PICTURE)

    @pytest.mark.parametrize(
        ("boxes", "options", "message"),
        [
            ([[1, 2, 3]], {}, r"faces has the shape \[1, 3\]; accepted is .* boxes \[n, 4\]"),
            ([[9, 2, 3, 4]], {}, r"faces\[0\] has the box \[9.0, .*x1 up to x2"),
            ([[1, 2, np.nan, 4]], {}, r"faces\[0\] has the box .* accepted are finite"),
            ([[0, 0, 9, 9], [200, 0, 210, 9]], {}, r"faces\[1\] lies outside .* 160 x 120 pixels"),
            ([[0, 0, 9, 9]], {"how": "smooth"}, "how is 'smooth'; accepted are 'blur', 'pixels'"),
            ([[0, 0, 9, 9]], {"shape": "round"}, "shape is 'round'; accepted are 'ellipse', 'box'"),
            ([[0, 0, 9, 9]], {"margin": -1}, "margin is -1; accepted are numbers from 0 up"),
        ],
    )
    def test_refused(self, boxes, options, message):
        with pytest.raises(ValueError, match=message):
            hidden(boxes, **options)
