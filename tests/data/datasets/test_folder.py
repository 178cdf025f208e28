import json

import numpy as np
import pytest

from data.archives import ArchiveError
from data.datasets.folder import read_folder, share_of, split_by_name
from data.datasets.labels import Labels
from data.prepare import prepare_folder
from data.records import known_points, read_pictures
from tests.archives import jpeg
from tests.data.datasets.own import BOX, POINTS, face, write_coco
from tests.data.test_checks import HTML, turned


def bare(count):
    none = np.zeros((0, 4)), np.zeros(0, bool), np.zeros((0, 5, 2))
    return [Labels(f"{number}.jpg", *none, f"x, line {number}") for number in range(count)]


def names(labels):
    return {one.name for one in labels}


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def prepared(folder, tmp_path, **options):
    prepare_folder(folder, data_dir=str(tmp_path / "data"), **options)
    found = {}
    for split in ("train", "validation"):
        pictures = read_pictures("folder", split=split, data_dir=str(tmp_path / "data"))
        found[split] = {one.name: one for one in pictures}
    return found


def told(capsys):
    """What was counted, without the progress bars of TensorFlow Datasets."""
    lines = capsys.readouterr().err.splitlines()
    return [line.partition("folder: ")[2] for line in lines if "folder: " in line]


class TestSplit:
    @pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
    def test_it_is_about_the_share_and_every_picture_is_in_one(self, share):
        labels = bare(2000)
        train, validation = split_by_name(labels, share)
        assert names(train) | names(validation) == names(labels)
        assert len(train) + len(validation) == 2000
        assert abs(len(validation) / 2000 - share) < 0.02

    def test_pictures_stay_where_they_are_as_others_come(self):
        train, validation = split_by_name(bare(300), 0.2)
        later, others = split_by_name(bare(900)[::-1], 0.2)
        assert names(train) < names(later) and names(validation) < names(others)

    @pytest.mark.parametrize("share", [1e-9, 1 - 1e-9])
    def test_neither_is_ever_empty(self, share):
        parts = split_by_name(bare(3), share)
        assert sorted(map(len, parts)) == [1, 2]

    def test_a_share_is_the_same_on_every_machine(self):
        # The first 8 bytes of the SHA-256 of "abc": ba7816bf 8f01cfea.
        assert share_of("abc") == pytest.approx(0xBA7816BF8F01CFEA / 2**64, abs=0)

    def test_what_is_no_share(self):
        with pytest.raises(ValueError, match="validation_share is 1; accepted is above 0, below 1"):
            split_by_name(bare(3), 1)

    def test_one_picture_cannot_be_split(self):
        with pytest.raises(ArchiveError, match="x, line 0: 0.jpg is the only picture"):
            split_by_name(bare(1), 0.5)

    def test_labels_of_their_own_for_validation(self, pictures):
        labels = write_coco(pictures, [], count=2)
        (pictures / "b.txt").write_text("a.jpg\n0\n")
        folder = read_folder(pictures, labels, validation_labels=pictures / "b.txt")
        assert [names(part) for _, part in folder.splits.values()] == [
            {"0.jpg", "1.jpg"},
            {"a.jpg"},
        ]

    def test_a_picture_for_both_is_refused(self, pictures):
        labels = write_coco(pictures, [], count=2)
        (pictures / "b.txt").write_text("0.jpg\n0\n")
        match = r"b.txt, line 1: 0.jpg is for training by .*labels.json, images\[0\]; accepted"
        with pytest.raises(ArchiveError, match=match):
            read_folder(pictures, labels, validation_labels=pictures / "b.txt")


