"""Labels and archives that are broken, in every form that is read: the error names the place."""

import codecs
import json
import math
import zipfile

import numpy as np
import pytest

from data.archives import ArchiveError, PictureArchive
from data.datasets import aflw, celeb_a, fddb, labelled, wider_face
from data.lines import FARTHEST, decode_text
from experiments.evaluation import coco_results
from experiments.evaluation.benchmarks import landmarks
from experiments.evaluation.protocols import fddb as regions
from experiments.evaluation.protocols import wider_predictions
from tests import archives
from tests.data.datasets import test_aflw

WIDER = "a.jpg\n1\n1 2 30 40 0 0 0 0 0 0\n"
ELLIPSES = "a\n1\n30 20 1.5 100 90 1\n"
LIST = "1\nx y w h\na.jpg 1 2 30 40\n"
COCO = {
    "images": [{"id": 7, "file_name": "a.jpg"}],
    "annotations": [{"image_id": 7, "bbox": [1, 2, 30, 40], "keypoints": [9, 9, 2] * 5}],
}


def read_wider(folder, text):
    (folder / "labels.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return labelled.read_labels(folder / "labels.txt")


def read_fddb(folder, text):
    (folder / "ellipseList.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return fddb.read_labels(folder)


def read_celeb(folder, text):
    (folder / "list.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return celeb_a.read_list(folder / "list.txt", 4)


def read_coco(folder, text):
    (folder / "labels.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    return labelled.read_labels(folder / "labels.json")


FORMS = {
    "wider": (read_wider, WIDER),
    "fddb": (read_fddb, ELLIPSES),
    "celeb_a": (read_celeb, LIST),
    "coco": (read_coco, json.dumps(COCO, indent=1)),
}


@pytest.mark.parametrize("form", FORMS)
class TestText:
    def test_byte_order_mark_tabs_and_other_line_ends_change_nothing(self, tmp_path, form):
        read, text = FORMS[form]
        plain = repr(read(tmp_path, text))
        assert plain == repr(read(tmp_path, codecs.BOM_UTF8 + text.encode()))
        assert plain == repr(read(tmp_path, text.replace("\n", "\r\n")))
        assert plain == repr(read(tmp_path, text.replace(" ", "\t ").replace("\n", "\t\n")))

    def test_another_encoding_is_named_with_the_line(self, tmp_path, form):
        read, text = FORMS[form]
        with pytest.raises(ArchiveError, match="line 1: .*; accepted is UTF-8"):
            read(tmp_path, text.encode("utf-16"))
        lines = text.encode().split(b"\n")
        with pytest.raises(ArchiveError, match=r"(labels|list|ellipseList)\.\w+, line 2: .*UTF-8"):
            read(tmp_path, b"\n".join([lines[0], b"\xe4" + lines[1], *lines[2:]]))

    def test_an_empty_file_is_named(self, tmp_path, form):
        read, _ = FORMS[form]
        for text in ("", "\n\n"):
            with pytest.raises(ArchiveError, match=r"(labels|list|ellipseList)\.(txt|json)"):
                read(tmp_path, text)

    @pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e30", "-1e6", "1e400", "9" * 5000])
    def test_numbers_that_are_no_pixels(self, tmp_path, form, number):
        read, text = FORMS[form]
        if form == "coco":
            number = number.replace("nan", "NaN").replace("inf", "Infinity")
        with pytest.raises(
            ArchiveError, match=r"line 3: |annotations\[0\]: |is no JSON: "
        ) as caught:
            read(tmp_path, text.replace("30", number, 1))
        assert len(str(caught.value)) < 400


class TestCounts:
    @pytest.mark.parametrize("count", ["inf", "nan", "-1", "1.5", "1e400", "", "1 1"])
    @pytest.mark.parametrize("form", ["wider", "fddb", "celeb_a"])
    def test_counts_that_are_none(self, tmp_path, form, count):
        read, text = FORMS[form]
        line = 1 if form == "celeb_a" else 2
        lines = text.split("\n")
        lines[line - 1] = count
        with pytest.raises(ArchiveError, match=f"line {line}: .*; accepted "):
            read(tmp_path, "\n".join(lines))

    @pytest.mark.parametrize("form", ["wider", "fddb"])
    def test_more_than_the_file_holds(self, tmp_path, form):
        read, text = FORMS[form]
        with pytest.raises(ArchiveError, match="line 4: the file ends here"):
            read(tmp_path, text.replace("\n1\n", "\n1e300\n"))

    def test_predicted_landmarks(self, tmp_path):
        (tmp_path / "p.txt").write_text("inf\nx\na\n")
        with pytest.raises(ValueError, match="line 1: 'inf'; accepted are finite"):
            landmarks.read_landmarks(tmp_path / "p.txt", ["a"])
        (tmp_path / "p.txt").write_bytes(codecs.BOM_UTF8 + b"1\nx\na\t1 2 3 4 5 6 7 8 9 10\n")
        assert landmarks.read_landmarks(tmp_path / "p.txt", ["a"])[0][0, 4].tolist() == [9, 10]


def test_the_largest_boxes_are_read():
    """-1e6 -1e6 3e6 3e6 is refused above; this is what any picture can have."""
    text = WIDER.replace("1 2 30 40", f"-{FARTHEST} 0 {FARTHEST} 65535")
    (one,) = wider_face.parse_annotations("labels", text)
    assert one.boxes.tolist() == [[-FARTHEST, 0, 0, 65535]]


def test_line_numbers_are_those_of_an_editor():
    with pytest.raises(ArchiveError, match="line 4: 'x'"):
        wider_face.parse_annotations("labels", f"a\u2028b.jpg{WIDER[5:]}x\n")


@pytest.mark.parametrize("form", ["wider", "coco"])
def test_a_picture_that_is_named_again(tmp_path, form):
    read, text = FORMS[form]
    twice = json.dumps(COCO | {"images": [*COCO["images"], {"id": 8, "file_name": "./a.jpg"}]})
    with pytest.raises(
        ArchiveError, match=r"(line 4|images\[1\]): a.jpg was on .*(line 1|\[0\]) al"
    ):
        read(tmp_path, twice if form == "coco" else text * 2)


class TestCoco:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"images": 5}, "accepted is COCO's object with images and annotations"),
            ({"annotations": None}, "accepted is COCO's object with images and annotations"),
            ({"images": []}, "has no images; accepted is one or more"),
            ({"images": [{"id": [1], "file_name": "a"}]}, r"images\[0\]: accepted is an object"),
            ({"images": [{"id": 1, "file_name": None}]}, r"images\[0\]: accepted is an object"),
            ({"images": COCO["images"] * 2}, r"images\[1\]: an image before it has the id 7"),
            ({"annotations": [{"image_id": [7], "bbox": [0, 0, 1, 1]}]}, r"\[0\]: no image has"),
            ({"annotations": [{"image_id": 7, "bbox": [0, 0, 1, 10**400]}]}, r"\[0\]: accepted"),
            (
                {"annotations": [COCO["annotations"][0] | {"keypoints": [1e9, 9, 2] * 5}]},
                r"\[0\]: keypoints is .*; accepted are finite numbers of pixels",
            ),
        ],
    )
    def test_wrong_entries_are_named(self, tmp_path, change, message):
        with pytest.raises(ArchiveError, match=f"labels.json.*{message}"):
            read_coco(tmp_path, json.dumps(COCO | change))

    def test_points_that_are_not_visible_may_be_anything(self, tmp_path):
        entry = COCO["annotations"][0] | {"keypoints": [*[9, 9, 2] * 4, math.nan, 1e9, 0]}
        (one,) = read_coco(tmp_path, json.dumps(COCO | {"annotations": [entry]}))
        assert np.isnan(one.landmarks[0]).any(axis=1).tolist() == [0, 0, 0, 0, 1]

    def test_no_json(self, tmp_path):
        with pytest.raises(ArchiveError, match="labels.json is no JSON"):
            read_coco(tmp_path, "[" * 100_000)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "found.json is no JSON"),
            ("5", "found.json: accepted is COCO's list of results"),
            ('[{"image_id": [7], "bbox": [0, 0, 1, 1], "score": 1}]', "entry 0: no image has"),
            (f'[{{"image_id": 7, "bbox": [0, 0, 1, 1{"0" * 400}], "score": 1}}]', "entry 0: acce"),
        ],
    )
    def test_results(self, tmp_path, text, message):
        read_coco(tmp_path, json.dumps(COCO))
        (tmp_path / "found.json").write_text(text)
        with pytest.raises(ValueError, match=message):
            coco_results.read_results(tmp_path / "found.json", tmp_path / "labels.json", ["a.jpg"])


