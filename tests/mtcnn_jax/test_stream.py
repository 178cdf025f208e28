"""`detect_stream`: any iterable in, faces out as they come; with stand-ins for the networks."""

import contextlib
import itertools
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from mtcnn_jax import stream
from mtcnn_jax.runtime.canvases import warn

NETWORKS = {"pnet": {}, "rnet": {}, "onet": {}}


@pytest.fixture(autouse=True)
def _no_thread_stays():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def drawn(number, side=9):
    return np.full((side, side, 3), number, np.uint8)


def found_in(picture):
    """A face whose score is the picture's first number, as detectors give it."""
    found = np.zeros((2, 16), np.float32)
    found[0, 4] = picture[0, 0, 0]
    found[0, 5] = 1
    return found


@pytest.fixture(params=[1, 3])
def batch_size(request, monkeypatch):
    """One by one and in batches, both looked at by stand-ins."""

    def many(params, canvases, sizes, config):
        return np.stack([found_in(canvas) for canvas in canvases])

    monkeypatch.setattr(stream, "look", lambda params, picture, config: found_in(picture))
    monkeypatch.setattr(stream, "detector", lambda many: stand_in if many else None)
    stand_in = many
    return request.param


def numbers(faces):
    return [int(one.scores[0]) for one in faces]


def test_faces_come_in_order_of_anything_iterable(batch_size):
    sides = [9, 200, 9, 400, 9, 9, 200, 9]
    images = [drawn(number, side) for number, side in enumerate(sides)]
    for given in (images, iter(images), (image for image in images), np.stack(images[::2][:1])):
        wanted = 1 if isinstance(given, np.ndarray) else len(images)
        found = mj.detect_stream(NETWORKS, given, batch_size=batch_size)
        assert numbers(found) == list(range(wanted))
    assert numbers(mj.detect_batch(NETWORKS, iter(images), batch_size=batch_size)) == [*range(8)]


def test_a_generator_without_an_end_is_taken_as_far_as_it_is_wanted(batch_size):
    taken = itertools.count()
    endless = (drawn(number % 251) for number in taken)
    with contextlib.closing(
        mj.detect_stream(NETWORKS, endless, batch_size=batch_size, ahead=4)
    ) as found:
        assert numbers(itertools.islice(found, 100)) == list(range(100))
    # One more is in the hand of the one that reads.
    assert next(taken) <= 100 + 4 + (1 if batch_size == 1 else 3 * batch_size) + 1


def test_an_error_comes_in_its_place_with_its_name(batch_size, tmp_path):
    paths = []
    for number in range(5):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(drawn(number)).save(paths[-1])
    paths[3].write_text("no picture")
    found = mj.detect_stream(NETWORKS, paths, batch_size=batch_size)
    assert numbers(itertools.islice(found, 3)) == [0, 1, 2]
    with pytest.raises(ValueError, match=r"3\.png' is not a picture"):
        next(found)
    assert list(found) == []
    with pytest.raises(ValueError, match=r"3\.png' is not a picture"):
        mj.detect_batch(NETWORKS, paths, batch_size=batch_size)


def test_an_error_of_a_picture_without_a_name_tells_its_number(batch_size):
    images = [drawn(0), drawn(1), np.zeros((4, 4), np.int64)]
    found = mj.detect_stream(NETWORKS, images, batch_size=batch_size)
    assert numbers(itertools.islice(found, 2)) == [0, 1]
    with pytest.raises(TypeError, match="dtype is int64") as raised:
        next(found)
    assert raised.value.__notes__ == ["It is number 2 of the pictures, counted from 0."]


def test_a_file_too_large_is_named(batch_size, tmp_path):
    Image.new("L", (2**16 + 1, 1)).save(tmp_path / "a.png")
    found = mj.detect_stream(NETWORKS, [drawn(7), tmp_path / "a.png"], batch_size=batch_size)
    assert numbers(itertools.islice(found, 1)) == [7]
    with pytest.raises(ValueError, match=r"a\.png' has 65537 x 1 pixels; accepted are at most"):
        next(found)


def test_an_error_of_the_iterable_comes_after_the_faces_before_it(batch_size):
    def broken():
        yield from map(drawn, range(4))
        raise LookupError("the camera is gone")

    found = mj.detect_stream(NETWORKS, broken(), batch_size=batch_size)
    assert numbers(itertools.islice(found, 4)) == [0, 1, 2, 3]
    with pytest.raises(LookupError, match="the camera is gone"):
        next(found)


def test_ctrl_c_while_looking_ends_the_threads(batch_size, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(stream, "look", interrupted)
    monkeypatch.setattr(stream, "detector", lambda many: interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(mj.detect_stream(NETWORKS, map(drawn, itertools.count()), batch_size=batch_size))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"ahead": 0}, ValueError, "ahead is 0; accepted are whole numbers from 1 up"),
        ({"ahead": 1.5}, ValueError, "ahead is 1.5; accepted"),
        ({"batch_size": 0}, ValueError, "batch_size is 0; accepted"),
        ({"images": "photo.jpg"}, TypeError, "images is a str; accepted is a list"),
        ({"params": None}, TypeError, "params is a NoneType; accepted"),
        ({"config": {}}, TypeError, "config is a dict; accepted is a DetectConfig"),
    ],
)
def test_bad_arguments_are_told_at_once(arguments, error, words):
    with pytest.raises(error, match=words):
        mj.detect_stream(**{"params": NETWORKS, "images": [], **arguments})


def test_a_warning_of_windows_over_the_capacities_names_the_line_of_the_caller(monkeypatch):
    def look(params, picture, config):
        warn(np.array([1, 0, 0]), picture, config)
        return found_in(picture)

    monkeypatch.setattr(stream, "look", look)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mj.detect_batch(NETWORKS, [drawn(0)], batch_size=1)
        next(mj.detect_stream(NETWORKS, [drawn(0)], batch_size=1))
    assert [warning.filename for warning in told] == [__file__] * 2
