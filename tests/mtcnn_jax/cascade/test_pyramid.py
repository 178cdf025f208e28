"""The pyramid against a NumPy oracle that weighs every pixel."""

import jax
import numpy as np
import pytest

from mtcnn_jax.cascade import crops, pyramid


def levels_of(picture, canvas_shape=None, **options):
    """The part of each level that shows the picture, laid on a canvas of noise."""
    height, width = picture.shape[:2]
    size = np.array([height, width])
    canvas = np.random.default_rng(9).integers(0, 256, (*(canvas_shape or (height, width)), 3))
    canvas = canvas.astype(np.uint8)
    canvas[:height, :width] = picture
    plan = pyramid.plan(canvas.shape[:2], **options)

    @jax.jit
    def build(canvas, size):
        chain = crops.mip_chain(canvas, size, pyramid.mips_used(plan))
        return [pyramid.resample(chain, size, level) for level in plan]

    built = build(canvas, size)
    parts = []
    for level, pixels in zip(plan, built, strict=True):
        rows, columns = pyramid.level_size(level, size)
        if rows:
            parts.append((level, np.asarray(pixels)[:rows, :columns]))
    return parts


def halve(values):
    """Means of neighbours along the first axis, in pairs; the last one may stand alone."""
    return np.array([values[i : i + 2].mean(0) for i in range(0, len(values), 2)])


def resampled(values, extent, scale, length):
    """One axis by the definition: a triangle of two of the result's pixels, renormalised."""
    out = []
    for i in range(length):
        centre, radius = (i + 0.5) / scale, max(1, 1 / scale)
        at = np.arange(len(values)) + 0.5
        weight = np.maximum(0, 1 - np.abs(at - centre) / radius)
        weight *= np.clip(extent - np.arange(len(values)), 0, 1)
        out.append((values * weight[:, None, None]).sum(0) / weight.sum())
    return np.array(out)


@pytest.mark.parametrize("shape", [(48, 64), (61, 47), (97, 120)])
def test_levels_equal_the_oracle(shape):
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    parts = levels_of(picture)
    assert len(parts) == {48: 3, 47: 3, 97: 5}[min(shape)]
    for level, found in parts:
        pixels = picture.astype(np.float64)
        for axis in (0, 1):
            values, extent = np.moveaxis(pixels, axis, 0), float(shape[axis])
            for _ in range(level.mip):
                # The last pixel of an odd row of mips is covered in part, and weighs as much.
                covered = np.clip(extent - np.arange(len(values)), 0, 1)[:, None, None]
                total = halve(values * covered) / np.maximum(halve(covered), 1e-9)
                values, extent = total, extent / 2
            scale = level.scale * 2**level.mip
            values = resampled(values, extent, scale, found.shape[axis])
            pixels = np.moveaxis(values, 0, axis)
        np.testing.assert_allclose(found, pixels, atol=0.01)


def test_plan_holds_every_level_with_a_window_and_none_smaller():
    plan = pyramid.plan((480, 640), min_face_size=20, scale_factor=0.709)
    scales = [0.6 * 0.709**k for k in range(30)]
    wanted = [scale for scale in scales if 480 * scale >= 12]
    np.testing.assert_allclose([level.scale for level in plan], wanted)
    assert plan[0].shape == (288, 384)


@pytest.mark.parametrize(
    ("side", "face", "count"), [(20, 20, 1), (19, 20, 0), (12, 12, 1), (11, 12, 0), (29, 20, 2)]
)
def test_the_smallest_pictures(side, face, count):
    assert len(pyramid.plan((side, side), min_face_size=face)) == count
    size = np.array([side, side])
    canvas_plan = pyramid.plan((100, 100), min_face_size=face)
    cells = [int(pyramid.cell_valid(level, size).sum()) for level in canvas_plan]
    assert sum(cell > 0 for cell in cells) == count


def test_padding_changes_nothing():
    picture = np.random.default_rng(2).integers(0, 256, (61, 83, 3)).astype(np.uint8)
    plain, padded = levels_of(picture), levels_of(picture, (128, 100))
    assert [level.scale for level, _ in plain] == [level.scale for level, _ in padded]
    for (_, one), (_, other) in zip(plain, padded, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_cell_windows_cover_twelve_pixels_of_the_level_every_two():
    level = pyramid.plan((40, 60), min_face_size=24)[0]
    windows = pyramid.cell_windows(level) * pyramid.units((level,))
    np.testing.assert_allclose(windows[1, 3], [12, 4, 36, 28], rtol=1e-6)
    valid = pyramid.cell_valid(level, np.array([31, 60]))
    assert (
        valid.sum() == 3 * 10
    )  # 16 x 30 pixels of the level: (16 - 12) / 2 + 1, (30 - 12) / 2 + 1
    assert windows[:3, :10].reshape(-1, 4)[valid[:3, :10].ravel()].max() <= 60


def test_a_ramp_is_not_shifted():
    ramp = np.broadcast_to(np.arange(120)[None, :, None], (120, 120, 3)).astype(np.uint8)
    for level, found in levels_of(ramp):
        inner = slice(4, found.shape[1] - 4)
        centres = (np.arange(found.shape[1]) + 0.5) / level.scale
        shift = found[found.shape[0] // 2, inner, 0] - (centres[inner] - 0.5)
        assert np.abs(shift).max() < 0.1 / level.scale  # the renormalised triangle's ripple
        assert abs(shift.mean()) < 0.02 / level.scale


def test_jit_equals_plain():
    picture = np.random.default_rng(3).integers(0, 256, (24, 30, 3)).astype(np.uint8)
    with jax.disable_jit():
        plain = levels_of(picture)
    for (_, one), (_, other) in zip(plain, levels_of(picture), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_vmap_equals_a_loop():
    rng = np.random.default_rng(4)
    pictures = rng.integers(0, 256, (2, 48, 48, 3)).astype(np.uint8)
    sizes = np.array([[48, 48], [37, 42]])
    plan = pyramid.plan((48, 48))

    def build(picture, size):
        chain = crops.mip_chain(picture, size, pyramid.mips_used(plan))
        return [pyramid.resample(chain, size, level) for level in plan]

    many = jax.jit(jax.vmap(build))(pictures, sizes)
    assert len(many) == 3
    for row, pair in enumerate(zip(pictures, sizes, strict=True)):
        for one, found in zip(jax.jit(build)(*pair), many, strict=True):
            np.testing.assert_allclose(found[row], one, atol=1e-3)
