"""Crops against a NumPy oracle of overlaps with every pixel, and against exact pictures."""

import functools

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

from mtcnn_jax.cascade import crops
from tests.properties import few


def mip(picture, level):
    """Each pixel the mean of those of the picture that it covers."""
    step = 2**level
    rows, columns = (range(0, length, step) for length in picture.shape[:2])
    return np.array(
        [[picture[r : r + step, c : c + step].mean((0, 1)) for c in columns] for r in rows]
    )


def overlaps(low, high, count, length):
    """Shares [count, length] of the pixels of a line in each of `count` parts of [low, high]."""
    edges = low + (high - low) * np.arange(count + 1) / count
    pixels = np.arange(length)
    inner = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.maximum(inner, 0) / np.diff(edges)[:, None]


def oracle(picture, window, crop_size):
    """One crop by the definition: means over squares, black outside; of the right mip."""
    x1, y1, x2, y2 = np.asarray(window, np.float64)
    level = 0
    while max(x2 - x1, y2 - y1) / 2**level / crop_size >= 4:
        level += 1
    pixels = mip(picture.astype(np.float64), level)
    for axis, (low, high) in enumerate(((y1, y2), (x1, x2))):
        length = pixels.shape[axis]
        covered = np.clip(picture.shape[axis] / 2**level - np.arange(length), 0, 1)
        share = overlaps(low / 2**level, high / 2**level, crop_size, length) * covered
        pixels = np.moveaxis(np.tensordot(share, pixels, (1, axis)), 0, axis)
    return pixels


WINDOWS = np.array(
    [
        [3.3, 4.1, 15.3, 16.1],
        [0, 0, 37, 37],
        [-20.5, -11.25, 60, 69.25],
        [30.2, 40.7, 55.2, 65.7],
        [-40, -40, -20, -20],
        [5, 5, 8, 8],
        [10, 2, 34, 14],
        [-30, -40, 70, 60],
    ],
    np.float32,
)


def crop_windows(picture, size, windows, **options):
    count = crops.mip_count(picture.shape[:2], options["crop_size"])
    pixels, shapes = crops.materialized_mips(picture, size, count)
    return crops.crop_from(pixels, shapes, size, windows, **options)


cut = jax.jit(crop_windows, static_argnames=("crop_size", "normalized"))


def random_picture(height=51, width=37):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("crop_size", [5, 12])
def test_equal_the_oracle(crop_size):
    picture = random_picture()
    size = np.array(picture.shape[:2])
    found = cut(picture, size, WINDOWS, crop_size=crop_size)
    wanted = np.stack([oracle(picture, window, crop_size) for window in WINDOWS])
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    assert not found[4].any()


def test_a_window_turned_over_is_seen_mirrored():
    picture, mirrored = random_picture(), WINDOWS[:, [2, 1, 0, 3]]
    size = np.array(picture.shape[:2])
    found = cut(picture, size, mirrored, crop_size=12)
    wanted = np.stack([oracle(picture, window, 12)[:, ::-1] for window in WINDOWS])
    np.testing.assert_allclose(found, wanted, atol=2e-3)


@st.composite
def any_windows(draw):
    """As many as `WINDOWS`, on quarters of pixels, in which both sides compute exactly."""
    # Where four pixels fit in exactly, a mip or its half is right.
    quarters = st.integers(3, 480).filter(lambda length: length not in (80, 160, 320))
    corner = st.tuples(st.integers(-400, 300), st.integers(-400, 300))
    one = st.tuples(corner, st.tuples(quarters, quarters))
    drawn = np.array(draw(st.lists(one, min_size=8, max_size=8)), np.float32) / 4
    return np.concatenate([drawn[:, 0], drawn.sum(axis=1)], axis=1)


# To look for a simpler one takes minutes.
@hypothesis.settings(few, max_examples=12, phases=[hypothesis.Phase.generate])
@hypothesis.given(any_windows(), st.integers(1, 51), st.integers(1, 37))
def test_any_windows_of_any_picture_equal_the_oracle(windows, height, width):
    picture = random_picture()
    found = cut(picture, np.array([height, width]), windows, crop_size=5)
    wanted = np.stack([oracle(picture[:height, :width], window, 5) for window in windows])
    np.testing.assert_allclose(found, wanted, atol=2e-3)


