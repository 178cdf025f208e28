"""The result object: what it holds, how it is indexed, and what leaves it."""

import json
import pickle
import sys
import types

import hypothesis
import jax
import numpy as np
import pandas
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mtcnn_jax as mj

BOXES = np.array([[0, 0, 10, 10], [5, 5, 50, 60], [20, 30, 40, 50]], np.float32)
SCORES = np.array([0.9, 0.8, 0.7], np.float32)
LANDMARKS = np.arange(30, dtype=np.float32).reshape(3, 5, 2)
FACES = mj.Faces(BOXES, SCORES, LANDMARKS)
NONE = mj.Faces(BOXES[:0], SCORES[:0], LANDMARKS[:0])

few = hypothesis.settings(max_examples=50, deadline=None, derandomize=True, database=None)


@st.composite
def faces(draw):
    n = draw(st.integers(0, 6))
    number = st.floats(-1e4, 1e4, width=32)
    return mj.Faces(
        draw(arrays.arrays(np.float32, (n, 4), elements=number)),
        draw(arrays.arrays(np.float32, n, elements=st.floats(0, 1, width=32))),
        draw(arrays.arrays(np.float32, (n, 5, 2), elements=number)),
    )


def same(found, boxes, scores, landmarks):
    assert isinstance(found, mj.Faces)
    np.testing.assert_array_equal(found.boxes, boxes)
    np.testing.assert_array_equal(found.scores, scores)
    np.testing.assert_array_equal(found.landmarks, landmarks)


class TestOneByOne:
    def test_they_are_counted_and_none_is_false(self):
        assert len(FACES) == 3 and FACES
        assert len(NONE) == 0 and not NONE

    def test_each_is_a_face_with_named_points(self):
        first, second, third = list(FACES)
        assert third.box.tolist() == [20, 30, 40, 50] and third.landmarks.shape == (5, 2)
        assert (third.width, third.height) == (20, 20)
        assert isinstance(first.score, float) and first.score == pytest.approx(0.9)
        assert second.left_eye.tolist() == [10, 11] and second.right_eye.tolist() == [12, 13]
        assert second.nose.tolist() == [14, 15]
        assert second.mouth_left.tolist() == [16, 17] and second.mouth_right.tolist() == [18, 19]
        assert FACES[-1].score == third.score

    def test_unpacking_of_old_says_what_to_write(self):
        with pytest.raises(TypeError, match=r"write faces\.boxes, faces\.scores, faces\.landmarks"):
            boxes, scores, landmarks = FACES
        with pytest.raises(TypeError, match=r"list\(faces\)"):
            for _boxes, _scores, _landmarks in [FACES]:
                pass
        first, *others = FACES
        assert first.score > others[0].score and len(others) == 2
        assert (lambda *each: len(each))(*FACES) == 3


class TestIndex:
    @pytest.mark.parametrize(
        ("index", "rows"),
        [
            (slice(1, None), [1, 2]),
            (slice(None, None, -1), [2, 1, 0]),
            ([2, 0], [2, 0]),
            ([], []),
            (range(2), [0, 1]),
            (np.array([1, 1]), [1, 1]),
            (SCORES > 0.75, [0, 1]),
            ([True, False, True], [0, 2]),
        ],
    )
    def test_of_several_gives_faces(self, index, rows):
        same(FACES[index], BOXES[rows], SCORES[rows], LANDMARKS[rows])

    @pytest.mark.parametrize("index", ["a", 1.5, None, True, np.ones((3, 2), bool), [0.5], (0, 1)])
    def test_of_another_kind_says_what_is_accepted(self, index):
        with pytest.raises(TypeError, match="accepted are a number, a slice, a mask"):
            FACES[index]

    @pytest.mark.parametrize("index", [3, -4, [0, 3], np.ones(2, bool)])
    def test_beyond_the_last(self, index):
        with pytest.raises(IndexError):
            FACES[index]

    @few
    @hypothesis.given(faces(), st.data())
    def test_agrees_with_that_of_the_arrays(self, found, data):
        mask = data.draw(arrays.arrays(bool, len(found)))
        same(found[mask], found.boxes[mask], found.scores[mask], found.landmarks[mask])
        one_by_one = [face for face, taken in zip(found, mask, strict=True) if taken]
        assert [face.score for face in found[mask]] == [face.score for face in one_by_one]


