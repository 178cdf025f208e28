"""Who is who, on drawn sequences."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import mtcnn_jax as mj
from mtcnn_jax.video.tracking import no_tracks, tracked

POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])

few = hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None)


def draw(*places, side=40.0):
    """Faces of one side whose boxes begin at (x, y)."""
    corners = np.array(places, float).reshape(-1, 2)
    boxes = np.concatenate([corners, corners + side], axis=1)
    landmarks = corners[:, None] + POINTS * side
    scores = np.linspace(0.99, 0.9, len(corners))
    return mj.Faces(*(array.astype(np.float32) for array in (boxes, scores, landmarks)))


def follow(frames, **options):
    """The ids of each frame."""
    state, all_ids = no_tracks(), []
    for faces in frames:
        state, ids = tracked(state, faces, **options)
        assert ids.dtype == np.int64 and ids.shape == (len(faces),)
        all_ids.append(ids.tolist())
    return all_ids


def test_faces_keep_their_ids_whatever_their_order():
    frames = [draw((10 + 8 * i, 20), (300 - 8 * i, 200)) for i in range(12)]
    frames[5] = frames[5][[1, 0]]
    ids = follow(frames)
    assert ids[0] == [1, 2] and ids[5] == [2, 1]
    assert ids[:5] + ids[6:] == [[1, 2]] * 11


def test_faces_that_pass_each_other_keep_their_ids():
    """At frame 20 their centres are 12 pixels apart, less than a third of a face."""
    frames = [draw((5.0 * i, 40), (200 - 5.0 * i, 52)) for i in range(41)]
    assert follow(frames) == [[1, 2]] * 41


def test_a_face_that_another_hides_as_they_pass_is_itself_on_the_other_side():
    frames = []
    for i in range(41):
        near, far = (5.0 * i, 40), (200 - 5.0 * i, 52)
        frames.append(draw(near) if 16 <= i <= 24 else draw(near, far))
    ids = follow(frames)
    assert ids[:16] == [[1, 2]] * 16 and ids[16:25] == [[1]] * 9 and ids[25:] == [[1, 2]] * 16


@pytest.mark.parametrize("patience", [10, 3, 0])
def test_a_gap_as_long_as_the_patience_is_bridged_and_no_longer_one(patience):
    seen, away = draw((50, 50)), draw()
    assert follow([seen, *[away] * patience, seen], patience=patience)[-1] == [1]
    assert follow([seen, *[away] * (patience + 1), seen], patience=patience)[-1] == [2]


def test_the_patience_is_ten_frames():
    seen, away = draw((50, 50)), draw()
    assert follow([seen, *[away] * 10, seen])[-1] == [1]
    assert follow([seen, *[away] * 11, seen])[-1] == [2]


def test_a_face_that_stopped_while_it_was_away_is_found_where_it_was():
    frames = [draw((20.0 * i, 50)) for i in range(5)]
    assert follow([*frames, *[draw()] * 4, frames[-1]])[-1] == [1]


def test_ids_of_faces_that_left_are_never_given_again():
    frames = [draw((100.0 * i, 10)) for i in range(8)]
    assert follow(frames) == [[i] for i in range(1, 9)]


def test_no_faces():
    assert follow([draw(), draw(), draw((5, 5)), draw()]) == [[], [], [1], []]


def test_a_small_step_is_followed_and_a_jump_is_another_face():
    """Of overlap (1 - s) / (1 + s) and nearness 1 - s the mean is 0.2 at s = 0.746 faces."""
    assert follow([draw((100, 100)), draw((100 + 0.74 * 40, 100))]) == [[1], [1]]
    assert follow([draw((100, 100)), draw((100 + 0.75 * 40, 100))]) == [[1], [2]]


def test_a_face_comes_nearer():
    sizes = 30 * 1.1 ** np.arange(15)
    assert follow([draw((200 - s / 2, 200 - s / 2), side=s) for s in sizes]) == [[1]] * 15


def test_of_two_faces_near_a_track_the_nearer_one_is_it():
    first, then = draw((100, 100)), draw((120, 100), (104, 100))
    assert follow([first, then])[1] == [2, 1]


def test_boxes_without_area_break_nothing():
    faces = draw((10, 10), side=0.0)
    assert follow([faces, faces]) == [[1], [1]]


def test_the_state_is_left_alone():
    state, _ = tracked(no_tracks(), draw((10, 10), (90, 90)))
    before = {name: np.copy(value) for name, value in dataclasses.asdict(state).items()}
    tracked(state, draw((12, 10)))
    for name, value in dataclasses.asdict(state).items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("patience", [-1, 2.5, True])
def test_a_patience_that_is_none(patience):
    with pytest.raises(ValueError, match="patience is .*; accepted are whole numbers from 0 up"):
        tracked(no_tracks(), draw(), patience=patience)


@st.composite
def sequences(draw_from):
    """Frames of faces, none twice in a frame, each with another order."""
    place = st.tuples(*[st.floats(0, 300, width=16)] * 2)
    frames = draw_from(st.lists(st.lists(place, max_size=6, unique=True), min_size=1, max_size=8))
    return [(draw(*places), draw_from(st.permutations(range(len(places))))) for places in frames]


@few
@hypothesis.given(sequences())
def test_ids_are_unique_grow_and_hang_on_no_order(frames):
    plain, other, highest = no_tracks(), no_tracks(), 0
    for faces, order in frames:
        plain, ids = tracked(plain, faces)
        other, permuted = tracked(other, faces[order])
        assert len(set(ids.tolist())) == len(ids)
        np.testing.assert_array_equal(permuted, ids[order])
        new = sorted(i for i in ids.tolist() if i > highest)
        assert new == list(range(highest + 1, highest + 1 + len(new)))
        highest += len(new)
        assert plain.following == highest + 1
