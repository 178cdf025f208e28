"""One program for pictures of any size: the faces of the one for each size, and compiled once."""

import dataclasses
import threading
import warnings

import jax
import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.anysize import layout, scan
from mtcnn_jax.cascade import stages
from mtcnn_jax.cascade.boxes import iou
from mtcnn_jax.runtime import compiled, pictures, programs

CONFIG = mj.DetectConfig()
STAGES = {"pnet": 1, "rnet": 2, "onet": 3}


def plain(params, picture, config):
    """What `detect_padded` finds, compiled for the picture's own size."""
    size = np.array(picture.shape[:2], np.int32)
    found = jax.device_get(jax.jit(stages.detect_padded)(params, picture, size, config))
    return [field[found.valid] for field in (found.boxes, found.scores, found.landmarks)]


def same(one, other, *, atol=5e-3):
    assert len(one) == len(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


@pytest.mark.parametrize(
    ("crop", "min_face_size"),
    [((slice(None), slice(None)), 20), ((slice(160, 419), slice(303, None)), 13.7)],
)
def test_the_faces_are_those_of_the_program_for_the_size(params, street, crop, min_face_size):
    picture = np.ascontiguousarray(street[crop])
    config = mj.DetectConfig(min_face_size=min_face_size)
    found = mj.detect(params, picture, config)
    assert len(found.scores) >= 2
    same(found, mj.Faces(*plain(params, picture, config)))


def test_and_so_are_the_windows_of_each_stage(params, street):
    picture = np.ascontiguousarray(street[160:420, 320:])
    size = np.array(picture.shape[:2], np.int32)
    run = jax.jit(stages.run_stages)
    left, *_ = jax.device_get(run(params, picture, size, CONFIG))
    for until in STAGES:
        asked = {name: params[name] for name in ["pnet", "rnet", "onet"][: STAGES[until]]}
        found = mj.detect_stages(asked, [picture], until=until)[0]
        assert list(found) == ["pnet", "rnet", "onet"][: len(found)] and until in found
        for name, rows in found.items():
            wanted = left[name]
            assert len(rows) == wanted.valid.sum() > 0
            np.testing.assert_allclose(rows[:, 4], wanted.scores[wanted.valid], atol=1e-4)
            overlaps = np.asarray(iou(rows[:, :4], wanted.boxes[wanted.valid]))
            assert (overlaps.max(axis=1) > 0.99).all()


def test_any_stream_of_pictures_takes_three_programs(params):
    """Of up to 4 megapixels: the cascade, the one for crowds, and what loads a picture."""
    programs.drop()
    pictures._placed_tables.cache_clear()
    rng = np.random.default_rng(0)
    config = mj.DetectConfig(capacities=(64, 16, 8), retries=1)
    noise = rng.integers(0, 256, (90, 90, 3)).astype(np.uint8)
    low = dataclasses.replace(config, thresholds=(0.001, 0.001, 0.9), retries=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mj.detect(params, noise, low)
    for _ in range(40):
        height, width = rng.integers(1, 200, 2)
        size = float(rng.integers(12, 60)) + rng.uniform()
        chosen = dataclasses.replace(
            low, min_face_size=size, scale_factor=rng.uniform(0.4, 0.8), thresholds=(0.9, 0.9, 0.9)
        )
        mj.detect(params, np.zeros((height, width, 3), np.uint8), chosen)
    mj.detect(params, np.zeros((700, 500, 3), np.uint8), chosen)
    assert len(programs._ready) == 2 and compiled.loader()._cache_size() == 1


def test_a_picture_that_overflows_is_looked_at_again(params, street):
    picture = np.ascontiguousarray(street[160:420, 320:])
    wanted = mj.detect(params, picture, CONFIG)
    tight = mj.DetectConfig(capacities=(64, 16, 8), retries=2)
    same(mj.detect(params, picture, tight), wanted, atol=1e-3)


def test_several_tables_give_what_one_does(params, street, monkeypatch):
    picture = np.ascontiguousarray(street[160:420, 320:])
    config = mj.DetectConfig(min_face_size=12)
    wanted = mj.detect(params, picture, config)
    monkeypatch.setattr(layout, "PAGE", 40)
    layout.tables.cache_clear()
    pictures._placed_tables.cache_clear()
    pages = layout.tables(*picture.shape[:2], min_face_size=12.0, scale_factor=0.709)[0].count
    assert pages > 3
    same(mj.detect(params, picture, config), wanted, atol=1e-4)
    monkeypatch.setattr(layout, "_has_room", lambda taken, page: len(taken) < 2)
    layout.tables.cache_clear()
    pictures._placed_tables.cache_clear()
    assert len(layout.tables(*picture.shape[:2], min_face_size=12.0, scale_factor=0.709)) > 1
    same(mj.detect(params, picture, config), wanted, atol=1e-4)
    layout.tables.cache_clear()
    pictures._placed_tables.cache_clear()


def test_threads_look_each_in_memory_of_their_own(params, street):
    crops = [np.ascontiguousarray(street[160 : 420 - 10 * n, 320:]) for n in range(4)]
    wanted = [mj.detect(params, crop) for crop in crops]
    found = [[] for _ in crops]

    def work(number):
        for _ in range(5):
            found[number].append(mj.detect(params, crops[number]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(crops))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for results, one in zip(found, wanted, strict=True):
        assert len(results) == 5
        for result in results:
            same(result, one, atol=1e-6)


def test_memory_is_used_again_and_not_kept_without_bound(monkeypatch):
    pictures.forget()
    monkeypatch.setattr(pictures, "KEPT", 3 * 4 * 100)
    first, *others = (scan.Work(*np.zeros((4, 25), np.float32)) for _ in range(5))
    pictures._give_back(("a",), first)
    assert pictures._taken(("b",)) is None
    assert pictures._taken(("a",)) is first and pictures._taken(("a",)) is None
    for name, work in zip("abcd", others, strict=True):
        pictures._give_back((name,), work)
    assert [key for key, _ in pictures._free] == [("b",), ("c",), ("d",)]
    pictures.forget()
    assert not pictures._free


def test_a_program_of_its_own_is_what_warmup_was_asked_for(params, street, monkeypatch):
    picture = np.ascontiguousarray(street[160:300, 320:460])
    config = mj.DetectConfig(capacities=(1024, 256, 64))
    wanted = mj.detect(params, picture, config)
    assert mj.warmup(params, [picture.shape[:2]], config) == [(160, 160)]

    def refuse(*arguments, **options):
        raise AssertionError("looked")

    with monkeypatch.context() as patched:
        patched.setattr(pictures, "look", refuse)
        same(mj.detect(params, picture, config), wanted)
        with pytest.raises(AssertionError, match="looked"):
            mj.detect(params, picture[:, :100], dataclasses.replace(config, min_face_size=33))
    pictures.forget()
    same(mj.detect(params, picture, config), wanted, atol=1e-6)


def test_pictures_larger_than_a_room_go_to_the_next(params, monkeypatch):
    seen = []

    def blank(room, capacity):
        seen.append(room)
        raise MemoryError("stop")

    monkeypatch.setattr(pictures, "blank", blank)
    pictures.forget()
    for size in [(9, 9), (2048, 2048), (2049, 2048), (4096, 4096), (1, 2**16), (5000, 4000)]:
        with pytest.raises(MemoryError):
            mj.detect(params, np.broadcast_to(np.uint8(0), (*size, 3)))
    assert seen == [2**22, 2**22, 2**24, 2**24, 2**22, 2**27]


@pytest.mark.parametrize(
    ("changes", "served"),
    [
        ({}, True),
        ({"backend": "cpu"}, True),
        ({"backend": "gpu"}, False),
        ({"chunks": (8, 8)}, False),
    ],
)
def test_what_it_cannot_do_goes_another_way(changes, served):
    assert pictures.serves(mj.DetectConfig(**changes)) is served