class TestChoice:
    def test_by_size_score_and_place(self):
        assert FACES.largest(2).scores.tolist() == SCORES[[1, 2]].tolist()
        assert FACES.above(0.75).scores.tolist() == SCORES[:2].tolist()
        # Centres at (5, 5), (27.5, 32.5) and (30, 40); a picture of 16 rows, 12 columns.
        assert FACES.most_central((16, 12, 3), k=2).scores.tolist() == SCORES[:2].tolist()
        assert FACES.most_central((90, 60)).scores.tolist() == SCORES[2:].tolist()

    @few
    @hypothesis.given(faces(), st.integers(0, 8))
    def test_no_face_left_out_is_larger_or_nearer(self, found, k):
        areas = [float(face.width) * face.height for face in found]
        chosen = found.largest(k)
        assert len(chosen) == min(k, len(found))
        taken = sorted(float(face.width) * face.height for face in chosen)
        assert np.allclose(taken, sorted(areas)[len(areas) - len(taken) :], rtol=1e-5)

    def test_of_what_there_is_not(self):
        for chosen in (NONE.largest(), NONE.above(0), NONE.most_central((9, 9))):
            assert isinstance(chosen, mj.Faces) and len(chosen) == 0
        assert len(FACES.largest(9)) == 3 and len(FACES.largest(0)) == 0
        with pytest.raises(ValueError, match="k is -1"):
            FACES.largest(-1)
        with pytest.raises(ValueError, match="height, width"):
            FACES.most_central((3,))


class TestElsewhere:
    def test_as_plain_numbers(self):
        for number, one in enumerate(json.loads(json.dumps(FACES.to_dicts()))):
            assert one["box"] == BOXES[number].tolist()
            assert one["score"] == pytest.approx(float(SCORES[number]))
            assert list(one["landmarks"].values()) == LANDMARKS[number].tolist()
        assert NONE.to_dicts() == []

    def test_as_a_table(self):
        table = FACES.to_pandas()
        assert isinstance(table, pandas.DataFrame) and len(table) == 3
        assert table[["x1", "y1", "x2", "y2"]].to_numpy().tolist() == BOXES.tolist()
        assert table["nose_y"].tolist() == LANDMARKS[:, 2, 1].tolist()
        assert table["mouth_right_x"].tolist() == LANDMARKS[:, 4, 0].tolist()
        assert list(NONE.to_pandas().columns) == list(table.columns) and len(table.columns) == 15

    def test_as_supervisions_detections(self, monkeypatch):
        module = types.ModuleType("supervision")
        module.Detections = types.SimpleNamespace
        monkeypatch.setitem(sys.modules, "supervision", module)
        found = FACES.to_supervision()
        np.testing.assert_array_equal(found.xyxy, BOXES)
        np.testing.assert_array_equal(found.data["landmarks"], LANDMARKS)
        assert found.class_id.tolist() == [0, 0, 0]

    def test_on_their_picture(self):
        picture = np.zeros((60, 80, 3), np.uint8)
        drawn = FACES.show(picture)
        assert drawn.size == (80, 60) and np.asarray(drawn).any()
        assert not np.asarray(NONE.show(picture)).any()

    def test_in_one_line(self):
        assert repr(FACES) == "Faces(n=3, scores=[0.900, 0.800, 0.700])"
        assert repr(FACES[0]) == "Face(box=[0.0, 0.0, 10.0, 10.0], score=0.900)"
        assert repr(NONE) == "Faces(n=0, scores=[])"
        many = FACES[[0] * 9]
        assert repr(many).endswith("0.900, ...])") and "\n" not in repr(many)

    def test_pickled(self):
        same(pickle.loads(pickle.dumps(FACES)), BOXES, SCORES, LANDMARKS)


class TestInsideJax:
    def test_they_are_a_pytree(self):
        assert [leaf.shape for leaf in jax.tree.leaves(FACES)] == [(3, 4), (3,), (3, 5, 2)]
        moved = jax.jit(lambda found: jax.tree.map(lambda array: array + 1, found))(FACES)
        same(moved, BOXES + 1, SCORES + 1, LANDMARKS + 1)

    def test_vmap_goes_over_faces(self):
        face = mj.Face(BOXES, SCORES, LANDMARKS)
        widths = jax.vmap(lambda one: one.box[2] - one.box[0])(face)
        assert widths.tolist() == [10, 45, 20]

    def test_traced_they_have_a_repr(self):
        told = []
        jax.make_jaxpr(lambda found: (told.append(repr(found)), found.scores)[1])(FACES)
        assert "float32[3]" in told[0]


def test_arrays_of_other_lengths():
    with pytest.raises(ValueError, match=r"scores \[2\].*accepted are arrays of one length"):
        mj.Faces(BOXES, SCORES[:2], LANDMARKS)
