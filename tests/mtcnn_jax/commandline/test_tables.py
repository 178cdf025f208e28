"""faces.csv and COCO's format hold what faces.jsonl does."""

import csv
import json
import os

import numpy as np
import pytest

from mtcnn_jax.commandline import tables
from mtcnn_jax.commandline.results import to_faces, to_record
from mtcnn_jax.faces import POINTS, Faces
from tests.mtcnn_jax.commandline.drawn import FACES

TWO = Faces(
    np.array([[10, 20, 40, 60], [0.5, 1, 3.25, 4]], np.float32),
    np.array([0.99, 0.5], np.float32),
    np.arange(20, dtype=np.float32).reshape(2, 5, 2),
)
NONE = FACES[:0]


@pytest.fixture
def folder(tmp_path):
    pictures = [("b, c.jpg", 100, 200, TWO), ("a/ü.png", 9, 9, NONE), ("a.png", 16, 20, FACES)]
    lines = [json.dumps(to_record(*picture)) + "\n" for picture in pictures]
    (tmp_path / "faces.jsonl").write_text("".join(lines))
    return tmp_path


def test_a_row_for_each_face(folder):
    assert tables.write_tables(folder, ["jsonl", "csv"]) == [folder / "faces.csv"]
    with open(folder / "faces.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["face"]) for row in rows] == [
        ("b, c.jpg", "0"),
        ("b, c.jpg", "1"),
        ("a.png", "0"),
    ]
    assert rows[1]["height"] == "100" and rows[1]["width"] == "200" and rows[1]["score"] == "0.5"
    assert [float(rows[1][side]) for side in ("x1", "y1", "x2", "y2")] == [0.5, 1, 3.25, 4]
    points = [[float(rows[1][f"{name}_{axis}"]) for axis in "xy"] for name in POINTS]
    np.testing.assert_array_equal(points, TWO.landmarks[1])
    assert list(rows[0])[4:] == list(TWO.to_pandas().columns)  # The columns of Faces, too.


def test_coco_is_a_data_set_with_results(folder):
    (path,) = tables.write_tables(folder, ["coco"])
    found = json.loads(path.read_text())
    assert set(found) == {"info", "licenses", "categories", "images", "annotations"}
    assert found["images"] == [
        {"id": 1, "file_name": "b, c.jpg", "height": 100, "width": 200},
        {"id": 2, "file_name": "a/ü.png", "height": 9, "width": 9},
        {"id": 3, "file_name": "a.png", "height": 16, "width": 20},
    ]
    (category,) = found["categories"]
    assert category["keypoints"] == list(POINTS)
    assert [one["id"] for one in found["annotations"]] == [1, 2, 3]
    assert [one["image_id"] for one in found["annotations"]] == [1, 1, 3]
    assert {one["category_id"] for one in found["annotations"]} == {category["id"]}
    first = found["annotations"][0]
    assert first["bbox"] == [10, 20, 30, 40] and first["area"] == 1200 and first["iscrowd"] == 0
    assert first["score"] == 0.99 and first["num_keypoints"] == 5
    assert first["keypoints"] == [0, 1, 2, 2, 3, 2, 4, 5, 2, 6, 7, 2, 8, 9, 2]


def test_tables_of_no_pictures_are_tables(tmp_path):
    (tmp_path / "faces.jsonl").touch()
    rows, coco = tables.write_tables(tmp_path, ["csv", "coco"])
    assert rows.read_text().count("\n") == 1
    found = json.loads(coco.read_text())
    assert found["images"] == found["annotations"] == []


def test_names_that_are_no_text_are_written_as_they_are(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    line = json.dumps(to_record(name, 16, 20, FACES)) + "\n"
    (tmp_path / "faces.jsonl").write_text(line)
    rows, coco = tables.write_tables(tmp_path, ["csv", "coco"])
    assert rows.read_bytes().splitlines()[1].startswith(b"caf\xe9.jpg,16,20,0,1.5,")
    assert json.loads(coco.read_text())["images"][0]["file_name"] == name


def test_records_and_faces_are_one_another():
    for faces in (TWO, NONE):
        back = to_faces(json.loads(json.dumps(to_record("a", 1, 2, faces))))
        np.testing.assert_array_equal(back.boxes, faces.boxes)
        np.testing.assert_array_equal(back.scores, faces.scores)
        np.testing.assert_array_equal(back.landmarks, faces.landmarks)


def test_tables_of_the_users_own_are_kept(folder):
    for name, form in (("faces.csv", "csv"), ("faces.coco.json", "coco")):
        (folder / name).write_text("mine")
        with pytest.raises(FileExistsError, match=f"{name}' is there and no result of an earlier"):
            tables.check_tables(folder, ["jsonl", form])
        tables.remove_tables(folder)
        assert (folder / name).read_text() == "mine"
    tables.check_tables(folder, ["jsonl"])


def test_tables_of_earlier_runs_are_removed(folder):
    written = tables.write_tables(folder, ["csv", "coco"])
    tables.check_tables(folder, ["csv", "coco"])
    tables.remove_tables(folder)
    assert not any(path.exists() for path in written)
