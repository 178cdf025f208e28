"""Detection in pictures of many sizes, a thread for each canvas."""

import threading
import time
import types

import jax
import numpy as np
import pytest

from experiments.mining import buckets
from mtcnn_jax import DetectConfig
from mtcnn_jax.runtime.buckets import BUCKETS


@pytest.mark.parametrize("side_by_side", [1, 2])
def test_each_bucket_is_looked_at_once_and_the_order_stays(side_by_side, monkeypatch):
    together, met = [], threading.Barrier(side_by_side, timeout=20)

    def stages(params, images, config, *, until, buckets):
        assert buckets == BUCKETS
        met.wait()  # Breaks unless so many are under way at a time.
        together.append(sorted(image.shape[:2] for image in images))
        return [{until: np.full((1, 5), image.shape[1], np.float32)} for image in images]

    monkeypatch.setattr(buckets, "detect_stages", stages)
    monkeypatch.setattr(buckets, "workers", lambda: side_by_side)
    sizes = [(100, 150), (300, 200), (90, 160), (320, 320)]
    images = [np.zeros((*size, 3), np.uint8) for size in sizes]
    found = buckets.stages_by_bucket({}, images, DetectConfig(), until="pnet")
    assert [int(left["pnet"][0, 0]) for left in found] == [150, 200, 160, 320]
    assert sorted(together) == [[(90, 160), (100, 150)], [(300, 200), (320, 320)]]


def test_a_bar_shows_how_far_it_is_if_it_has_a_name(monkeypatch, capsys):
    def stages(params, images, config, *, until, buckets):
        return [{until: np.full((1, 5), image[0, 0, 0], np.float32)} for image in images]

    monkeypatch.setattr(buckets, "detect_stages", stages)
    images = [np.full((90, 160, 3), number, np.uint8) for number in range(40)]
    for told in (None, "calibrating pnet"):
        found = buckets.stages_by_bucket({}, images, DetectConfig(), until="pnet", told=told)
        assert [int(left["pnet"][0, 0]) for left in found] == list(range(40))
        shown = capsys.readouterr().err
        assert ("calibrating pnet" in shown and "40/40" in shown) == (told is not None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_ends_one_bucket_ends_the_others_soon(monkeypatch, error):
    looked_at, broken = [], threading.Event()

    def stages(params, images, config, *, until, buckets):
        if len(images) == 1:
            broken.set()
            raise error
        assert broken.wait(20)
        time.sleep(0.05)
        looked_at.append(len(images))
        return [{until: np.zeros((0, 5), np.float32)} for _ in images]

    monkeypatch.setattr(buckets, "detect_stages", stages)
    monkeypatch.setattr(buckets, "workers", lambda: 2)
    images = [np.zeros((300, 200, 3), np.uint8)]
    images += [np.zeros((90, 160, 3), np.uint8)] * 800
    with pytest.raises(error):
        buckets.stages_by_bucket({}, images, DetectConfig(), until="pnet")
    assert len(looked_at) < 10


@pytest.mark.parametrize(
    ("platform", "limit", "wanted"),
    [("cpu", 64 << 30, 1), ("gpu", 60 << 30, 10), ("gpu", 4 << 30, 1), ("gpu", None, 1)],
)
def test_workers_follow_from_the_memory(platform, limit, wanted, monkeypatch):
    stats = None if limit is None else {"bytes_limit": limit}
    device = types.SimpleNamespace(platform=platform, memory_stats=lambda: stats)
    monkeypatch.setattr(jax, "local_devices", lambda: [device])
    assert buckets.workers() == wanted
