import numpy as np
import pytest

from data.datasets.labels import Labels
from data.inspection.faces import TINY, faces_in_doubt
from experiments.mining.config import MineConfig
from tests.data.datasets.own import POINTS

BOX = [14, 10, 38, 40]
SIZE = (48, 64)
UNKNOWN = [[np.nan, np.nan]] * 5


def doubts(boxes, points=None, ignored=None):
    """The kind of each doubt, and which face it is about."""
    boxes = np.array(boxes, np.float32)
    one = Labels(
        "a.jpg",
        boxes,
        np.zeros(len(boxes), bool) if ignored is None else np.array(ignored),
        np.array([UNKNOWN] * len(boxes) if points is None else points, np.float32),
        "x, line 1",
        None,
        tuple(f"x, line {number + 3}" for number in range(len(boxes))),
    )
    return list(faces_in_doubt(one, SIZE))


def kinds(*given, **more):
    return [(kind, face) for kind, _, face in doubts(*given, **more)]


def test_what_is_too_small_for_a_sample_is_called_tiny():
    assert TINY == MineConfig("").smallest_face


def test_a_face_that_is_fine():
    assert kinds([BOX], [POINTS]) == []
    assert kinds([BOX], [UNKNOWN]) == []


@pytest.mark.parametrize("angle", [0, 60, 90, 180, 270])
@pytest.mark.parametrize("swap", [False, True])
def test_points_of_a_face_turned_any_way(angle, swap):
    turn = np.deg2rad(angle)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (np.array(POINTS) - (26, 25)) @ matrix.T + (26, 25)
    points = points[[1, 0, 2, 4, 3]] if swap else points
    found = doubts([[8, 8, 44, 42]], [points])
    told = "left and right eyes and mouth corners look swapped: left is the picture's left"
    assert found == ([("points swapped", told, 0)] if swap else [])


@pytest.mark.parametrize(
    ("order", "what"), [([1, 0, 2, 3, 4], "right eyes look"), ([0, 1, 2, 4, 3], "right mouth corn")]
)
def test_one_pair_swapped_alone(order, what):
    ((kind, told, _),) = doubts([BOX], [np.array(POINTS)[order]])
    assert kind == "points swapped" and what in told


def test_a_face_from_the_side_is_not_called_swapped():
    # The far eye is a pixel behind the near one: noise of the labels, not an order.
    points = [(20, 20), (19, 20), (14, 26), (20, 33), (19, 33)]
    assert kinds([BOX], [points]) == []


def test_eyes_where_the_mouth_is():
    points = [(20, 30), (30, 30), (25, 30), (20, 30), (30, 30)]
    assert kinds([BOX], [points]) == [("points swapped", 0)]


def test_a_point_outside_the_box():
    points = np.array(POINTS)
    points[2] = (44, 26)  # 6 right of a box whose longer side is 30.
    told = "a point lies 6 pixels outside the box"
    assert doubts([BOX], [points]) == [("point outside", told, 0)]
    points[2] = (40, 26)
    assert doubts([BOX], [points]) == []


def test_some_points_are_missing():
    points = np.array(POINTS, np.float32)
    points[4] = np.nan
    assert doubts([BOX], [points]) == [
        ("points missing", "4 of five points are known: none is trained on", 0)
    ]


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ([5, 5, 5, 20], "no area"),
        ([20, 20, 10, 40], "no area"),
        ([64, 5, 84, 25], "box outside"),
        ([-14, 5, 6, 25], "box outside"),  # Three tenths lie inside.
        ([5, 5, 13, 19], "tiny box"),
        ([5, 5, 45, 22], "odd box"),
        ([5, 5, 13, 40], "odd box"),
    ],
)
def test_boxes(box, kind):
    assert kinds([box]) == [(kind, 0)]


def test_the_same_box_twice_is_told_with_the_place_of_the_other():
    found = doubts([[1, 1, 21, 21], BOX, [14, 10, 38, 41]])
    assert found == [("same box", "the box is nearly that of x, line 4", 2)]


def test_boxes_to_ignore_may_be_anything_with_an_area():
    boxes = [BOX, BOX, [90, 5, 99, 9], [5, 5, 7, 40], [5, 5, 5, 9]]
    assert kinds(boxes, ignored=[False, True, True, True, True]) == [("no area", 4)]
