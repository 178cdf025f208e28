import json

import numpy as np
import pytest

import mtcnn_jax as mj
from data.records import Picture
from experiments.evaluation import detections
from tests.archives import jpeg

PARAMS = {"pnet": {"conv1": {"bias": np.zeros(3, np.float32)}}}
CONFIG = mj.DetectConfig()


def picture(number, boxes=((1, 2, 11, 12),)):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    none = np.full((len(boxes), 5, 2), np.nan, np.float32)
    ignored = np.zeros(len(boxes), bool)
    return Picture(f"{number}.jpg", jpeg(seed=number), boxes, ignored, none, True)


PICTURES = [picture(number) for number in range(5)]
WINDOWS = {  # As jit returns dictionaries: sorted by key.
    "onet": np.array([[-2, 2, 9, 60, 0.75]], np.float32),
    "pnet": np.array([[1, 2, 11, 17, 0.9], [0, 0, 4, 4, 0.8]], np.float32),
    "rnet": np.zeros((0, 5), np.float32),
}


class Detector:
    """Stands in for the networks, and counts the pictures that it is shown."""

    def __init__(self, monkeypatch, fail_at=None):
        self.seen, self.fail_at = 0, fail_at
        monkeypatch.setattr(mj, "detect_batch", self.batch)
        monkeypatch.setattr(mj, "detect_stages", self.stages)

    def count(self, images):
        assert all(image.shape == (48, 64, 3) for image in images)
        if self.fail_at is not None and self.seen + len(images) > self.fail_at:
            raise KeyboardInterrupt
        self.seen += len(images)

    def batch(self, params, images, config):
        self.count(images)
        third = np.float32(1) / 3
        boxes = np.array([[third, 2, 3, 4]], np.float32)
        points = np.full((1, 5, 2), third, np.float32)
        return [mj.Faces(boxes, np.array([third]), points) for _ in images]

    def stages(self, params, images, config):
        self.count(images)
        return [WINDOWS for _ in images]


def run(path, **options):
    return detections.detect_pictures(PARAMS, PICTURES, CONFIG, path, **options)


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for name in ("name", "size", "windows", "seconds"):
            assert getattr(one, name) == getattr(other, name)
        for name in ("boxes", "scores", "landmarks"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_second_run_reads_what_the_first_found(tmp_path, monkeypatch):
    detector = Detector(monkeypatch)
    found = run(tmp_path / "deep" / "d.jsonl")
    assert [one.name for one in found] == [one.name for one in PICTURES]
    assert found[0].size == (48, 64) and found[0].landmarks.shape == (1, 5, 2)
    assert found[0].windows == {} and detector.seen == 5
    again = run(tmp_path / "deep" / "d.jsonl")
    assert detector.seen == 5
    assert_same(again, found)
    assert again[0].boxes.dtype == np.float32


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "d.jsonl"
    Detector(monkeypatch, fail_at=3)
    with pytest.raises(KeyboardInterrupt):
        run(path)
    with open(path, "a") as file:
        file.write('{"name": "3.jpg", "si')  # Cut off as it was being written.
    detector = Detector(monkeypatch)
    found = run(path)
    assert detector.seen == 2
    assert [one.name for one in found] == [one.name for one in PICTURES]
    assert len(path.read_text().splitlines()) == 6


def test_stages(tmp_path, monkeypatch):
    Detector(monkeypatch)
    for _ in range(2):  # As found, and as read again.
        one = run(tmp_path / "d.jsonl", stages=True)[0]
        assert list(one.windows.items()) == [("pnet", 2), ("rnet", 0), ("onet", 1)]
        assert one.landmarks is None
        np.testing.assert_array_equal(one.boxes, [[0, 2, 9, 48]])  # Clipped to the picture.
        shares = {stage: float(values[0]) for stage, values in one.overlaps.items()}
        # 100 of 150 pixels; none; 80 of 100 and 638, before clipping.
        assert shares == pytest.approx({"pnet": 2 / 3, "rnet": 0, "onet": 80 / 658})


@pytest.mark.parametrize(
    ("params", "config", "what"),
    [
        ({"pnet": {"conv1": {"bias": np.ones(3, np.float32)}}}, CONFIG, "weights"),
        (PARAMS, mj.DetectConfig(thresholds=(0.6, 0.7, 0.5)), "thresholds"),
        (PARAMS, mj.DetectConfig(min_face_size=24), "min_face_size"),
    ],
)
def test_detections_of_other_settings_are_refused(tmp_path, monkeypatch, params, config, what):
    Detector(monkeypatch)
    run(tmp_path / "d.jsonl")
    with pytest.raises(ValueError, match=f"d.jsonl was made with another {what}; accepted"):
        detections.detect_pictures(params, PICTURES, config, tmp_path / "d.jsonl")


def test_a_broken_line_is_named(tmp_path, monkeypatch):
    Detector(monkeypatch)
    run(tmp_path / "d.jsonl")
    lines = (tmp_path / "d.jsonl").read_text().splitlines()
    lines[2] = json.dumps({"name": "1.jpg"})
    (tmp_path / "d.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="d.jsonl, line 3: 'landmarks'; remove the file"):
        run(tmp_path / "d.jsonl")


def test_a_picture_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    Detector(monkeypatch)
    broken = [PICTURES[0], PICTURES[1]._replace(encoded=b"no picture")]
    with pytest.raises(ValueError, match="1.jpg: .* is not a picture"):
        detections.detect_pictures(PARAMS, broken, CONFIG, tmp_path / "d.jsonl")
