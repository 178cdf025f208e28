import json

import numpy as np
import pytest

from experiments.evaluation.protocols import wider, wider_predictions, wider_truth
from experiments.evaluation.protocols.wider_truth import Truth


def plain_overlap(a, b):
    """One pair, pixel by pixel: boxes of whole numbers, both ends included."""
    pixels = [
        {(x, y) for x in range(x0, x0 + w + 1) for y in range(y0, y0 + h + 1)}
        for x0, y0, w, h in (a, b)
    ]
    return len(pixels[0] & pixels[1]) / len(pixels[0] | pixels[1])


def plain_average_precision(predictions, truth, level):
    """The protocol one detection at a time, one threshold at a time."""
    scores = np.concatenate([boxes[:, 4] for boxes in predictions.values()])
    low, high = scores.min(), scores.max()
    faces = sum(int(one.counted[level].sum()) for one in truth.values())
    shown, found = np.zeros(1000), np.zeros(1000)
    for name, one in truth.items():
        seen, running = set(), []
        for *box, score in sorted(predictions[name].tolist(), key=lambda row: -row[4]):
            overlaps = [plain_overlap(map(int, box), map(int, face)) for face in one.boxes]
            if not overlaps:
                continue
            best = int(np.argmax(overlaps))
            on = overlaps[best] >= 0.5
            ignored = on and not one.counted[level][best]
            first = on and not ignored and best not in seen
            seen |= {best} if first else set()
            running.append(((score - low) / (high - low), not ignored, first))
        for step in range(1000):
            above = [row for row in running if row[0] >= 1 - (step + 1) / 1000]
            shown[step] += sum(row[1] for row in above)
            found[step] += sum(row[2] for row in above)
    recall, precision = found / faces, found / np.maximum(shown, 1)
    area, before = 0.0, 0.0
    for step in range(1000):
        area += (recall[step] - before) * precision[step:].max()
        before = recall[step]
    return area


def random_set(rng, pictures=6):
    truth, predictions = {}, {}
    for number in range(pictures):
        faces = np.concatenate(
            [rng.integers(0, 30, (number, 2)), rng.integers(5, 15, (number, 2))], axis=1
        )
        counted = {level: rng.random(number) < 0.7 for level in wider.LEVELS}
        truth[f"e/{number}"] = Truth(faces.astype(float), counted)
        around = np.repeat(faces, 3, axis=0) + rng.integers(-3, 4, (3 * number, 4))
        others = np.concatenate([rng.integers(0, 30, (4, 2)), rng.integers(5, 15, (4, 2))], axis=1)
        boxes = np.concatenate([around, others])
        predictions[f"e/{number}"] = np.column_stack([boxes, rng.random(len(boxes))])
    return predictions, truth


def test_known_answer(shared):
    folder = shared / "reference" / "wider_face_eval"
    expected = json.loads((folder / "expected_ap.json").read_text())
    truth = wider_truth.read_truth(folder)
    predictions = wider_predictions.read_predictions(folder / "predictions.zip", truth)
    curves = wider.evaluate(predictions, truth)
    for level in wider.LEVELS:
        assert curves[level].average_precision == pytest.approx(expected[level], abs=1e-6)
    assert [curve.faces for curve in curves.values()] == [7211, 13319, 31958]


@pytest.mark.parametrize("seed", range(3))
def test_equals_a_plain_loop(seed):
    predictions, truth = random_set(np.random.default_rng(seed))
    curves = wider.evaluate(predictions, truth)
    for level in wider.LEVELS:
        expected = plain_average_precision(predictions, truth, level)
        assert curves[level].average_precision == pytest.approx(expected, abs=1e-12)


def test_overlaps_count_both_ends():
    boxes = np.array([[0.0, 0, 9, 9], [5, 0, 9, 9], [10, 0, 9, 9]])
    expected = [[1, 50 / 150, 0], [50 / 150, 1, 50 / 150], [0, 50 / 150, 1]]
    np.testing.assert_allclose(wider.overlaps(boxes, boxes), expected)


