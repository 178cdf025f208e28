"""All levels of the pyramid on one picture: where they lie, and what P-Net makes of it."""

import jax
import numpy as np
import pytest

from mtcnn_jax import DetectConfig
from mtcnn_jax.cascade import crops, packing, pyramid, stages
from mtcnn_jax.cascade.packing import groups, pack
from mtcnn_jax.networks.backends import BACKENDS
from mtcnn_jax.runtime.buckets import BUCKETS


@pytest.mark.parametrize("shape", [*BUCKETS, (12, 12), (13, 777), (1024, 4096)])
@pytest.mark.parametrize("min_face_size", [12, 20, 31.7])
def test_levels_lie_apart_at_even_places(shape, min_face_size):
    levels = pyramid.plan(shape, min_face_size=min_face_size)
    (height, width), corners = pack([level.shape for level in levels])
    taken = np.zeros((height, width), int)
    for level, (y, x) in zip(levels, corners, strict=True):
        assert y % 2 == x % 2 == 0
        taken[y : y + level.shape[0], x : x + level.shape[1]] += 1
    assert taken.max(initial=0) <= 1 and height % 2 == width % 2 == 0
    assert taken.sum() == sum(level.shape[0] * level.shape[1] for level in levels)
    if shape in BUCKETS:
        assert taken.size < 1.25 * taken.sum()


def test_nothing_is_packed_into_nothing():
    assert pack([]) == ((0, 0), ())


def test_small_levels_go_together_on_a_cpu_and_all_on_a_gpu():
    levels = pyramid.plan((480, 640))
    counts = {backend: [len(group) for group in groups(levels, backend)] for backend in BACKENDS}
    assert counts["reference"] == [1] * 10
    assert counts["cpu"] == [1, 1, 1, 7]  # 288x384, 205x273 and 145x194; the next has 103x137.
    assert counts["gpu"] == [10]
    assert all(sum(groups(levels, backend), ()) == levels for backend in BACKENDS)
    assert not any(groups((), backend) for backend in BACKENDS)


@pytest.mark.parametrize("backend", ["gpu", "cpu"])
@pytest.mark.parametrize("size", [(97, 131), (100, 140)])
def test_cells_over_packed_levels_are_those_over_the_levels(
    size, backend, params, street, monkeypatch
):
    """The picture fills its canvas, whose levels have odd sides, or only a part of it."""
    monkeypatch.setattr(packing, "ALONE", 2000)
    canvas = street[: max(97, size[0]), : max(131, size[1])]
    levels = pyramid.plan(canvas.shape[:2])
    assert any(level.shape[0] % 2 for level in levels)
    assert any(level.shape[1] % 2 for level in levels)

    def scan(backend):
        chain = crops.mip_chain(canvas, np.array((97, 131)), pyramid.mips_used(levels))
        config = DetectConfig(thresholds=(0.0, 0.0, 0.0), backend=backend)
        return stages.scan(params, chain, np.array((97, 131)), levels, config)

    assert len(groups(levels, backend)) == {"gpu": 1, "cpu": 3}[backend] < len(levels)
    plain, found = (jax.jit(scan, static_argnums=0)(each) for each in ("reference", backend))
    np.testing.assert_array_equal(found.valid, plain.valid)
    np.testing.assert_array_equal(found.groups, plain.groups)
    assert plain.valid.sum() > 1000
    for name in ("boxes", "scores", "offsets"):
        one, other = (np.asarray(getattr(cells, name))[plain.valid] for cells in (found, plain))
        np.testing.assert_allclose(one, other, atol=1e-5)
