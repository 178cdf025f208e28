import numpy as np
import pytest
from PIL import Image

from data import prepare as command
from data.datasets.folder import read_folder
from data.inspection.findings import KINDS, inspect, summary
from data.inspection.sheet import CAPTION, COLUMNS, DOUBT, FACE, LEFT, RIGHT, TILE, save_sheet
from tests.archives import jpeg
from tests.data.datasets.own import POINTS, face, write_coco
from tests.data.test_checks import HTML, turned


def found_in(folder, labels, **options):
    return inspect(read_folder(folder, labels, validation_share=0.3, **options))


def test_a_folder_that_is_fine(tmp_path):
    labels = write_coco(tmp_path, [face(0), face(1)], count=3, width=64, height=48)
    folder = read_folder(tmp_path, labels, validation_share=0.3)
    assert inspect(folder) == []
    lines = summary(folder, [])
    assert lines[-1] == "nothing looks wrong"
    assert sum(int(line.split()[1]) for line in lines[:2]) == 3  # Pictures of both splits.
    assert "half are larger than 30 pixels" in "".join(lines)


def test_each_fault_is_named_with_its_place(tmp_path):
    swapped = [POINTS[number] for number in (1, 0, 2, 4, 3)]
    faces = [face(0, points=swapped), face(1), face(2), face(3), face(4), face(5)]
    labels = write_coco(tmp_path, faces, count=7, width=64, height=48)
    (tmp_path / "1.jpg").unlink()
    (tmp_path / "2.jpg").write_bytes(HTML)
    (tmp_path / "3.jpg").write_bytes(turned(6))
    (tmp_path / "4.jpg").write_bytes(turned(3))
    (tmp_path / "6.jpg").write_bytes(jpeg(seed=5))
    (tmp_path / "other.jpg").write_bytes(jpeg(seed=9))
    found = {one.kind: one for one in found_in(tmp_path, labels)}
    expected = {
        "points swapped": (f"{labels}, annotations[0]", "0.jpg: left and right eyes and"),
        "missing": (f"{labels}, images[1]", f"{tmp_path} holds no 1.jpg"),
        "unreadable": (f"{labels}, images[2]", "2.jpg cannot be read: "),
        "other size": (f"{labels}, images[3]", "3.jpg has 64 x 48 pixels, as it is stored; its"),
        "turned": (f"{labels}, images[4]", "4.jpg is turned by its EXIF data"),
        "not labelled": (f"{tmp_path}/other.jpg", "no label names this picture"),
    }
    same = found.pop("same picture")
    assert {"5.jpg is the same file as that", "6.jpg is the same file as that"} & {same.what[:30]}
    assert {*found} == {*expected}
    for kind, (place, what) in expected.items():
        assert found[kind].place == place and found[kind].what.startswith(what)
        assert str(found[kind]).startswith(f"{place}: {what}")


