"""Pictures are read ahead and looked at in order, and what fails is named and left."""

import threading

import jax
import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.commandline import looking
from mtcnn_jax.commandline.looking import look_through
from tests.mtcnn_jax.commandline.drawn import FACES, make


@pytest.fixture(autouse=True)
def _no_thread_stays():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def paths(tmp_path):
    """Of pictures 20, 21 and so on wide; the third is none."""
    made = [make(tmp_path / f"{number:02}.png", (20 + number, 16)) for number in range(12)]
    made[2].write_text("no picture")
    return made


@pytest.fixture(params=[1, 2])
def batch_size(request, monkeypatch):
    def detect(params, image, config):
        return FACES[: image.shape[1] % 2]

    def detect_batch(params, images, config, *, batch_size):
        assert batch_size == 2 and len(images) <= looking.GROUP * batch_size
        return [detect(params, image, config) for image in images]

    monkeypatch.setattr(mj, "detect", detect)
    if request.param > 1:
        monkeypatch.setattr(mj, "detect", None)
        monkeypatch.setattr(mj, "detect_batch", detect_batch)
    return request.param


def look(paths, batch_size, **arguments):
    return list(look_through({}, paths, mj.DetectConfig(), batch_size=batch_size, **arguments))


def test_all_come_in_order_and_what_fails_is_named(paths, batch_size):
    seen = look(paths, batch_size)
    assert [one.path for one in seen] == paths
    assert [bool(one.failure) for one in seen] == [number == 2 for number in range(12)]
    assert "02.png' is not a picture" in seen[2].failure and seen[2].image is None
    for number, one in enumerate(seen):
        if number != 2:
            assert one.image.shape == (16, 20 + number, 3)
            assert len(one.faces) == number % 2


def test_what_is_known_is_not_looked_for(paths, batch_size):
    known = {paths[3]: FACES[[0, 0]], paths[2]: FACES}
    seen = look(paths, batch_size, known=known.get)
    assert len(seen[3].faces) == 2 and len(seen[5].faces) == 1
    assert seen[2].failure and seen[2].faces is None


@pytest.mark.parametrize(
    "error",
    [
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory"),
        MemoryError(),
        ValueError("a picture that is not accepted"),
    ],
)
def test_pictures_that_are_too_much_together_go_one_by_one(paths, monkeypatch, error):
    def together(*_, **__):
        raise error

    def alone(params, image, config):
        if image.shape[1] == 25:
            raise MemoryError
        return FACES

    monkeypatch.setattr(mj, "detect_batch", together)
    monkeypatch.setattr(mj, "detect", alone)
    seen = look(paths, 4)
    failed = [number for number, one in enumerate(seen) if one.failure]
    assert failed == [2, 5]
    assert seen[5].failure == f"{str(paths[5])!r} takes more memory than there is"


def test_other_errors_of_the_runtime_are_not_taken_for_memory(paths, monkeypatch):
    def together(*_, **__):
        raise jax.errors.JaxRuntimeError("INTERNAL: a fault")

    monkeypatch.setattr(mj, "detect_batch", together)
    with pytest.raises(jax.errors.JaxRuntimeError, match="a fault"):
        look(paths, 4)


def test_a_group_of_large_pictures_is_smaller(paths, monkeypatch):
    counts = []

    def together(params, images, config, *, batch_size):
        counts.append(len(images))
        return [FACES] * len(images)

    monkeypatch.setattr(mj, "detect_batch", together)
    monkeypatch.setattr(looking, "HELD_PIXELS", 2 * 16 * 20)
    look(paths[3:], 2)
    assert counts == [2, 2, 2, 2, 1]


def test_reading_goes_on_in_threads_while_one_is_looked_at(paths, monkeypatch):
    others = []

    def read(path):
        others.append(threading.current_thread().name)
        return np.zeros((9, 9, 3), np.uint8)

    monkeypatch.setattr(looking, "read_picture", read)
    monkeypatch.setattr(mj, "detect", lambda *_: FACES)
    look(paths, 1)
    assert len(others) == 12 and all(name.startswith("read_ahead") for name in others)
