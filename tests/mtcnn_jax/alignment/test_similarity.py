"""The least squares against an SVD, and by the properties that a similarity has."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

import mtcnn_jax as mj
from tests.mtcnn_jax.alignment.warps import move, turned, umeyama, whole
from tests.properties import few

PUBLISHED = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""ArcFace's points, as they are published: counted from the centre of the first pixel."""

numbers = st.floats(-1, 1)
angles, scales = st.floats(-180, 180), st.floats(0.05, 20)
shifts = st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000))


@st.composite
def faces(draw):
    """Landmarks that are more or less a face, anywhere, of any size, turned as it may be."""
    noise = np.array(draw(st.lists(numbers, min_size=10, max_size=10))).reshape(5, 2)
    return move(turned(draw(angles), draw(scales), draw(shifts)), PUBLISHED + 12 * noise)


def scale_of(matrix):
    return np.sqrt(np.linalg.det(matrix[..., :2]))


class TestArcface:
    @few
    @hypothesis.given(faces())
    def test_equals_the_svd(self, points):
        found, wanted = mj.similarity(points).matrix, umeyama(points, PUBLISHED + 0.5)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)

    @few
    @hypothesis.given(st.lists(st.floats(-500, 500), min_size=10, max_size=10))
    def test_any_points_fit_as_the_svd_says_and_are_never_mirrored(self, points):
        points = np.array(points).reshape(5, 2)
        wanted = umeyama(points, PUBLISHED + 0.5) if np.ptp(points, axis=0).max() > 1 else None
        hypothesis.assume(wanted is not None and scale_of(wanted) > 0.01)
        found = mj.similarity(points).matrix
        assert np.linalg.det(found[:, :2]) > 0
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)

    @few
    @hypothesis.given(faces())
    def test_there_and_back_is_where_it_was(self, points):
        fit = mj.similarity(points)
        there_and_back = whole(fit.inverse) @ whole(fit.matrix)
        np.testing.assert_allclose(there_and_back, np.eye(3), atol=1e-8)
        single = mj.similarity(points.astype(np.float32))
        assert single.matrix.dtype == single.inverse.dtype == np.float32
        np.testing.assert_allclose(
            move(single.inverse, move(single.matrix, points)), points, atol=0.1
        )

    @few
    @hypothesis.given(faces(), angles, scales, shifts)
    def test_a_face_moved_lands_where_it_did(self, points, angle, scale, shift):
        moved = turned(angle, scale, shift)
        plain, after = mj.similarity(points), mj.similarity(move(moved, points))
        np.testing.assert_allclose(
            whole(after.matrix) @ whole(moved), whole(plain.matrix), rtol=1e-6, atol=1e-6
        )

    def test_the_published_points_are_counted_from_a_centre_and_ours_from_a_corner(self):
        """A face on the template stays where it is, in either way of counting."""
        np.testing.assert_allclose(
            mj.similarity(PUBLISHED + 0.5).matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-9
        )
        points = move(turned(20, 3.5, (100, 50)), PUBLISHED) + np.arange(10).reshape(5, 2)
        ours = mj.similarity(points + 0.5).matrix
        theirs = ours.copy()
        theirs[:, 2] += ours[:, :2] @ [0.5, 0.5] - 0.5
        np.testing.assert_allclose(theirs, umeyama(points, PUBLISHED), atol=1e-9)

    @pytest.mark.parametrize(
        ("options", "wanted"),
        [
            ({"size": 224}, (PUBLISHED + 0.5) * 2),
            ({"size": (112, 96)}, PUBLISHED + 0.5 - [8, 0]),
            ({"size": (112, 200)}, PUBLISHED + 0.5 + [44, 0]),
            ({"margin": 0.5}, (PUBLISHED + 0.5 - 56) / 2 + 56),
        ],
    )
    def test_other_sizes_by_hand(self, options, wanted):
        points = move(turned(-30, 2, (10, 20)), PUBLISHED + 0.5)
        matrix = mj.similarity(points, **options).matrix
        np.testing.assert_allclose(move(matrix, points), wanted, atol=1e-9)

    def test_points_on_a_line_have_a_fit(self):
        points = np.array([[30, 10], [30, 20], [30, 30], [30, 50], [30, 60]]) + 0.0
        np.testing.assert_allclose(
            mj.similarity(points).matrix, umeyama(points, PUBLISHED + 0.5), atol=1e-9
        )

    def test_a_mirrored_face_is_turned_not_mirrored(self):
        mirrored = (PUBLISHED * [-1, 1]) + [200, 0]
        matrix = mj.similarity(mirrored).matrix
        assert np.linalg.det(matrix[:, :2]) > 0
        swapped = mj.similarity(mirrored[[1, 0, 2, 4, 3]]).matrix
        assert scale_of(swapped) == pytest.approx(1, abs=0.01)


class TestBox:
    @pytest.mark.parametrize(
        ("box", "options", "corners"),
        [
            ([10, 20, 30, 40], {"size": 100}, [[0, 0], [100, 100]]),
            ([10, 20, 20, 40], {"size": 100}, [[25, 0], [75, 100]]),
            ([10, 20, 30, 40], {"size": (100, 200)}, [[50, 0], [150, 100]]),
            ([10, 20, 30, 40], {"size": 100, "margin": 0.25}, [[100 / 6] * 2, [500 / 6] * 2]),
        ],
    )
    def test_by_hand(self, box, options, corners):
        box = np.array(box, np.float64)
        fit = mj.similarity(box, template="box", **options)
        np.testing.assert_allclose(move(fit.matrix, box.reshape(2, 2)), corners)
        np.testing.assert_allclose(move(fit.inverse, np.array(corners)), box.reshape(2, 2))