def test_the_line_of_a_text(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(jpeg(seed=ord(name[0])))
    zeros = "0 0 0 0 0 0"
    text = f"a.jpg\n0\nb.jpg\n2\n5 5 20 25 {zeros}\n5 5 4 9 {zeros}\n"
    (tmp_path / "labels.txt").write_text(text)
    (one,) = found_in(tmp_path, tmp_path / "labels.txt")
    place = f"{tmp_path}/labels.txt, line 6"
    assert str(one) == f"{place}: b.jpg: the box is 4 x 9 pixels: no sample"


def test_one_picture_in_both_splits(tmp_path):
    labels = write_coco(tmp_path, [], count=2)
    (tmp_path / "again.jpg").write_bytes(jpeg(seed=1))
    (tmp_path / "b.txt").write_text("again.jpg\n0\n")
    (one,) = found_in(tmp_path, labels, validation_labels=tmp_path / "b.txt")
    assert one.kind == "same picture"
    assert one.what == (
        f"again.jpg is the same file as that of {labels}, images[1], which is for training: it "
        "would be validated on what it saw"
    )


class TestSheet:
    def colours(self, folder, found, count):
        path = folder / "sheet.png"
        shown = save_sheet(path, read_folder(folder, folder / "labels.json"), found, count=count)
        sheet = np.asarray(Image.open(path))
        return shown, sheet.shape, {tuple(one) for one in sheet.reshape(-1, 3).tolist()}

    def test_boxes_and_points_are_drawn(self, tmp_path):
        write_coco(tmp_path, [face(0)], count=5)
        shown, shape, colours = self.colours(tmp_path, [], 24)
        assert shown == 5 and shape == (2 * (TILE + CAPTION), COLUMNS * TILE, 3)
        assert {FACE, LEFT, RIGHT} <= colours and DOUBT not in colours

    def test_what_is_in_doubt_is_red_and_comes_first(self, tmp_path):
        labels = write_coco(tmp_path, [face(3, box=(5, 5, 4, 9), points=None)], count=5)
        found = found_in(tmp_path, labels)
        shown, shape, colours = self.colours(tmp_path, found, 1)
        assert shown == 1 and shape[0] == TILE + CAPTION
        assert DOUBT in colours and FACE not in colours

    def test_pictures_that_cannot_be_read_are_left_out(self, tmp_path):
        labels = write_coco(tmp_path, [], count=3)
        (tmp_path / "1.jpg").write_bytes(HTML)
        (tmp_path / "2.jpg").unlink()
        found = found_in(tmp_path, labels)
        assert {one.kind for one in found} == {"unreadable", "missing"}
        assert self.colours(tmp_path, found, 24)[0] == 1


class TestCommand:
    def run(self, monkeypatch, folder, **values):
        names = ("manual_dir", "data_dir", "pictures", "labels", "check")
        names += ("validation_labels", "validation_pictures")
        defaults = {**dict.fromkeys(names, ""), "dataset": ["folder"], "leave_out_broken": False}
        more = {"validation_share": 0.3, "check_pictures": 4, "pictures": str(folder)}
        flags = type("Flags", (), {"FLAGS": type("Values", (), defaults | more | values)})
        monkeypatch.setattr(command, "flags", flags)
        return command.main(["prepare"])

    @pytest.mark.parametrize("broken", [False, True])
    def test_a_check(self, tmp_path, monkeypatch, capsys, broken):
        labels = write_coco(tmp_path, [face(0, box=(5, 5, 0, 9))] if broken else [], count=3)
        sheet = tmp_path / "out" / "sheet.jpg"
        sheet.parent.mkdir()
        code = self.run(monkeypatch, tmp_path, labels=str(labels), check=str(sheet))
        lines = capsys.readouterr().out.splitlines()
        assert code == int(broken)
        assert lines[-1] == f"{sheet} shows 3 pictures with their labels"
        if broken:
            place = f"{labels}, annotations[0]"
            assert lines[0] == f"{place}: 0.jpg: the box is 0 x 9 pixels: ignored"
            assert lines[-2] == f"{KINDS['no area']}: 1"
        else:
            assert lines[-2] == "nothing looks wrong"

    @pytest.mark.parametrize(
        ("values", "match"),
        [
            ({"labels": "a.json"}, "--data_dir is missing; it is needed for --dataset=folder"),
            ({"data_dir": "d"}, "--labels is missing; it is needed for --dataset=folder"),
            ({"dataset": ["wider_face"], "data_dir": "d"}, "--manual_dir is missing; it is needed"),
            ({"dataset": ["wider_face"], "check": "a.png"}, "--check=a.png; accepted with --dat"),
            ({"dataset": ["mine"]}, "dataset is 'mine'; accepted are wider_face, celeb_a_wild, "),
            ({"data_dir": "d", "labels": "none.json"}, "no such file: none.json; accepted is"),
        ],
    )
    def test_what_is_missing_or_wrong(self, tmp_path, monkeypatch, capsys, values, match):
        assert self.run(monkeypatch, tmp_path, **values) == 2
        assert capsys.readouterr().err.startswith(f"error: {match}")

    def test_a_sheet_that_is_no_picture(self, tmp_path, monkeypatch, capsys):
        labels = write_coco(tmp_path, [], count=3)
        assert self.run(monkeypatch, tmp_path, labels=str(labels), check="sheet.txt") == 2
        assert capsys.readouterr().err.startswith("error: --check=sheet.txt; accepted is the name")
