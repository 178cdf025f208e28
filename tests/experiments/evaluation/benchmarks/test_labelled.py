import json
import math
import types

import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from data.datasets import labelled
from experiments.evaluation import coco_results, lost_faces
from experiments.evaluation.benchmarks import labelled as benchmark
from experiments.evaluation.benchmarks import labelled_counts
from experiments.evaluation.protocols.average_precision import Example
from experiments.evaluation.settings import Settings
from tests import archives
from tests.experiments.evaluation import once

POINTS = [12, 20, 2, 18, 20, 2, 15, 24, 1, 12, 28, 2, 18, 28, 2]
COCO = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "s/b.jpg"}],
    "annotations": [
        {"image_id": 7, "bbox": [10, 12, 20, 24], "keypoints": POINTS},
        {"image_id": 7, "bbox": [30, 5, 9, 9], "iscrowd": 1},
        {"image_id": 9, "bbox": [0, 0, 20, 40], "keypoints": [*POINTS[:9], 0, 0, 0, 9, 9, 2]},
    ],
}


def write(folder, content=COCO):
    for number, name in enumerate(("a.jpg", "s/b.jpg")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(archives.jpeg(seed=number))
    (folder / "labels.json").write_text(json.dumps(content))


class TestReader:
    def test_coco(self, tmp_path):
        write(tmp_path)
        first, second = labelled.Pictures(tmp_path, tmp_path / "labels.json")
        assert first.name == "a.jpg" and first.exhaustive
        assert mj.read_image(first.encoded).shape == (48, 64, 3)
        np.testing.assert_array_equal(first.boxes, [[10, 12, 30, 36], [30, 5, 39, 14]])
        assert first.ignored.tolist() == [False, True]
        np.testing.assert_array_equal(first.landmarks[0, 2], [15, 24])
        assert np.isnan(first.landmarks[1]).all()
        assert np.isnan(second.landmarks[0]).any(axis=1).tolist() == [0, 0, 0, 1, 0]

    def test_wider_text(self, tmp_path):
        (tmp_path / "labels.txt").write_text(archives.WIDER_TEXT)
        first, empty, _ = labelled.read_labels(tmp_path / "labels.txt")
        assert first.name == "0--Parade/0_Parade_a_1.jpg"
        np.testing.assert_array_equal(first.boxes[0], [10, 12, 30, 36])
        assert first.ignored.tolist() == [False, True, True]  # No area; invalid.
        assert np.isnan(first.landmarks).all() and empty.boxes.shape == (0, 4)

    def test_missing_picture_names_the_line(self, tmp_path):
        (tmp_path / "labels.txt").write_text(archives.WIDER_TEXT)
        with pytest.raises(ValueError, match="no 0--Parade/0_Parade_a_1.jpg, which .*line 1 names"):
            labelled.Pictures(tmp_path, tmp_path / "labels.txt")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"images": [{"id": 7}]}, r"images\[0\]: accepted"),
            ({"annotations": [{"image_id": 8, "bbox": [0, 0, 1, 1]}]}, r"\[0\]: no image .* 8"),
            ({"annotations": [{"image_id": 7, "bbox": [0, 0, 1]}]}, r"\[0\]: accepted"),
            ({"annotations": [{"image_id": 7, "bbox": [0, 0, 1, "nan"]}]}, r"\[0\]: bbox"),
            ({"annotations": [5]}, r"\[0\]: accepted"),
        ],
    )
    def test_wrong_entries_are_named(self, tmp_path, change, message):
        write(tmp_path, COCO | change)
        with pytest.raises(ValueError, match=f"labels.json, .*{message}"):
            labelled.read_labels(tmp_path / "labels.json")

    def test_files_that_are_none(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="accepted is a .txt or .json"):
            labelled.read_labels(tmp_path / "x.txt")
        for name, text, message in (
            ("x.csv", "", "accepted are .txt"),
            ("x.json", "{", "is no JSON"),
            ("y.json", "[]", "accepted is COCO's object"),
        ):
            (tmp_path / name).write_text(text)
            with pytest.raises(ValueError, match=message):
                labelled.read_labels(tmp_path / name)


def example(faces, boxes, scores):
    faces = np.array(faces, np.float32).reshape(-1, 4)
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Example(faces, np.zeros(len(faces), bool), boxes, np.array(scores, np.float32))


class TestScore:
    examples = [
        example(
            [[0, 0, 30, 30], [100, 0, 150, 50], [0, 100, 10, 110]],
            [[0, 0, 30, 30], [200, 0, 220, 20], [100, 0, 150, 40]],
            [0.9, 0.8, 0.3],
        ),
        example([], [[0, 0, 30, 30]], [0.1]),
    ]

    def test_by_hand(self):
        values = benchmark.score(20, self.examples, 0.7).values
        assert values["faces"] == 2 and values["pictures"] == 2
        assert values["recall"] == 0.5 and values["false_positives_per_picture"] == 0.5
        # Right, wrong, right (IoU 0.8), wrong.
        assert values["ap_0.5"] == values["ap_0.7"] == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
        sizes = values["recall_by_size"]
        assert sizes["0-20"] == {"faces": 1, "recall": 0}
        assert sizes["20-40"] == {"faces": 1, "recall": 1}
        assert sizes["40-80"] == {"faces": 1, "recall": 0}
        assert sizes["160 and more"] == {"faces": 0, "recall": None}

    def test_missed_and_false(self):
        missed, false = labelled_counts.missed_and_false(self.examples)
        assert [one.tolist() for one in missed] == [[2], []]
        assert [one.tolist() for one in false] == [[1], [0]]

    def test_no_faces_at_all_can_be_written_as_json(self):
        values = benchmark.score(20, self.examples[1:], 0.7).values
        assert values["recall"] is None and values["ap_0.5"] is None
        json.dumps(values, allow_nan=False)


