import numpy as np
import pytest

from experiments.evaluation.protocols import average_precision as ap
from experiments.evaluation.protocols.average_precision import RIGHT, UNCOUNTED, WRONG, Example


def example(faces, boxes, scores, ignored=None):
    faces, boxes = np.array(faces, float).reshape(-1, 4), np.array(boxes, float).reshape(-1, 4)
    ignored = np.zeros(len(faces), bool) if ignored is None else np.array(ignored)
    return Example(faces, ignored, boxes, np.array(scores, float))


def pr_curve(examples, threshold):
    return ap.curve(ap.rank(examples, threshold))


def coco_average(examples):
    once = np.ones((1, len(examples)), np.int64)
    return float(ap.coco_averages(ap.rank_for_coco(examples), once)[0])


def random_example(rng):
    faces = rng.uniform(0, 40, (6, 2))
    faces = np.concatenate([faces, faces + rng.uniform(5, 20, (6, 2))], axis=1)
    boxes = np.concatenate([faces + rng.uniform(-4, 4, (6, 4)), faces + rng.uniform(-4, 4, (6, 4))])
    scores = np.sort(rng.random(12))[::-1]
    return Example(faces, rng.random(6) < 0.3, rng.permutation(boxes), scores)


def plain_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)


def plain_match(one, threshold):
    """COCO's matching, a pair at a time."""
    taken, verdicts = set(), []
    for box in one.boxes:
        shares = [plain_iou(box, face) for face in one.faces]
        free = [
            (share, -face)
            for face, share in enumerate(shares)
            if share >= threshold and not one.ignored[face] and face not in taken
        ]
        if free:
            taken.add(-max(free)[1])
            verdicts.append(RIGHT)
        elif any(s >= threshold and one.ignored[f] for f, s in enumerate(shares)):
            verdicts.append(UNCOUNTED)
        else:
            verdicts.append(WRONG)
    return verdicts


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_matching_equals_a_plain_loop(seed, threshold):
    one = random_example(np.random.default_rng(seed))
    assert ap.match(one, threshold)[0].tolist() == plain_match(one, threshold)


def test_matching_tells_the_face():
    faces = [[0, 0, 10, 10], [20, 0, 30, 10]]
    boxes = [[20, 0, 30, 11], [50, 50, 60, 60], [0, 0, 10, 10], [0, 0, 10, 9]]
    verdicts, on = ap.match(example(faces, boxes, [4, 3, 2, 1]), 0.5)
    assert verdicts.tolist() == [RIGHT, WRONG, RIGHT, WRONG]
    assert on.tolist() == [1, -1, 0, -1]


def test_average_precision_by_hand():
    faces = [[0, 0, 10, 10], [20, 0, 30, 10]]
    boxes = [[0, 0, 10, 10], [50, 50, 60, 60], [20, 0, 30, 10]]
    curve = pr_curve([example(faces, boxes, [0.9, 0.8, 0.7])], 0.5)
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(curve.recall, [1 / 2, 1 / 2, 1])
    assert curve.average_precision == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
    assert curve.faces == 2


def test_pictures_are_ranked_together():
    first = example([[0, 0, 10, 10]], [[0, 0, 10, 10]], [0.3])
    second = example([], [[0, 0, 10, 10]], [0.6])
    curve = pr_curve([first, second], 0.5)
    assert curve.scores.tolist() == [0.6, 0.3]
    assert curve.average_precision == pytest.approx(1 / 2)


def test_small_faces_are_ignored():
    one = example([[0, 0, 10, 19], [0, 30, 10, 50]], [[0, 0, 10, 19]], [0.9], [False, False])
    one = ap.with_smallest(one, 20)
    assert one.ignored.tolist() == [True, False]
    curve = pr_curve([one], 0.5)
    assert curve.faces == 1 and len(curve.scores) == 0 and curve.average_precision == 0


def test_nothing_to_find_or_nothing_found():
    assert np.isnan(pr_curve([example([], [[0, 0, 1, 1]], [1])], 0.5).average_precision)
    assert pr_curve([example([[0, 0, 1, 1]], [], [])], 0.5).average_precision == 0


def test_coco_average_by_hand():
    # An overlap of 0.72 is right at 0.50 to 0.70, five of the ten.
    one = example([[0, 0, 100, 100]], [[0, 0, 100, 72]], [1])
    assert coco_average([one]) == pytest.approx(0.5)
    # Half of the faces: recalls of 0 to 0.5 are 51 of the 101.
    two = example([[0, 0, 100, 100], [200, 0, 300, 100]], [[0, 0, 100, 100]], [1])
    assert coco_average([two]) == pytest.approx(51 / 101)


def test_iou_of_empty_boxes():
    boxes = np.array([[0, 0, 0, 0], [0, 0, 2, 2], [1, 1, 0, 0]], float)
    assert ap.iou(boxes, boxes).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