@pytest.mark.parametrize("side", [11, 20, 45])
def test_one_axis_after_the_other_is_both_at_once(side, monkeypatch):
    """To the last pixel of the picture's last row, and out of it on every side."""
    picture, size = random_picture(), np.array([51, 37])
    corners = np.array(
        [[0, 0], [-side / 2, -7], [37.5 - side, 51.5 - side], [36, 50], [20.3, 33.3]]
    )
    windows = np.concatenate([corners, corners + side], axis=1).astype(np.float32)
    found = cut(picture, size, windows, crop_size=12)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    crops.crop_from.clear_cache()
    at_once = jax.jit(functools.partial(crop_windows, crop_size=12))(picture, size, windows)
    np.testing.assert_allclose(found, at_once, atol=1e-3)
    crops.crop_from.clear_cache()


def test_normalised_crops_by_hand():
    picture = random_picture()
    size = np.array(picture.shape[:2])
    pixels, normal = (
        cut(picture, size, WINDOWS, crop_size=5, normalized=normalized)
        for normalized in (False, True)
    )
    np.testing.assert_allclose(normal, (pixels - 127.5) / 128, atol=1e-5)
    np.testing.assert_allclose(normal[4], -127.5 / 128)


@pytest.mark.parametrize("shape", [(51, 37), (64, 128), (1, 5)])
def test_the_parts_of_the_materialized_mips_are_the_mips(shape):
    picture = random_picture(*shape)
    pixels, shapes = jax.jit(crops.materialized_mips, static_argnums=2)(picture, np.array(shape), 4)
    shapes = jax.tree.map(int, shapes)
    for level, part in enumerate(crops.parted(pixels, shapes)):
        np.testing.assert_allclose(part, mip(picture, level), atol=1e-3)
    assert not np.any(pixels[-crops.SPARE :])


def test_a_crop_size_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match="crop_size is 128; accepted are sizes up to 127"):
        crop_windows(random_picture(), np.array([51, 37]), WINDOWS, crop_size=128)


def test_a_padded_picture_gives_the_same_crops():
    picture = random_picture()
    size = np.array(picture.shape[:2])
    canvas = np.full((80, 64, 3), 77, np.uint8)
    canvas[: size[0], : size[1]] = picture
    plain = cut(picture, size, WINDOWS, crop_size=12)
    padded = cut(canvas, size, WINDOWS, crop_size=12)
    np.testing.assert_allclose(plain, padded, atol=1e-3)


def test_whole_pixels_of_a_ramp_come_back_exactly():
    """No shift, not even of half a pixel, at one to eight of the picture's pixels for a crop's."""
    ramp = np.broadcast_to(np.arange(128)[None, :, None] * 2.0, (128, 128, 3)).astype(np.float32)
    for start, side in ((4, 12), (6, 24), (2, 36), (8, 96), (16, 96)):
        window = np.array([[start, start, start + side, start + side]], np.float32)
        found = cut(ramp, np.array([128, 128]), window, crop_size=12)
        centres = start + (np.arange(12) + 0.5) * side / 12
        np.testing.assert_allclose(found[0, 5, :, 0], 2 * (centres - 0.5), atol=1e-3)


def test_a_window_on_the_pixels_is_the_picture_and_an_enlarged_one_repeats_them():
    picture = random_picture(40, 40)
    window = np.array([[5, 9, 17, 21]], np.float32)
    size = np.array([40, 40])
    np.testing.assert_allclose(cut(picture, size, window, crop_size=12)[0], picture[9:21, 5:17])
    twice = np.repeat(np.repeat(picture[9:21, 5:17], 2, axis=0), 2, axis=1)
    np.testing.assert_allclose(cut(picture, size, window, crop_size=24)[0], twice, atol=1e-3)


def test_windows_without_a_size_or_far_outside_give_numbers():
    windows = np.array([[7, 7, 7, 7], [9, 9, 3, 3], [-1e6, 0, -1e5, 9e5], [0, 0, 1e6, 1e6]])
    found = cut(random_picture(), np.array([51, 37]), windows.astype(np.float32), crop_size=5)
    assert np.isfinite(found).all() and (found >= 0).all() and (found <= 255.01).all()


def test_jit_and_vmap_equal_plain():
    pictures = np.stack([random_picture(21, 17), random_picture(21, 17)[::-1]])
    sizes = np.array([[21, 17], [20, 15]])

    def run(picture, size):
        return crop_windows(picture, size, WINDOWS, crop_size=6)

    with jax.disable_jit():
        plain = np.stack([run(*pair) for pair in zip(pictures, sizes, strict=True)])
    np.testing.assert_allclose(jax.jit(jax.vmap(run))(pictures, sizes), plain, atol=1e-3)
    np.testing.assert_allclose(jax.jit(run)(pictures[1], sizes[1]), plain[1], atol=1e-3)
