import sqlite3

import numpy as np
import pytest

from data.archives import ArchiveError
from data.datasets import aflw
from mtcnn_jax import read_image
from tests.archives import jpeg

TYPES = {1: "LeftBrowCenter", 8: "LeftEyeCenter", 11: "RightEyeCenter", 15: "NoseCenter",
         18: "MouthLeftCorner", 20: "MouthRightCorner"}  # fmt: skip


def write(folder, *, point_of=2, file="b.jpg"):
    """Two pictures; the second with two faces, one of them with a hidden point and no rectangle."""
    with sqlite3.connect(folder / "aflw.sqlite") as db:
        db.execute("CREATE TABLE FaceImages(image_id INTEGER, db_id TEXT, file_id TEXT, "
                   "filepath TEXT, width INTEGER, height INTEGER)")  # fmt: skip
        db.execute("CREATE TABLE Faces(face_id INTEGER, file_id TEXT, db_id TEXT)")
        db.execute("CREATE TABLE FaceRect(face_id INTEGER, x INTEGER, y INTEGER, w INTEGER, "
                   "h INTEGER)")  # fmt: skip
        db.execute("CREATE TABLE FeatureCoordTypes(feature_id INTEGER, descr TEXT, code TEXT)")
        db.execute(
            "CREATE TABLE FeatureCoords(face_id INTEGER, feature_id INTEGER, x REAL, y REAL)"
        )
        db.executemany("INSERT INTO FaceImages VALUES (?, 'flickr', ?, ?, 64, 48)",
                       [(1, "a.jpg", "0/a.jpg"), (2, "b.jpg", "2/b.jpg")])  # fmt: skip
        db.executemany("INSERT INTO Faces VALUES (?, ?, 'flickr')",
                       [(1, "a.jpg"), (2, file), (3, "b.jpg")])  # fmt: skip
        db.executemany("INSERT INTO FaceRect VALUES (?, ?, ?, ?, ?)",
                       [(1, 5, 6, 20, 30), (2, -3, 0, 9, 9)])  # fmt: skip
        db.executemany("INSERT INTO FeatureCoordTypes VALUES (?, '', ?)", TYPES.items())
        for face in (1, point_of, 3):
            for number, feature in enumerate(TYPES):
                if (face, feature) != (3, 15):
                    row = (face, feature, face + number, 0.5)
                    db.execute("INSERT INTO FeatureCoords VALUES (?, ?, ?, ?)", row)
    db.close()
    for number, name in enumerate(("0/a.jpg", "2/b.jpg")):
        (folder / "flickr" / name).parent.mkdir(parents=True)
        (folder / "flickr" / name).write_bytes(jpeg(seed=number))


def change(folder, statement, values=()):
    """Changes what `write` wrote."""
    with sqlite3.connect(folder / "aflw.sqlite") as db:
        db.execute(statement, values)
    db.close()


def test_pictures(tmp_path):
    write(tmp_path)
    first, second = pictures = aflw.Pictures(tmp_path)
    assert len(pictures) == 2 and pictures[-1].name == "flickr/2/b.jpg"
    assert first.name == "flickr/0/a.jpg" and read_image(first.encoded).shape == (48, 64, 3)
    np.testing.assert_array_equal(first.boxes, [[5, 6, 25, 36]])
    # The brow, first of the types, is none of the five.
    np.testing.assert_array_equal(first.landmarks[0], [[n, 0.5] for n in (2, 3, 4, 5, 6)])
    np.testing.assert_array_equal(second.boxes, [[-3, 0, 6, 9], [0, 0, 0, 0]])
    assert second.ignored.tolist() == [False, True] and not second.exhaustive
    assert np.isnan(second.landmarks).any(axis=2).tolist() == [[False] * 5, [0, 0, 1, 0, 0]]
    with pytest.raises(IndexError):
        pictures[2]


def test_the_reference_faces(shared):
    pictures = aflw.Pictures(shared / "data" / "aflw")
    assert len(pictures) == 2995
    assert pictures[0].landmarks[0, 4].tolist() == pytest.approx([48.547, 54.232])
    assert all(len(pictures[index].boxes) == 1 for index in range(0, 2995, 200))


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="aflw.sqlite"):
        aflw.Pictures(tmp_path)
    (tmp_path / "aflw.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ArchiveError, match="is not AFLW's database"):
        aflw.Pictures(tmp_path)
    (tmp_path / "aflw.sqlite").unlink()
    write(tmp_path)
    (tmp_path / "flickr" / "2" / "b.jpg").unlink()
    with pytest.raises(ArchiveError, match="b.jpg is missing, which face 2 of .* names"):
        aflw.Pictures(tmp_path)


def test_faces_and_points_of_nothing(tmp_path):
    (tmp_path / "a").mkdir()
    write(tmp_path / "a", point_of=7)
    with pytest.raises(ArchiveError, match="FeatureCoords: there is no face 7"):
        aflw.Pictures(tmp_path / "a")
    (tmp_path / "b").mkdir()
    write(tmp_path / "b", file="z.jpg")
    with pytest.raises(ArchiveError, match="face 2 is in no picture of FaceImages"):
        aflw.Pictures(tmp_path / "b")