class TestPrepared:
    def test_faces_and_points_are_kept(self, pictures, tmp_path, capsys):
        faces = [face(0), face(1, points=None), face(1, box=(1, 2, 9, 9), iscrowd=1), face(2)]
        labels = write_coco(pictures, faces, count=4, width=64, height=48)
        found = prepared(read_folder(pictures, labels, validation_share=0.3), tmp_path)
        every = found["train"] | found["validation"]
        assert found["train"] and found["validation"] and len(every) == 4
        x, y, width, height = BOX
        assert every["0.jpg"].boxes.tolist() == [[x, y, x + width, y + height]]
        assert every["0.jpg"].landmarks.tolist() == [[[*point] for point in POINTS]]
        assert known_points(every["0.jpg"]).tolist() == [True]
        assert every["1.jpg"].ignored.tolist() == [False, True]
        assert known_points(every["1.jpg"]).tolist() == [False, False]
        assert np.isnan(every["1.jpg"].landmarks[0]).all()
        assert every["3.jpg"].boxes.shape == (0, 4) and every["3.jpg"].exhaustive
        assert every["2.jpg"].encoded == jpeg(seed=2)
        assert told(capsys) == []

    def test_what_is_left_out_or_ignored_is_counted_and_named(self, pictures, tmp_path, capsys):
        far = [(x + 300, y) for x, y in POINTS]
        faces = [
            face(0, box=(5, 5, 0, 9)),
            face(1, box=(90, 5, 9, 9), points=None),
            face(2, points=far),
        ]
        labels = write_coco(pictures, faces, count=5)
        (pictures / "sub").mkdir()
        (pictures / "sub" / "z.PNG").write_bytes(jpeg())
        found = prepared(read_folder(pictures, labels, validation_share=0.3), tmp_path)
        every = found["train"] | found["validation"]
        assert every["0.jpg"].ignored.tolist() == [True]
        assert every["1.jpg"].ignored.tolist() == [True]
        assert every["2.jpg"].ignored.tolist() == [False]
        assert np.isnan(every["2.jpg"].landmarks).all()
        kinds = (
            "boxes without area, to ignore",
            "boxes outside their picture, marked as to ignore",
            "points far outside their box or picture, left out",
        )
        expected = {
            f"{kind}: 1, the first {labels}, annotations[{number}], of {number}.jpg"
            for number, kind in enumerate(kinds)
        }
        assert {*told(capsys)} == {
            f"pictures that no label names, left out: 1, the first is {pictures}/sub/z.PNG",
            *expected,
        }

    @pytest.mark.parametrize("what", ["missing", "broken", "turned", "size"])
    def test_a_picture_that_cannot_be_used(self, pictures, tmp_path, capsys, what):
        size = {"width": 64, "height": 48} if what in ("turned", "size") else {}
        labels = write_coco(pictures, [face(1)], count=4, **size)
        path = pictures / "1.jpg"
        if what == "missing":
            path.unlink()
        content = {
            "broken": HTML,
            "turned": turned(6),
            "size": jpeg(height=50),
        }
        if what in content:
            path.write_bytes(content[what])
        match = {
            "missing": r"holds no 1.jpg, which .*labels.json, images\[1\] names",
            "broken": r"1.jpg, which .*labels.json, images\[1\] names, is not a picture",
            "turned": r"images\[1\]: 1.jpg has 64 x 48 pixels, as it is stored",
            "size": r"images\[1\]: 1.jpg has 64 x 48 pixels; the file has 64 x 50",
        }[what]
        folder = read_folder(pictures, labels, validation_share=0.3)
        with pytest.raises(ArchiveError, match=match + ".*; --leave_out_broken leaves such"):
            prepared(folder, tmp_path)
        found = prepared(folder, tmp_path, leave_out_broken=True)
        assert len(found["train"] | found["validation"]) == 3
        assert "folder: broken pictures left out: 1, the first is" in capsys.readouterr().err

    def test_other_labels_are_not_taken_as_prepared(self, pictures, tmp_path):
        labels = write_coco(pictures, [face(0)], count=4)
        prepared(read_folder(pictures, labels), tmp_path)
        prepared(read_folder(pictures, labels), tmp_path)  # The same again is left as it is.
        content = json.loads(labels.read_text())
        content["annotations"][0]["bbox"][0] += 1
        labels.write_text(json.dumps(content))
        with pytest.raises(ValueError, match="was prepared from other pictures, labels or shares"):
            prepared(read_folder(pictures, labels), tmp_path)

    def test_boxes_of_several_categories_are_told_of(self, pictures):
        faces = [face(0, category_id=1), face(1, category_id=7)]
        labels = write_coco(pictures, faces, count=2)
        with pytest.warns(UserWarning, match=r"of 2 categories \(1, 7\): all of them are taken as"):
            read_folder(pictures, labels)

    def test_no_such_folder(self, pictures, tmp_path):
        labels = write_coco(pictures, [], count=2)
        with pytest.raises(FileNotFoundError, match="no such folder: .*/none; accepted is one of"):
            read_folder(tmp_path / "none", labels)
