"""Crops against a NumPy oracle that walks over every sample, and against exact pictures."""

import jax
import numpy as np
import pytest

from mtcnn_jax import crops


def mip(picture, level):
    """Each pixel the mean of those of the picture that it covers."""
    step = 2**level
    rows, columns = (range(0, length, step) for length in picture.shape[:2])
    return np.array(
        [[picture[r : r + step, c : c + step].mean((0, 1)) for c in columns] for r in rows]
    )


def oracle(picture, window, crop_size):
    """One crop: bilinear samples of the right mip, black outside, mean of 2 x 2."""
    x1, y1, x2, y2 = window
    level = 0
    while max(x2 - x1, y2 - y1) / 2**level / crop_size >= 2:
        level += 1
    extent = [length / 2**level for length in picture.shape[:2]]
    picture = mip(picture.astype(np.float64), level)

    def pixel(row, column):
        if not (0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]):
            return np.zeros(3)
        covered = min(extent[0] - row, 1) * min(extent[1] - column, 1)
        return picture[row, column] * covered

    samples = np.zeros((2 * crop_size, 2 * crop_size, 3))
    for i in range(2 * crop_size):
        for j in range(2 * crop_size):
            y = (y1 + (i + 0.5) / (2 * crop_size) * (y2 - y1)) / 2**level - 0.5
            x = (x1 + (j + 0.5) / (2 * crop_size) * (x2 - x1)) / 2**level - 0.5
            row, column = int(np.floor(y)), int(np.floor(x))
            for r, wr in ((row, row + 1 - y), (row + 1, y - row)):
                for c, wc in ((column, column + 1 - x), (column + 1, x - column)):
                    samples[i, j] += wr * wc * pixel(r, c)
    return samples.reshape(crop_size, 2, crop_size, 2, 3).mean((1, 3))


WINDOWS = np.array(
    [
        [3.3, 4.1, 15.3, 16.1],
        [0, 0, 37, 37],
        [-20.5, -11.25, 60, 69.25],
        [30.2, 40.7, 55.2, 65.7],
        [-40, -40, -20, -20],
        [5, 5, 8, 8],
        [10, 2, 34, 14],
    ],
    np.float32,
)


cut = jax.jit(crops.crop_windows, static_argnames="crop_size")


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


def test_a_padded_picture_gives_the_same_crops():
    picture = random_picture()
    size = np.array(picture.shape[:2])
    canvas = np.full((80, 64, 3), 77, np.uint8)
    canvas[: size[0], : size[1]] = picture
    plain = cut(picture, size, WINDOWS, crop_size=12)
    padded = cut(canvas, size, WINDOWS, crop_size=12)
    np.testing.assert_allclose(plain, padded, atol=1e-3)


def test_a_window_of_whole_pixels_at_scale_one_is_the_picture_smoothed_within_pixels():
    """A linear ramp comes back exactly: no shift, not even of half a pixel."""
    ramp = np.broadcast_to(np.arange(40)[None, :, None] * 4.0, (40, 40, 3)).astype(np.float32)
    for start, side in ((4, 12), (6, 24), (2, 36)):
        window = np.array([[start, start, start + side, start + side]], np.float32)
        found = cut(ramp, np.array([40, 40]), window, crop_size=12)
        centres = start + (np.arange(12) + 0.5) * side / 12
        np.testing.assert_allclose(found[0, 5, :, 0], 4 * (centres - 0.5), atol=1e-3)


def test_jit_and_vmap_equal_plain():
    pictures = np.stack([random_picture(21, 17), random_picture(21, 17)[::-1]])
    sizes = np.array([[21, 17], [20, 15]])

    def run(picture, size):
        return crops.crop_windows(picture, size, WINDOWS, crop_size=6)

    with jax.disable_jit():
        plain = np.stack([run(*pair) for pair in zip(pictures, sizes, strict=True)])
    np.testing.assert_allclose(jax.vmap(run)(pictures, sizes), plain, atol=1e-3)
    np.testing.assert_allclose(jax.jit(run)(pictures[1], sizes[1]), plain[1], atol=1e-3)
