import numpy as np
import pytest

from experiments.evaluation.protocols import landmark_error
from experiments.evaluation.protocols.landmark_error import Errors

FACE = np.array([[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]], float)


def test_errors_by_hand():
    moved = FACE + [[2, 0], [0, 4], [-6, 8], [0, 0], [0, 0]]
    errors = landmark_error.measure(np.stack([FACE, FACE]), [moved, None])
    np.testing.assert_allclose(errors.points[0], [0.1, 0.2, 0.5, 0, 0])
    assert errors.missed.tolist() == [False, True]
    assert errors.faces[0] == pytest.approx(0.16) and np.isnan(errors.faces[1])


def test_summary_counts_missed_faces_apart():
    points = np.array([[0.05] * 5, [0.2] * 5, [np.nan] * 5, [0.11, 0.1, 0.1, 0.1, 0.05]])
    summary = landmark_error.summary(Errors(points, np.isnan(points[:, 0])))
    assert summary["faces"] == 4 and summary["missed"] == 0.25
    assert summary["mean"] == pytest.approx((0.05 + 0.2 + 0.092) / 3)
    assert summary["points"]["left_eye"] == pytest.approx(0.12)
    assert summary["failure_rate"] == pytest.approx(1 / 3)
    assert summary["failure_rate_with_missed"] == 0.5


def test_summary_of_none_found():
    summary = landmark_error.summary(landmark_error.measure(FACE[None], [None]))
    assert summary["mean"] is None and summary["missed"] == 1 and summary["failure_rate"] is None


def test_cumulative_share_is_of_all_faces():
    points = np.array([[0.05] * 5, [0.2] * 5, [np.nan] * 5, [0.1] * 5])
    errors = Errors(points, np.isnan(points[:, 0]))
    shares = landmark_error.cumulative(errors, np.array([0.01, 0.06, 0.15, 1]))
    assert shares.tolist() == [0, 0.25, 0.5, 0.75]


def test_the_detection_that_overlaps_most_is_chosen():
    face = np.array([0.0, 0, 10, 10])
    boxes = np.array([[0, 0, 5, 10], [0, 0, 10, 8], [20, 20, 30, 30]], float)
    assert landmark_error.choose(face, boxes) == 1
    assert landmark_error.choose(face, boxes[2:]) is None
    assert landmark_error.choose(face, boxes[:0]) is None
    # 29 of 100 pixels are too few, 31 enough.
    assert landmark_error.choose(face, np.array([[0, 0, 2.9, 10]])) is None
    assert landmark_error.choose(face, np.array([[0, 0, 3.1, 10]])) == 0


def test_labels_that_give_no_distance():
    squeezed = FACE.copy()
    squeezed[1] = squeezed[0]
    with pytest.raises(ValueError, match="1 faces .* the first is number 1"):
        landmark_error.measure(np.stack([FACE, squeezed]), [FACE, FACE])
