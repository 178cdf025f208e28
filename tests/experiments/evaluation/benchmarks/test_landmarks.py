import types

import numpy as np
import pytest

from data import records
from data.datasets import aflw
from data.records import Picture
from experiments.evaluation.benchmarks import landmarks as benchmarks
from experiments.evaluation.settings import Settings
from tests.experiments.evaluation import once

FACE = np.array([[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]], np.float32)
BOX = np.array([5, 0, 35, 40], np.float32)
SETTINGS = Settings("data", "unused", aflw_dir="aflw")


def picture(name, points=FACE[None], ignored=(False,)):
    boxes = np.repeat(BOX[None], len(points), axis=0)
    return Picture(name, b"", boxes, np.array(ignored, bool), np.array(points, np.float32), False)


def found(*moves, far=False):
    """One detection for each move, all on the face's box but the first if `far`."""
    boxes = np.stack([BOX + 100 * far * (number == 0) for number in range(len(moves))])
    points = np.stack([FACE + np.float32(move) for move in moves])
    return types.SimpleNamespace(boxes=boxes, landmarks=points, seconds=0.1)


NOTHING = types.SimpleNamespace(boxes=np.zeros((0, 4)), landmarks=np.zeros((0, 5, 2)))


@pytest.fixture
def settings(tmp_path):
    return Settings("data", str(tmp_path), aflw_dir="aflw")


def detector(monkeypatch, results):
    def detect_pictures(params, pictures, config, path, title):
        assert config.thresholds == (0.6, 0.7, 0.7)
        return results[path.stem]

    monkeypatch.setattr(benchmarks, "detect_pictures", detect_pictures)


def test_celeb_a(settings, tmp_path, monkeypatch):
    sets = {
        "validation": [picture("1.jpg"), picture("2.jpg")],
        "test": [picture(f"{number}.jpg") for number in (3, 4, 5)],
    }
    monkeypatch.setattr(records, "read_pictures", lambda dataset, *, split, data_dir: sets[split])
    detector(
        monkeypatch,
        {
            # The first detection is elsewhere; the second is 2 of 20 pixels off.
            "celeb_a_validation": [found((0, 0), (2, 0), far=True), NOTHING],
            "celeb_a_test": [found((0, 1)), found((0, 2)), found((0, 6))],
        },
    )
    (tmp_path / "people.txt").write_text("3.jpg 8\n4.jpg 8\n5.jpg 9\n1.jpg 1\n2.jpg 2\n")
    identified = Settings("d", str(tmp_path), identities=str(tmp_path / "people.txt"))
    result = benchmarks.run_celeb_a(identified, "w", {})
    values = result.values
    once.check(result, "celeb_a", alone={"validation/left_out", "test/left_out"})
    assert values["validation"]["mean"] == pytest.approx(0.1)
    assert values["validation"]["missed"] == 0.5
    assert values["test"]["mean"] == pytest.approx(0.15)
    assert values["test"]["people_of_several_pictures"]["mean"] == pytest.approx(0.075)
    assert values["test"]["people_of_one_picture"]["mean"] == pytest.approx(0.3)
    # What was written scores the same.
    written = tmp_path / "predictions" / "w" / "celeb_a_validation.txt"
    assert written.read_text().splitlines()[-1] == "2.jpg"
    again = benchmarks.celeb_a_from_predictions(settings, written).values
    assert again["mean"] == pytest.approx(0.1) and again["missed"] == 0.5


def test_aflw_with_several_faces_and_hidden_points(settings, monkeypatch, tmp_path):
    hidden = FACE.copy()
    hidden[3] = np.nan
    several = picture("b.jpg", np.stack([FACE, hidden, FACE + 200, FACE]), [0, 0, 0, 1])
    several.boxes[2] += 200
    pictures = [picture("a.jpg"), several]
    monkeypatch.setattr(aflw, "Pictures", lambda folder: pictures)
    detector(monkeypatch, {"aflw": [found((1, 0)), found((0, 2))]})
    result = benchmarks.run_aflw(settings, "w", {})
    once.check(result, "aflw", alone={"left_out"})
    assert result.values["faces"] == 3 and result.values["left_out"] == 2
    assert result.values["mean"] == pytest.approx((0.05 + 0.1) / 2)
    assert result.values["missed"] == pytest.approx(1 / 3)
    written = tmp_path / "predictions" / "w" / "aflw.txt"
    names = [line.split()[0] for line in written.read_text().splitlines()[2:]]
    assert names == ["a.jpg", "b.jpg#0", "b.jpg#2"]
    again = benchmarks.aflw_from_predictions(settings, written)
    np.testing.assert_allclose(again.errors["aflw"].points, result.errors["aflw"].points, atol=1e-4)


def test_labels_without_a_face():
    with pytest.raises(ValueError, match="none of 1 pictures has a face"):
        benchmarks.labelled_faces([picture("a.jpg", np.full((1, 5, 2), np.nan))])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("2\nx\na 1 2 3 4 5 6 7 8 9 10\nb 1 2 3\n", "line 4: '1 2 3'; accepted are 10 numbers"),
        ("2\nx\na 1 2 3 4 5 6 7 8 9 nan\nb\n", "line 3: .*; accepted are finite numbers"),
        ("2\nx\na\nz\n", "line 4: z is no picture of the ground truth"),
        ("2\nx\na\na\n", "line 4: a was there already"),
        ("1\nx\na\n", "no line for 1 of 2 pictures, the first is b"),
        ("3\nx\na\nb\n", "line 1: 3; the file has 2 rows"),
        ("1 2\nx\n", "line 1: '1 2'; accepted are 1 numbers"),
    ],
)
def test_wrong_predictions_are_named(tmp_path, rows, message):
    (tmp_path / "p.txt").write_text(rows)
    with pytest.raises(ValueError, match=message):
        benchmarks.read_landmarks(tmp_path / "p.txt", ["a", "b"])


def test_people_that_are_not_known(tmp_path):
    with pytest.raises(ValueError, match="lacks 1 pictures, the first is a.jpg"):
        benchmarks.by_person(["a.jpg"], {})
    (tmp_path / "people.txt").write_text("a.jpg 1\nb.jpg\n")
    with pytest.raises(ValueError, match="people.txt, line 2: 'b.jpg'; accepted"):
        benchmarks.run_celeb_a(Settings("d", "o", identities=str(tmp_path / "people.txt")), "w", {})