class TestRun:
    @pytest.fixture
    def settings(self, tmp_path):
        write(tmp_path)
        labels = str(tmp_path / "labels.json")
        return Settings(str(tmp_path), str(tmp_path / "out"), annotations=labels)

    def test_report(self, settings, tmp_path, monkeypatch):
        boxes = np.array([[10, 12, 30, 36], [40, 30, 60, 46]], np.float32)
        points = np.reshape(POINTS, (5, 3))[:, :2] + np.float32([0, 3])
        found = [
            types.SimpleNamespace(
                boxes=boxes, scores=np.float32([0.9, 0.8]), landmarks=np.stack([points] * 2),
                seconds=0.5,
            ),
            types.SimpleNamespace(
                boxes=boxes[:0], scores=np.float32([]), landmarks=np.zeros((0, 5, 2)), seconds=0.7
            ),
        ]  # fmt: skip
        monkeypatch.setattr(benchmark, "detect_pictures", lambda *_, **__: found)
        monkeypatch.setattr(lost_faces, "reasons", lambda *_: [[], ["rnet"]])
        result = benchmark.run(settings, "w", {})
        values = result.values
        once.check(result, "labelled", alone={"seconds_per_picture"})
        assert values["recall"] == 0.5 and values["false_positives_per_picture"] == 0.5
        assert values["lost"] == {"pnet": 0, "rnet": 1, "onet": 0, "nms": 0}
        # All five points 3 pixels off, eyes 6 apart; the other face lacks a point.
        assert values["landmarks"]["mean"] == pytest.approx(0.5)
        assert values["landmarks"]["faces"] == 1
        assert values["seconds_per_picture"] == 0.6
        for name in ("missed", "false"):
            with Image.open(tmp_path / "out" / "examples" / "w" / f"{name}.png") as shown:
                assert shown.size == (128, 142)
        written = tmp_path / "out" / "predictions" / "w" / "labelled"
        again = benchmark.from_predictions(settings, written).values
        assert again["ap_0.5"] == values["ap_0.5"] and again["recall"] == 0.5

    @pytest.mark.parametrize("name", ["labels.json", "labels.txt"])
    def test_predictions_of_a_folder_want_its_labels_alone(self, tmp_path, name):
        (tmp_path / "labels.json").write_text(json.dumps(COCO))
        (tmp_path / "labels.txt").write_text("a.jpg\n1\n10 12 20 24 0 0 0 0 0 0\ns/b.PNG\n0\n")
        for one, text in (("a", "a\n1\n10 12 20 24 0.9\n"), ("s/b", "b\n0\n")):
            (tmp_path / "found" / one).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / "found" / f"{one}.txt").write_text(text)
        settings = Settings("", str(tmp_path / "out"), annotations=str(tmp_path / name))
        values = benchmark.from_predictions(settings, tmp_path / "found").values
        assert values["pictures"] == 2 and values["recall"] == (0.5 if "json" in name else 1)

    def test_coco_results(self, settings, tmp_path):
        entries = [{"image_id": 9, "bbox": [0, 0, 20, 40], "score": 0.4}]
        (tmp_path / "found.json").write_text(json.dumps(entries))
        values = benchmark.from_predictions(settings, tmp_path / "found.json").values
        assert values["recall"] == 0.5 and values["ap_0.7"] == 0.5

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"image_id": 9, "bbox": [0, 0, 1, 1]}, "accepted are image_id"),
            ({"image_id": 9, "bbox": [0, 0, 1], "score": 1}, "accepted are a bbox of 4"),
            ({"image_id": 9, "bbox": [0, 0, 1, 1], "score": math.nan}, "finite"),
            ({"image_id": 8, "bbox": [0, 0, 1, 1], "score": 1}, "no image has the id 8"),
        ],
    )
    def test_wrong_coco_results(self, tmp_path, entry, message):
        write(tmp_path)
        (tmp_path / "found.json").write_text(json.dumps([entry]))
        with pytest.raises(ValueError, match=f"found.json, entry 0: .*{message}"):
            coco_results.read_results(
                tmp_path / "found.json", tmp_path / "labels.json", ["a.jpg", "s/b.jpg"]
            )

    def test_a_prepared_set_may_be_named_in_place_of_a_file(self, tmp_path, monkeypatch):
        asked = []

        def read(dataset, *, split, data_dir):
            asked.append((dataset, split, str(data_dir)))
            return []

        monkeypatch.setattr(benchmark.records, "read_pictures", read)
        for annotations, split in (("", "validation"), ("folder", "train"), ("folder", "")):
            benchmark.open_pictures(
                Settings("DATA", str(tmp_path), annotations=annotations, split=split)
            )
        assert asked == [
            ("wider_face", "validation", "DATA"),
            ("folder", "train", "DATA"),
            ("folder", "validation", "DATA"),
        ]

    def test_names_that_predictions_cannot_tell_apart(self, tmp_path):
        pictures = [types.SimpleNamespace(name=name) for name in ("x/a.jpg", "x/a.png")]
        with pytest.raises(ValueError, match="x/a.jpg and x/a.png differ in their ending alone"):
            benchmark.stems(pictures)
