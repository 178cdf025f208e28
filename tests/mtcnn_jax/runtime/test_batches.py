"""Many pictures of any sizes: in batches of a bucket, in order, few held at a time."""

import weakref

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mtcnn_jax.config import DetectConfig
from mtcnn_jax.runtime import batches
from mtcnn_jax.runtime.batches import WINDOW, run_many
from mtcnn_jax.runtime.buckets import bucket_of
from tests.properties import few

QUICK = DetectConfig(min_face_size=40)
SIDES = (9, 200, 400)


def picture(side, number):
    image = np.zeros((side, side, 3), np.uint8)
    image[0, 0] = number % 251, number // 251, side % 251
    return image


def many(params, canvases, sizes, config):
    """Gives each canvas's first pixel and size, in the form of what detectors give."""
    rows = np.concatenate([canvases[:, 0, 0], sizes[:, :1]], axis=1)[:, None]
    return (rows, np.zeros((len(canvases), 3), int))


@few
@given(st.lists(st.sampled_from(SIDES), max_size=80), st.integers(2, 5))
def test_results_come_in_order_whatever_the_sizes(sides, batch_size):
    images = [picture(side, number) for number, side in enumerate(sides)]
    found = run_many(None, many, {}, iter(images), QUICK, batch_size)
    wanted = [[*image[0, 0], len(image)] for image in images]
    assert [rows[0].tolist() for rows, _ in found] == wanted


@few
@given(st.lists(st.sampled_from(SIDES), min_size=60, max_size=120), st.integers(2, 3))
def test_few_pictures_are_held_and_none_waits_for_ever(sides, batch_size):
    most = (WINDOW + batches.UNDER_WAY) * batch_size + 1
    told = taken = 0
    kept = []

    class Kept(np.ndarray):
        pass

    def images():
        nonlocal taken
        for number, side in enumerate(sides):
            image = picture(side, number).view(Kept)
            kept.append(weakref.ref(image))
            taken += 1
            yield image
            del image
            assert sum(reference() is not None for reference in kept) <= most
            assert taken - told <= most

    for _ in run_many(None, many, {}, images(), QUICK, batch_size):
        told += 1
    assert told == len(sides)


def test_full_batches_go_as_soon_as_they_are_full_and_a_rare_size_does_not_hold_the_rest_up():
    sent = []

    def look(params, canvases, sizes, config):
        sent.append((canvases.shape[1], int((sizes[:, 0] > 0).sum())))
        return many(params, canvases, sizes, config)

    sides = [400, *[9] * 50]
    images = [picture(side, number) for number, side in enumerate(sides)]
    assert len(list(run_many(None, look, {}, images, QUICK, 2))) == 51
    # The rare one went once it had waited for eight batches' worth of others.
    assert sent == [(160, 2)] * 8 + [(bucket_of(400, 400)[0], 1)] + [(160, 2)] * 17


def test_pictures_of_many_pixels_do_not_wait_for_long(monkeypatch):
    monkeypatch.setattr(batches, "HELD_PIXELS", 2 * 400 * 400)
    sent = []

    def look(params, canvases, sizes, config):
        sent.append(sizes[:, 0].tolist())
        return many(params, canvases, sizes, config)

    images = [picture(side, number) for number, side in enumerate([400, 200, 399, 9])]
    list(run_many(None, look, {}, images, QUICK, 4))
    assert sent == [[400, 399, 0, 0], [200, 0, 0, 0], [9, 0, 0, 0]]


def test_arrays_to_lay_out_in_are_not_used_again_while_under_way():
    laid_out = []

    def look(params, canvases, sizes, config):
        laid_out.append(canvases)
        return many(params, canvases, sizes, config)

    images = [picture(9, number) for number in range(40)]
    list(run_many(None, look, {}, images, QUICK, 2))
    for one, other in zip(laid_out, laid_out[1:], strict=False):
        assert one is not other
    assert len({id(array) for array in laid_out}) <= batches.SPARE
