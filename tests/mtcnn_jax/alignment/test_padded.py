"""The pure function against the one on the host, and under JAX's transformations."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.alignment.align import _cut
from tests.mtcnn_jax.alignment.test_align import noise
from tests.mtcnn_jax.alignment.warps import centres, turned, waves, whole

INVERSES = np.stack(
    [
        turned(0, 0.5, (10, 20)),
        turned(25, 1, (40, 15)),
        turned(-140, 1.7, (80, 90)),
        turned(10, 3.7, (-5, -9)),
        turned(60, 9, (60, -40)),
        turned(3, 30, (-100, -100)),
    ]
)
"""From crops of 16 x 12 pixels to a picture of 120 x 100."""
MATRICES = np.stack([np.linalg.inv(whole(one))[:2] for one in INVERSES]).astype(np.float32)
SIZE, SHAPE = np.array([120, 100]), (16, 12)

cut = functools.partial(
    jax.jit(mj.align_padded, static_argnames=("crop_size", "outside")), crop_size=SHAPE
)


def canvas_of(picture):
    """The picture on a canvas that holds no numbers beside it, as a float is allowed to."""
    canvas = np.full((128, 110, 3), np.nan, np.float32)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    return canvas


def on_the_host(picture, outside="black"):
    return np.stack([_cut(picture, one, SHAPE, outside) for one in INVERSES])


@pytest.mark.parametrize("outside", ["black", "edge"])
def test_equals_the_host(outside):
    picture = waves(centres(*SIZE)).round().astype(np.uint8)
    found = cut(canvas_of(picture), SIZE, MATRICES, outside=outside)
    assert found.shape == (6, 16, 12, 3) and found.dtype == np.float32
    wanted = on_the_host(picture, outside)
    # Where nothing is joined, to the rounding; else halves against other parts of a whole.
    np.testing.assert_allclose(found[:4], wanted[:4], atol=0.02)
    assert np.abs(found - wanted).mean() < 3 and wanted[4:].std() > 20


def test_on_whole_pixels_it_is_the_picture():
    """Where a position rounded to both sides would read a neighbour."""
    picture = noise(*SIZE)
    corners = np.array([[0, 0], [3, 7], [61, 80], [88, 104], [33, 11], [50, 49]])
    matrices = np.array([np.column_stack([np.eye(2), -corner]) for corner in corners], np.float32)
    wanted = [picture[y : y + 16, x : x + 12] for x, y in corners]
    np.testing.assert_allclose(cut(canvas_of(picture), SIZE, matrices), wanted, atol=1e-2)


def test_a_canvas_is_read_as_the_picture_alone():
    picture = noise(*SIZE)
    wanted = cut(picture, SIZE, MATRICES, outside="edge")
    found = cut(np.pad(picture, ((0, 8), (0, 10), (0, 0))), SIZE, MATRICES, outside="edge")
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_other_processors_read_all_sizes_alike(monkeypatch):
    canvas = canvas_of(noise(*SIZE))
    wanted = cut(canvas, SIZE, MATRICES)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    cut.func.clear_cache()
    np.testing.assert_allclose(cut(canvas, SIZE, MATRICES), wanted, atol=1e-2)
    cut.func.clear_cache()


def test_vmap_and_its_gradient_are_those_of_one_by_one():
    """A crop is linear in the picture: the gradient of each number gives it back."""
    canvases = np.stack([np.nan_to_num(canvas_of(noise(*SIZE, seed))) for seed in range(2)])
    sizes = np.array([SIZE, [90, 71]])
    weights = np.random.default_rng(1).normal(size=(6, *SHAPE, 3))

    def run(canvas, size):
        crops = cut(canvas, size, MATRICES)
        return (crops * weights).sum(), crops

    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(run, has_aux=True)))(canvases, sizes)
    for (value, found), slope, canvas, size in zip(
        zip(*values, strict=True), slopes, canvases, sizes, strict=True
    ):
        np.testing.assert_allclose(found, cut(canvas, size, MATRICES), atol=1e-2)
        np.testing.assert_allclose((slope * canvas).sum(), value, rtol=1e-3, atol=1)


def test_the_gradient_by_the_matrices_is_that_of_small_steps():
    """On a smooth picture, so that an aligner can be trained through the crops."""
    canvas = canvas_of(waves(centres(*SIZE)))
    x, y = np.linspace(-1, 1, SHAPE[1]), np.linspace(-1, 1, SHAPE[0])[:, None]
    weights = ((1 - x**2) * (1 - y**2))[..., None] * np.array([1, -2, 3])
    inside = MATRICES[[0, 1, 0, 1, 0, 1]]

    @jax.jit
    @jax.value_and_grad
    def run(matrices):
        return (cut(canvas, SIZE, matrices) * weights).sum()

    found = run(inside)[1]
    assert np.isfinite(found).all()
    for row, column, step in ((0, 2, 0.1), (1, 2, 0.1), (0, 1, 0.004), (0, 0, 0.004)):
        change = np.zeros((6, 2, 3), np.float32)
        change[:2, row, column] = step
        slope = (run(inside + change)[0] - run(inside - change)[0]) / (2 * step)
        assert found[:2, row, column].sum() == pytest.approx(float(slope), rel=0.02)


def test_from_points_to_crops_in_one_program():
    points = np.array([[40, 40], [60, 40], [50, 52], [42, 62], [58, 62]], np.float32)
    points = np.stack([points, np.zeros((5, 2), np.float32)])  # A row behind the last face.
    picture = noise(*SIZE)

    @jax.jit
    def run(canvas, size, points):
        return mj.align_padded(
            canvas, size, mj.similarity(points, size=16).matrix, crop_size=16, outside="edge"
        )

    found = run(picture, SIZE, points)
    wanted = mj.align(picture, points[:1], size=16, outside="edge")
    assert np.abs(found[:1] - wanted).max() <= 0.51 and np.isfinite(found).all()


def test_without_a_matrix_it_is_black():
    none = np.stack([MATRICES[0] * np.nan, MATRICES[0] * 0, MATRICES[0]])
    found = cut(canvas_of(noise(*SIZE)), SIZE, np.concatenate([none] * 2))
    assert not found[:2].any() and found[2].any()
    assert cut(noise(*SIZE), SIZE, MATRICES[:0]).shape == (0, 16, 12, 3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"canvas": np.zeros((9, 9))}, r"canvas has the shape \[9, 9\]; .* \[h, w, 3\]"),
        ({"canvas": [[0]]}, r"canvas is a list; accepted is an array \[h, w, 3\]"),
        ({"size": np.zeros(3, int)}, r"size has the shape \[3\]; accepted is an array \[2\]"),
        ({"matrices": MATRICES[0]}, r"matrices has the shape \[2, 3\]; .* \[n, 2, 3\]"),
        ({"crop_size": 0}, "size is 0"),
        ({"outside": "white"}, "outside is 'white'"),
    ],
)
def test_refused(changed, message):
    given = {"canvas": jnp.zeros((9, 9, 3)), "size": SIZE, "matrices": MATRICES} | changed
    with pytest.raises((TypeError, ValueError), match=message):
        mj.align_padded(**given)