def test_ignored_faces_count_for_nothing_and_second_detections_are_wrong():
    faces = np.array([[0.0, 0, 9, 9], [50, 50, 9, 9]])
    masks = dict.fromkeys(wider.LEVELS, np.array([True, False]))
    boxes = np.array([[50, 50, 9, 9, 0.9], [0, 0, 9, 9, 0.8], [0, 0, 9, 9, 0.7], [80, 80, 9, 9, 0]])
    curve = wider.evaluate({"a": boxes}, {"a": Truth(faces, masks)})["easy"]
    assert curve.faces == 1
    assert curve.average_precision == 1
    # At the end: the face, its second detection and the box on nothing.
    assert curve.recall[-1] == 1 and curve.precision[-1] == pytest.approx(1 / 3)


def test_scores_of_any_range_give_the_same():
    predictions, truth = random_set(np.random.default_rng(5))
    stretched = {name: boxes * [1, 1, 1, 1, 400] - [0, 0, 0, 0, 90] for name, boxes in
                 predictions.items()}  # fmt: skip
    for level, curve in wider.evaluate(predictions, truth).items():
        other = wider.evaluate(stretched, truth)[level]
        assert other.average_precision == pytest.approx(curve.average_precision, abs=1e-9)


def test_only_the_named_pictures_count():
    predictions, truth = random_set(np.random.default_rng(6))
    names = ["e/3", "e/5"]
    part = wider.evaluate(predictions, truth, names)
    alone = wider.evaluate(predictions, {name: truth[name] for name in names})
    assert part["hard"].average_precision == alone["hard"].average_precision
    assert part["hard"].faces == alone["hard"].faces < 15


def test_nothing_found():
    _, truth = random_set(np.random.default_rng(7))
    nothing = dict.fromkeys(truth, np.zeros((0, 5)))
    assert wider.evaluate(nothing, truth)["easy"].average_precision == 0


def test_missing_pictures():
    predictions, truth = random_set(np.random.default_rng(8))
    with pytest.raises(ValueError, match="ground truth lack 1 of 2 pictures, the first x/y"):
        wider.evaluate(predictions, truth, ["e/1", "x/y"])
    del predictions["e/4"]
    with pytest.raises(ValueError, match="predictions lack 1 of 6 pictures, the first e/4"):
        wider.evaluate(predictions, truth)


def cells(values):
    """A MATLAB cell array, one column."""
    array = np.empty((len(values), 1), object)
    array[:, 0] = values
    return array


SMALL = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 9, 9, 9))


def write_mat(folder, *, faces=SMALL, kept=(1, 3), drop=()):
    """The official files: two pictures, the first with three faces, the second with none."""
    from scipy.io import savemat

    files = cells([cells(["0_Parade_a_1", "0_Parade_b_2"])])
    first, second = np.array(faces), np.zeros((0, 4))
    whole = {
        "event_list": cells(["0--Parade"]),
        "file_list": files,
        "face_bbx_list": cells([cells([first, second])]),
    }
    savemat(folder / "wider_face_val.mat", {k: v for k, v in whole.items() if k not in drop})
    numbers = cells([cells([np.array(kept)[:, None], np.zeros((0, 1))])])
    for level in wider.LEVELS:
        savemat(folder / f"wider_{level}_val.mat", {"gt_list": numbers})


def test_reads_the_official_files(tmp_path):
    write_mat(tmp_path)
    truth = wider_truth.read_truth(tmp_path)
    assert list(truth) == ["0--Parade/0_Parade_a_1", "0--Parade/0_Parade_b_2"]
    first, second = truth.values()
    np.testing.assert_array_equal(first.boxes[1], [5, 6, 7, 8])
    assert first.counted["hard"].tolist() == [True, False, True]
    assert second.boxes.shape == (0, 4) and second.counted["easy"].shape == (0,)


def test_official_files_that_are_missing_broken_or_do_not_fit(tmp_path):
    with pytest.raises(FileNotFoundError, match="wider_face_val.mat"):
        wider_truth.read_truth(tmp_path)
    write_mat(tmp_path, kept=(1, 4))
    with pytest.raises(ValueError, match="wider_easy_val.mat: its faces of 0--Parade/0_Parade_a_1"):
        wider_truth.read_truth(tmp_path)
    write_mat(tmp_path, drop=("file_list",))
    with pytest.raises(ValueError, match="lacks file_list"):
        wider_truth.read_truth(tmp_path)
    (tmp_path / "wider_face_val.mat").write_bytes(b"no mat")
    with pytest.raises(ValueError, match="cannot be read"):
        wider_truth.read_truth(tmp_path)
