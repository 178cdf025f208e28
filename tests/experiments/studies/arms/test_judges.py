"""What detections are scored on, on drawn pictures and labels."""

import numpy as np
import pytest
from PIL import Image

from experiments.evaluation.protocols.wider_truth import LEVELS, Truth
from experiments.studies.arms import drawing, judges
from experiments.studies.arms.comparison import measures_of
from experiments.studies.arms.detections import Detected
from tests.experiments.evaluation.benchmarks.test_fddb import TEXT
from tests.experiments.studies.arms.test_detections import plain_pictures

NOTHING = Detected(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


def found(*boxes):
    scores = np.linspace(0.9, 0.5, len(boxes)).astype(np.float32)
    return Detected(np.array(boxes, np.float32), scores)


@pytest.fixture
def wider(monkeypatch):
    """Nine pictures, the first of which the official files do not name."""
    pictures = plain_pictures(9)
    names = [one.name.removesuffix(".png") for one in pictures[1:]]
    face = Truth(np.array([[10.0, 10, 30, 30]]), dict.fromkeys(LEVELS, np.ones(1, bool)))
    opened = pictures, dict.fromkeys(names, face), names
    monkeypatch.setattr(judges.wider, "open_data", lambda settings: opened)


def test_wider_face_is_judged_on_some_pictures_evenly_spread(wider):
    (every,) = judges.open_judges("D", "T", "", 0)
    assert [one.name for one in every.pictures] == [f"e/{number}.png" for number in range(1, 9)]
    (some,) = judges.open_judges("D", "T", "", 3)
    assert [one.name for one in some.pictures] == ["e/1.png", "e/5.png", "e/8.png"]
    loose = [10, 10, 40, 33]  # IoU 0.76 with the face, and 0.56 where it is shorter.
    result = some.score([found([10, 10, 40, 40], [60, 60, 80, 80]), found(loose), NOTHING])
    assert result.values["pictures"] == 3
    assert result.values["easy"] == pytest.approx(2 / 3)
    assert result.values["ap_at_0.7"] == pytest.approx(2 / 3)
    short = some.score([found([10, 10, 40, 27]), NOTHING, NOTHING])
    assert short.values["easy"] == pytest.approx(1 / 3) and short.values["ap_at_0.7"] == 0
    once = np.ones((1, 3), int)
    for title, path in measures_of({"a": [result]}):
        assert result.figures[path].values(once)[0] == pytest.approx(result.values[path]), title


def test_fddb_where_the_user_has_it(wider, tmp_path):
    (tmp_path / "ellipseList.txt").write_text(TEXT)
    for name in ("2002/a/img_1", "2002/b/img_2", "2002/c/img_3"):
        path = tmp_path / "originalPics" / f"{name}.jpg"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (160, 140)).save(path)
    _, fddb = judges.open_judges("D", "T", str(tmp_path), 0)
    assert len(fddb.pictures) == 3
    many = [[0, 0, 5, 5]] * judges.BEST
    result = fddb.score([found([80, 60, 120, 122], *many), NOTHING, found([50, 50, 70, 90])])
    # Of the fifty and one that follow the first, the best that may count are wrong.
    assert result.values["false_positives"] == judges.BEST - 1
    assert [path for _, path in measures_of({"a": [result]})] == [
        "discrete/1000", "continuous/1000"
    ]  # fmt: skip
    panels = drawing.panels_of({"FDDB": {"a": [result]}}, boxes=True)
    assert panels == [("FDDB", drawing.ROC)]
    assert drawing.draw_curves(tmp_path / "f.png", {"FDDB": {"a": [result]}}, {"a": "A"}, panels)