class TestCelebA:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a.jpg 1\nb.jpg 2\n", r"no picture of partition 0 \(train\); accepted is one or more"),
            ("a.jpg 0\nb.jpg 1\n", r"no picture of partition 2 \(test\); accepted is one or more"),
            ("a.jpg 0\nb.jpg 3\n", "line 2: partition 3; accepted are 0, 1 and 2"),
            ("a.jpg 0.5\n", "line 1: partition 0.5; accepted are 0, 1 and 2"),
        ],
    )
    def test_partitions(self, tmp_path, text, message):
        (tmp_path / "p.txt").write_text(text)
        with pytest.raises(ArchiveError, match=f"p.txt.*{message}"):
            celeb_a.read_partitions(tmp_path / "p.txt")


class TestFddb:
    @pytest.mark.parametrize("column", range(5))
    def test_regions_of_any_size_take_no_more_room_than_the_picture(self, column):
        row = [30.0, 20.0, 1.5, 100.0, 90.0]
        for value in (FARTHEST, -FARTHEST):
            row[column] = value
            assert regions.ellipse(*row, size=(150, 200)).mask.size <= 150 * 200
            assert regions.rectangle(*row[1:], size=(150, 200)).mask.size <= 150 * 200

    @pytest.mark.parametrize("size", [(150, 200), (95, 60), (20, 30)])
    def test_they_are_what_is_left_of_whole_ones(self, size):
        """The whole ellipse lies within a large picture; a small one shows its corner."""
        whole = regions.ellipse(60, 30, 0.4, 70, 80, size=(500, 500))
        part = regions.ellipse(60, 30, 0.4, 70, 80, size=size)
        canvas = np.zeros((500, 500), bool)
        height, width = whole.mask.shape
        canvas[whole.row : whole.row + height, whole.column : whole.column + width] = whole.mask
        shown = np.zeros(size, bool)
        height, width = part.mask.shape
        shown[part.row : part.row + height, part.column : part.column + width] = part.mask
        np.testing.assert_array_equal(shown, canvas[: size[0], : size[1]])


