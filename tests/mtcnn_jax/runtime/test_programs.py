"""Programs: one thread makes each, and all are dropped before they fill the memory map."""

import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.cascade import stages
from mtcnn_jax.runtime import compiled, executables, programs

SIZE = np.array([4, 6], np.int32)


@pytest.fixture(autouse=True)
def none_held():
    programs.drop()
    yield
    programs.drop()


@pytest.fixture
def cascade(monkeypatch):
    """A stand-in for the cascade, which is slow to trace; the shapes that were traced."""
    traces = []

    def traced(params, canvas, size, config):
        traces.append((canvas.shape, config.min_face_size))
        time.sleep(0.1)
        zeros = jnp.zeros((1, 10))
        return stages.Detections(
            zeros[:, :4], zeros[:, 0], zeros, zeros[:, 0] > 0, jnp.zeros(3, int)
        )

    monkeypatch.setattr(stages, "detect_padded", traced)
    compiled.detector.cache_clear()
    yield traces
    compiled.detector.cache_clear()


def look(min_face_size, side=100, precision=np.float32):
    params = {name: {"bias": np.zeros(1, precision)} for name in ("pnet", "rnet", "onet")}
    config = mj.DetectConfig(min_face_size=min_face_size, backend="reference")
    return mj.detect(params, np.zeros((side, side, 3), np.uint8), config)


def in_threads(count, task):
    threads = [threading.Thread(target=task) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_that_want_the_same_program_wait_for_the_first(cascade):
    in_threads(4, lambda: look(30))
    assert cascade == [((160, 160, 3), 30)]
    look(30)
    assert len(cascade) == 1


def test_threads_that_want_others_do_not_wait():
    meet = threading.Barrier(2, timeout=20)  # Broken, if one waited for the other.

    def make():
        meet.wait()
        return lambda: 0

    keys = iter(["one", "other"])
    in_threads(2, lambda: programs.call(next(keys), make, ()))
    assert not meet.broken


def test_a_program_that_could_not_be_made_is_made_by_the_next():
    def fail():
        raise MemoryError("no")

    with pytest.raises(MemoryError):
        programs.call("key", fail, ())
    assert programs.call("key", lambda: lambda x: x + 1, (1,)) == 2


def test_what_is_ready_takes_no_lock_and_no_look_at_the_mappings(monkeypatch):
    programs.call("key", lambda: abs, (-1,))

    def refuse():
        raise AssertionError("looked")

    monkeypatch.setattr(programs, "make_room", refuse)
    monkeypatch.setattr(programs.threading, "Lock", refuse)
    assert programs.call("key", refuse, (-2,)) == 2


@pytest.mark.parametrize("folder", [False, True])
def test_programs_are_dropped_before_another_would_not_fit(cascade, monkeypatch, tmp_path, folder):
    if folder:
        monkeypatch.setattr(executables, "folder", lambda: tmp_path / "cache")
    of_the_caller = jax.jit(lambda x: x + 1)
    of_the_caller(1)
    # Each program that is held counts as a hundred mappings, beside ten of others.
    monkeypatch.setattr(programs, "mappings", lambda: 10 + 100 * len(programs._ready))
    monkeypatch.setattr(programs, "most_mappings", lambda: 250)
    monkeypatch.setattr(programs, "LEAST", 0)
    monkeypatch.setattr(programs, "_of_others", 0)
    held = []
    for size in range(20, 28):
        look(size)
        held.append(len(programs._ready))
    assert held == [1, 2, 3, 1, 2, 3, 1, 2]
    assert of_the_caller._cache_size() == 1
    assert len(cascade) == 8
    look(27)
    assert len(cascade) == 8
    look(20)  # Long dropped.
    assert len(cascade) == 8 + (not folder)  # Or read from the folder.


def test_where_the_mappings_are_others_little_is_gained_by_dropping(monkeypatch):
    monkeypatch.setattr(programs, "mappings", lambda: 60_000 + 1_500 * len(programs._ready))
    monkeypatch.setattr(programs, "most_mappings", lambda: 45_000)
    monkeypatch.setattr(programs, "_of_others", 0)
    held = []
    for number in range(8):
        programs.call(number, lambda: abs, (number,))
        held.append(len(programs._ready))
    assert held == [1, 2, 3, 1, 2, 3, 1, 2]  # Four thousand of its own, not none.


def test_where_the_system_tells_no_mappings_the_programs_are_counted(monkeypatch):
    monkeypatch.setattr(programs, "mappings", lambda: 0)
    monkeypatch.setattr(programs, "MOST_PROGRAMS", 2)
    for number in range(5):
        programs.call(number, lambda: abs, (number,))
        assert len(programs._ready) <= 2


def test_dropping_gives_the_mappings_back():
    if not programs.mappings():
        pytest.skip("the system does not tell the mappings")
    function = programs.jitted(lambda x: jnp.sort(jnp.sin(x) @ x), {})
    before = programs.mappings()
    for side in range(2, 12):
        function(np.ones((side, side), np.float32))
    grown = programs.mappings() - before
    assert grown > 50
    programs.drop()
    assert programs.mappings() - before < grown / 2
    assert 0 < programs.most_mappings() < 2**31


def test_parameters_of_another_form_are_another_program(cascade):
    look(30)
    look(30, precision=np.float16)
    assert len(cascade) == 2 and len(programs._ready) == 2
