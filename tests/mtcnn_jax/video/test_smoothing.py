"""The one-euro filter, against its recurrence by hand, and what it is for."""

import math

import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.video.smoothing import nothing_filtered, smoothed

SIDE = 100.0
BOX = np.array([200, 200, 300, 300], float)
LANDMARKS = np.array([[230, 240], [270, 240], [250, 260], [235, 280], [265, 280]], float)


def face(shift=(0, 0), noise=0.0, *, number=1):
    """One face, moved, with noise on its 14 numbers."""
    noise = np.broadcast_to(noise, 14)
    boxes = BOX + np.tile(shift, 2) + noise[:4]
    landmarks = LANDMARKS + np.asarray(shift) + noise[4:].reshape(5, 2)
    return mj.TrackedFaces(
        boxes[None].astype(np.float32), np.float32([0.9]), landmarks[None].astype(np.float32),
        np.array([number]),
    )  # fmt: skip


def filter_all(faces, times, **options):
    state, found = nothing_filtered(), []
    for time, one in zip(times, faces, strict=True):
        state, smooth = smoothed(state, time, one, **options)
        found.append(smooth)
    return found


def by_hand(values, times, side, *, min_cutoff, beta, derivative_cutoff):
    """The paper's Algorithm 1 for one number, step by step."""

    def alpha(cutoff, passed):
        return 1 / (1 + (1 / (2 * math.pi * cutoff)) / passed)

    filtered, speed, found = values[0], 0.0, [values[0]]
    for before, now, value in zip(times, times[1:], values[1:], strict=False):
        passed = now - before
        share = alpha(derivative_cutoff, passed)
        speed = share * (value - filtered) / side / passed + (1 - share) * speed
        share = alpha(min_cutoff + beta * abs(speed), passed)
        filtered = share * value + (1 - share) * filtered
        found.append(filtered)
    return found


@pytest.mark.parametrize(
    "settings",
    [(1.0, 8.0, 1.0), (0.3, 0.0, 1.0), (2.0, 3.0, 0.5)],
)
def test_is_the_papers_recurrence_at_uneven_times(settings):
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.2, 30)).tolist()
    xs = np.cumsum(rng.normal(0, 6, 30))
    smoothing = mj.Smoothing(*settings)
    found = filter_all([face((x, 0)) for x in xs], times, smoothing=smoothing)
    told = dict(zip(("min_cutoff", "beta", "derivative_cutoff"), settings, strict=True))
    wanted = by_hand((200 + xs).tolist(), times, SIDE, **told)
    np.testing.assert_allclose([one.boxes[0, 0] for one in found], wanted, atol=2e-3)
    nose = by_hand((250 + xs).tolist(), times, SIDE, **told)
    np.testing.assert_allclose([one.landmarks[0, 2, 0] for one in found], nose, atol=2e-3)
    np.testing.assert_allclose([one.boxes[0, 1] for one in found], 200, atol=2e-3)


def test_the_trembling_of_a_still_face_falls_to_less_than_half():
    rng = np.random.default_rng(0)
    raw = [face(noise=rng.normal(0, 0.01 * SIDE, 14)) for _ in range(600)]
    found = filter_all(raw, np.arange(600) / 30)

    def trembling(faces):
        return np.std([one.landmarks for one in faces[30:]], axis=0).mean()

    assert trembling(raw) == pytest.approx(1.0, rel=0.05)
    assert trembling(found) < 0.45 * trembling(raw)


@pytest.mark.parametrize("rate", [10, 30, 120])
@pytest.mark.parametrize("speed", [0.1, 1.0, 10.0])
def test_a_moving_face_is_shown_at_most_a_fiftieth_of_its_side_behind(speed, rate):
    times = np.arange(4 * rate) / rate
    found = filter_all([face((speed * SIDE * t, 0)) for t in times], times)
    behind = 200 + speed * SIDE * times[-1] - found[-1].boxes[0, 0]
    assert 0 < behind <= SIDE / (2 * math.pi * 8) * 1.001


def test_each_face_has_a_filter_of_its_own_and_keeps_its_id():
    state, _ = smoothed(nothing_filtered(), 0.0, face())
    other = face((500, 0), number=2)
    state, found = smoothed(state, 0.04, other)
    np.testing.assert_array_equal(found.boxes, other.boxes)
    assert found.ids.tolist() == [2] and found.scores.tolist() == other.scores.tolist()
    _, found = smoothed(state, 0.08, face((10, 0)))
    assert 200 < found.boxes[0, 0] < 210


def test_a_face_that_was_away_for_more_than_a_second_begins_anew():
    state, _ = smoothed(nothing_filtered(), 0.0, face())
    for time in (0.5, 1.5):
        state, _ = smoothed(state, time, face(number=2))
    assert state.ids.tolist() == [2]
    _, found = smoothed(state, 1.6, face((10, 0)))
    np.testing.assert_array_equal(found.boxes, face((10, 0)).boxes)


def test_a_clock_that_stands_still_or_goes_back_breaks_nothing():
    found = filter_all([face(), face((5, 0)), face((5, 0))], [1.0, 1.0, 0.5])
    assert all(np.isfinite(one.boxes).all() and 200 <= one.boxes[0, 0] <= 205 for one in found)


def test_no_faces():
    none = face()[:0]
    state, found = smoothed(nothing_filtered(), 0.0, none)
    assert len(found) == 0 and found.boxes.shape == (0, 4) and found.landmarks.shape == (0, 5, 2)
    assert found.ids.dtype == np.int64 and len(state.ids) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_cutoff", 0), ("beta", -1.0), ("derivative_cutoff", math.inf), ("beta", math.nan),
     ("min_cutoff", "1"), ("min_cutoff", True)],
)  # fmt: skip
def test_settings_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*; accepted are numbers"):
        mj.Smoothing(**{name: value})