class TestAflw:
    @pytest.mark.parametrize("value", ["'x'", "1e30", "NULL", "9e999"])
    def test_points_that_are_none(self, tmp_path, value):
        test_aflw.write(tmp_path)
        test_aflw.change(tmp_path, f"UPDATE FeatureCoords SET x = {value} WHERE face_id = 2")
        with pytest.raises(ArchiveError, match="FeatureCoords of face 2: .*; accepted are pixels"):
            aflw.Pictures(tmp_path)

    @pytest.mark.parametrize("value", ["'x'", "-1e30", "x'00'"])
    def test_rectangles_that_are_none(self, tmp_path, value):
        test_aflw.write(tmp_path)
        test_aflw.change(tmp_path, f"UPDATE FaceRect SET w = {value} WHERE face_id = 1")
        with pytest.raises(ArchiveError, match="FaceRect of face 1: .*; accepted are pixels"):
            aflw.Pictures(tmp_path)


class TestZip:
    def encrypted(self, path):
        """A ZIP whose headers say that its members are encrypted."""
        archives.write_zip(path, {"a.txt": b"a.jpg\n0\n"})
        content = bytearray(path.read_bytes())
        for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.find(signature) + flags] |= 1
        path.write_bytes(content)

    def test_an_encrypted_archive_says_so(self, tmp_path):
        self.encrypted(tmp_path / "a.zip")
        archive = PictureArchive(tmp_path / "a.zip")
        with pytest.raises(ArchiveError, match="a.zip: a.txt, which line 1 .* is encrypted, passw"):
            archive.read("a.txt", named_by="line 1")
        with pytest.raises(ArchiveError, match="a.zip: a.txt, .* is encrypted, password"):
            wider_predictions.read_predictions(tmp_path / "a.zip", ["a"])

    def test_damaged_predictions(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.txt", "a.jpg\n0\n" * 50)
        content = bytearray((tmp_path / "a.zip").read_bytes())
        content[40:44] = bytes(4)
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(ArchiveError, match="a.zip: a.txt, .* is damaged"):
            wider_predictions.read_predictions(tmp_path / "a.zip", ["a"])
        archives.write_zip(tmp_path / "b.zip", {"a.txt": b"a.jpg\n\xff\n"})
        with pytest.raises(ArchiveError, match="b.zip: a.txt, line 2: .*; accepted is UTF-8"):
            wider_predictions.read_predictions(tmp_path / "b.zip", ["a"])

    def test_what_is_no_archive(self, tmp_path):
        (tmp_path / "a.zip").write_bytes(b"<html>" * 50)
        with pytest.raises(ArchiveError, match="a.zip is no whole ZIP archive"):
            PictureArchive(tmp_path / "a.zip")
        with pytest.raises(FileNotFoundError, match="b.zip"):
            PictureArchive(tmp_path / "b.zip")


def test_the_mark_is_taken_off_and_the_line_counted():
    assert decode_text(codecs.BOM_UTF8 + b"a", "x") == "a"
    with pytest.raises(ArchiveError, match="x, line 3: .*0xff"):
        decode_text(b"a\nb\n\xff", "x")