class TestInJax:
    POINTS = np.stack(
        [move(turned(angle, 2, (50, 70)), PUBLISHED + 0.5) + angle % 7 for angle in (0, 25, -80)]
    ).astype(np.float32)

    @pytest.mark.parametrize("template", ["arcface", "box"])
    def test_jit_vmap_and_plain_are_equal(self, template):
        boxes = np.concatenate([self.POINTS.min(1), self.POINTS.max(1)], axis=1)
        points = self.POINTS if template == "arcface" else boxes

        def run(points):
            return mj.similarity(points, template=template)

        plain = run(points)
        assert isinstance(plain.matrix, np.ndarray)
        for found in (run(jnp.asarray(points)), jax.jit(run)(points), jax.vmap(run)(points)):
            assert isinstance(found.matrix, jax.Array) and found.matrix.dtype == np.float32
            for one, other in zip(found, plain, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)

    def test_the_gradient_is_that_of_small_steps(self):
        points = self.POINTS[1].astype(np.float64)
        weights = np.array([[3, -2, 0.01], [1, 0.5, 0.02]])

        def run(points):
            return (mj.similarity(points).matrix * weights).sum()

        found = jax.grad(run)(points.astype(np.float32))
        steps = 1e-3 * np.eye(10).reshape(10, 5, 2)
        wanted = [(run(points + step) - run(points - step)) / 2e-3 for step in steps]
        np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize("value", [0.0, 37.5, np.nan, np.inf])
    def test_without_a_fit_points_are_only_shifted(self, value):
        """As the rows behind the last face are, of what `detect_padded` gives."""
        points = np.full((5, 2), value, np.float32)
        found = jax.jit(mj.similarity)(points)
        at = value if np.isfinite(value) else 0
        middle = (PUBLISHED + 0.5).mean(0)
        np.testing.assert_allclose(found.matrix, [[1, 0, middle[0] - at], [0, 1, middle[1] - at]])
        np.testing.assert_allclose(found.inverse, [[1, 0, at - middle[0]], [0, 1, at - middle[1]]])
        slopes = jax.grad(lambda points: mj.similarity(points).matrix.sum())(points)
        assert np.isfinite(slopes).all()


class TestRefused:
    @pytest.mark.parametrize(
        ("points", "message"),
        [
            (
                np.full((5, 2), 9.0),
                "landmarks points are all in one place: .*; accepted are five",
            ),
            (
                np.full((3, 5, 2), 4000.7, np.float32),
                r"landmarks points\[0\] are all in one place",
            ),
            (np.full((5, 2), np.nan), "the landmarks points are not all finite"),
            (np.zeros((5, 3)), r"shape \[5, 3\]; .* 'arcface' is landmarks \[\.\.\., 5, 2\]"),
            (np.zeros((2, 4)), r"shape \[2, 4\]; .* is landmarks"),
            ("eyes", "points is a str; accepted is an array of numbers"),
            ([[1, 2], [3]], "points is a list; accepted is an array of numbers"),
        ],
    )
    def test_points(self, points, message):
        with pytest.raises((TypeError, ValueError), match=message):
            mj.similarity(points)

    def test_points_that_fit_any_turn_alike(self):
        """x and y of the template changed so that each product with it cancels."""
        goal = PUBLISHED - PUBLISHED.mean(0)
        basis = np.stack([goal, goal[:, ::-1] * [1, -1]]).reshape(2, 10)
        points = np.array([1, 0, 0, 0, 0, 0, 0, 0, -1.0, 0])
        means = np.stack([np.tile([1, 0], 5), np.tile([0, 1], 5)])
        basis = np.concatenate([basis, means])
        points -= np.linalg.pinv(basis) @ basis @ points
        assert np.linalg.norm(points) > 0.1
        with pytest.raises(
            ValueError, match="landmarks points fit no turn of a face: .* left eye, right eye"
        ):
            mj.similarity(100 * points.reshape(5, 2))

    @pytest.mark.parametrize("box", [[5, 5, 5, 9], [9, 5, 5, 9]])
    def test_boxes(self, box):
        boxes = np.array([[0, 0, 1, 1], box], np.float32)
        with pytest.raises(ValueError, match=r"the box points\[1\] has no area: .* x1 < x2"):
            mj.similarity(boxes, template="box")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"size": 0},
                "size is 0; accepted is a whole number of pixels from 1 to 16384",
            ),
            ({"size": 16385}, "size is 16385; accepted"),
            ({"size": 112.0}, "size is 112.0; accepted"),
            ({"size": (112, 96, 3)}, r"size is \(112, 96, 3\); accepted"),
            ({"size": "112"}, "size is '112'; accepted"),
            ({"size": None}, "size is None; accepted"),
            ({"template": "ffhq"}, "template is 'ffhq'; accepted are 'arcface' and 'box'"),
            ({"margin": -0.1}, "margin is -0.1; accepted are numbers from 0 up"),
            ({"margin": float("nan")}, "margin is nan; accepted"),
            ({"margin": True}, "margin is True; accepted"),
            ({"margin": "wide"}, "margin is 'wide'; accepted"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            mj.similarity(PUBLISHED, **options)
