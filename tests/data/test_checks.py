import io

import numpy as np
import pytest
from PIL import Image

from data import prepare as command
from data.archives import ArchiveError, PictureArchive, PictureError
from data.checks import Checks, Named, fit_as_stored, points_are_far, share_inside
from data.prepare import prepare
from data.records import Picture, read_pictures, read_pixels
from mtcnn_jax.images import Shape, read_image, read_shape
from tests import archives

HTML = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
NAMES = [line for line in archives.WIDER_TEXT.splitlines() if line.endswith(".jpg")]


def turned(orientation, *, height=48, width=64, form="JPEG"):
    """A picture whose EXIF data says how to turn it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, form, exif=exif)
    return file.getvalue()


@pytest.fixture
def manual(tmp_path):
    folder = tmp_path / "manual"
    folder.mkdir()
    return folder


def wider(manual, tmp_path, *, pictures=None, text=archives.WIDER_TEXT, **options):
    """WIDER FACE prepared from its archives, with some `pictures` of train (by number) replaced."""
    archives.write_wider(manual, text=text)
    contents = {
        f"WIDER_train/images/{name}": (pictures or {}).get(number, archives.jpeg(seed=number))
        for number, name in enumerate(NAMES)
    }
    archives.write_zip(manual / "WIDER_train.zip", contents)
    prepare("wider_face", manual_dir=str(manual), data_dir=str(tmp_path / "data"), **options)
    found = read_pictures("wider_face", split="train", data_dir=str(tmp_path / "data"))
    return {picture.name: picture for picture in found}


BROKEN = {
    "html": HTML,
    "empty": b"",
    "cut": archives.jpeg(seed=1)[:1500],
    "png_cut": turned(1, form="PNG")[:80],
}


class TestBrokenPictures:
    @pytest.mark.parametrize("kind", BROKEN)
    def test_preparing_ends_and_names_them(self, manual, tmp_path, kind):
        place = rf"WIDER_train/images/{NAMES[1]}, which .*, line 6 names, .*--leave_out_broken"
        with pytest.raises(PictureError, match=place):
            wider(manual, tmp_path, pictures={1: BROKEN[kind]})

    def test_they_are_left_out_where_that_is_asked_for(self, manual, tmp_path, capsys):
        pictures = {1: HTML, 2: BROKEN["cut"]}
        found = wider(manual, tmp_path, pictures=pictures, leave_out_broken=True)
        assert list(found) == NAMES[:1]
        report = capsys.readouterr().err
        assert "wider_face: broken pictures left out: 2, the first is this: " in report
        assert f"{NAMES[1]}, which " in report and "line 6 names, is not a picture" in report

    def test_damaged_members_too(self, manual, tmp_path, capsys):
        archives.write_wider(manual)
        path = manual / "WIDER_train.zip"
        content = bytearray(path.read_bytes())
        at = content.find(archives.jpeg(seed=1)) + 300
        content[at : at + 4] = bytes(255 - byte for byte in content[at : at + 4])
        path.write_bytes(content)
        data = str(tmp_path / "data")
        prepare("wider_face", manual_dir=str(manual), data_dir=data, leave_out_broken=True)
        assert len(read_pictures("wider_face", split="train", data_dir=data)) == 2
        assert "left out: 1, the first is this: " in capsys.readouterr().err

    def test_not_all_of_them(self, manual, tmp_path):
        with pytest.raises(ArchiveError, match="WIDER_train.zip: none of 3 pictures can be read"):
            wider(manual, tmp_path, pictures=dict.fromkeys(range(3), HTML), leave_out_broken=True)

    def test_those_of_celeb_a(self, manual, tmp_path):
        archives.write_celeb(manual, unpacked=True)
        (manual / "img_celeba" / "000001.jpg").write_bytes(HTML)
        with pytest.raises(PictureError, match="000001.jpg, which .*line 3 names, is not a pic"):
            prepare("celeb_a_wild", manual_dir=str(manual), data_dir=str(tmp_path / "data"))

    def test_missing_ones_are_never_left_out(self, tmp_path):
        archive = PictureArchive(tmp_path)
        with pytest.raises(ArchiveError, match="holds no a.jpg"):
            list(Checks(leave_out_broken=True).pictures(archive, [Named(0, "a.jpg", "line 1")]))

    def test_order_is_kept_over_chunks(self, tmp_path, monkeypatch):
        monkeypatch.setattr("data.checks.CHUNK", 3)
        for number in range(8):
            (tmp_path / f"{number}.jpg").write_bytes(archives.jpeg(height=8, width=8 + number))
        named = [Named(number, f"{number}.jpg", "") for number in range(8)]
        found = list(Checks().pictures(PictureArchive(tmp_path), named))
        assert [(one.item, shape.shown) for one, _, shape in found] == [
            (number, (8, 8 + number)) for number in range(8)
        ]

    def test_sets_that_were_prepared_before_name_them_when_they_are_read(self):
        none = np.zeros((0, 4), np.float32)
        picture = Picture("e/a.jpg", HTML, none, none[:, 0] > 0, np.zeros((0, 5, 2)), True)
        with pytest.raises(ValueError, match="e/a.jpg: .* is not a picture"):
            read_pixels(picture)
        with pytest.raises(ValueError, match="whose name was not kept: .* is not a picture"):
            read_pixels(picture._replace(name=""))


class TestBoxes:
    def test_share_inside_by_hand(self):
        boxes = [[0, 0, 64, 48], [-10, 0, 10, 48], [60, 40, 68, 56], [70, 0, 80, 9], [5, 5, 5, 9]]
        np.testing.assert_allclose(share_inside(np.array(boxes), (48, 64)), [1, 0.5, 0.25, 0, 1])
        assert share_inside(np.zeros((0, 4)), (48, 64)).shape == (0,)

    def test_those_far_outside_are_marked_and_counted(self, manual, tmp_path, capsys):
        text = archives.WIDER_TEXT.replace("10 12 20 24", "-40000 -40000 90000 90000")
        text = text.replace("1 2 15 16", "70 2 15 16")
        found = wider(manual, tmp_path, text=text)
        assert found[NAMES[0]].ignored.tolist() == [True, True, True]
        assert found[NAMES[2]].ignored.tolist() == [True]
        np.testing.assert_array_equal(found[NAMES[2]].boxes, [[70, 2, 85, 18]])
        report = capsys.readouterr().err
        assert "boxes outside their picture, marked as ones to ignore: 2, the first" in report
        assert f"of {NAMES[0]}, " in report and "line 1" in report

    def test_nothing_is_said_of_a_set_that_is_whole(self, manual, tmp_path, capsys):
        found = wider(manual, tmp_path)
        assert found[NAMES[0]].ignored.tolist() == [False, True, True]
        assert "wider_face:" not in capsys.readouterr().err


class TestPoints:
    @pytest.mark.parametrize(
        ("move", "far"), [((0, 0), False), ((-24, 0), False), ((0, 25), True), ((500, 0), True)]
    )
    def test_far_is_a_tenth_of_the_picture_or_a_box(self, move, far):
        points = np.array([[20, 10], [40, 10], [30, 20], [22, 30], [38, 30]], np.float32) + move
        assert points_are_far(points, np.array([10, 0, 50, 40]), (48, 64)) == far

    def test_far_from_the_box(self):
        points = np.full((5, 2), 300.0)
        assert points_are_far(points, np.array([10, 0, 50, 40]), (1000, 1000))
        assert not points_are_far(points, np.array([250, 250, 350, 350]), (1000, 1000))

    @pytest.mark.parametrize("file", ["list_landmarks_celeba.txt", "list_bbox_celeba.txt"])
    def test_such_faces_of_celeb_a_are_left_out_and_counted(self, manual, tmp_path, capsys, file):
        archives.write_celeb(manual)
        text = (manual / "list_eval_partition.txt").read_text()
        (manual / "list_eval_partition.txt").write_text(text + "000004.jpg 0\n")
        for name in ("list_landmarks_celeba.txt", "list_bbox_celeba.txt"):
            lines = (manual / name).read_text().splitlines()
            row = lines[2].replace("000001", "000004")
            if name == file:
                row = row.replace("20.5", "900").replace(" 12 ", " 900 ")
            (manual / name).write_text("\n".join(["4", *lines[1:], row]) + "\n")
        pictures = {f"img_celeba/00000{n}.jpg": archives.jpeg(height=80) for n in range(1, 5)}
        archives.write_zip(manual / "img_celeba.zip", pictures)
        data = str(tmp_path / "data")
        prepare("celeb_a_wild", manual_dir=str(manual), data_dir=data)
        found = read_pictures("celeb_a_wild", split="train", data_dir=data)
        assert [picture.name for picture in found] == ["000001.jpg"]
        report = capsys.readouterr().err
        assert "far outside their picture, left out: 1, the first of 000004.jpg, " in report


class TestTurn:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
    @pytest.mark.parametrize("orientation", range(10))
    def test_shape_is_that_of_what_is_read(self, tmp_path, form, orientation):
        encoded = turned(orientation, form=form)
        shape = read_shape(encoded)
        assert shape.shown == read_image(encoded).shape[:2]
        assert shape.stored == (48, 64)
        assert shape.orientation == (orientation or 1 if orientation < 9 else 1)
        (tmp_path / "a").write_bytes(encoded)
        assert read_shape(tmp_path / "a") == shape

    def test_shape_of_what_is_none(self, tmp_path):
        with pytest.raises(ValueError, match="the bytes given is not a picture"):
            read_shape(HTML)
        with pytest.raises(FileNotFoundError):
            read_shape(tmp_path / "a")

    def test_boxes_that_fit_only_what_is_stored(self):
        lying = Shape((64, 48), (48, 64), 6)
        assert fit_as_stored(np.array([[50, 10, 60, 20], [1, 1, 9, 9]]), lying)
        assert not fit_as_stored(np.array([[1, 1, 9, 9]]), lying)  # Fits both.
        assert not fit_as_stored(np.array([[50, 10, 60, 20], [1, 50, 9, 60]]), lying)  # Neither.
        assert not fit_as_stored(np.array([[50, 10, 60, 20]]), Shape((48, 64), (48, 64), 3))

    def test_such_a_picture_ends_the_preparing_or_is_left_out(self, manual, tmp_path, capsys):
        text = archives.WIDER_TEXT.replace("1 2 15 16", "50 2 10 16")
        pictures = {2: turned(6)}
        message = f"the boxes of {NAMES[2]}, .*line 9 names, fit .* stored, 64 x 48 pixels, and not"
        with pytest.raises(PictureError, match=message):
            wider(manual, tmp_path, pictures=pictures, text=text)
        found = wider(manual, tmp_path, pictures=pictures, text=text, leave_out_broken=True)
        assert list(found) == NAMES[:2]


class TestCommand:
    def run(self, monkeypatch, **values):
        defaults = {"dataset": ["wider_face"], "leave_out_broken": False, "check": ""}
        flags = type("Flags", (), {"FLAGS": type("Values", (), defaults | values)})
        monkeypatch.setattr(command, "flags", flags)
        return command.main(["prepare"])

    def test_a_broken_picture(self, manual, tmp_path, monkeypatch, capsys):
        archives.write_wider(manual)
        contents = {f"WIDER_train/images/{name}": HTML for name in NAMES}
        archives.write_zip(manual / "WIDER_train.zip", contents)
        folders = {"manual_dir": str(manual), "data_dir": str(tmp_path / "data")}
        assert self.run(monkeypatch, **folders) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")

    @pytest.mark.parametrize("made", [False, True])
    def test_no_archives(self, tmp_path, monkeypatch, capsys, made):
        if made:
            (tmp_path / "manual").mkdir()
        folders = {"manual_dir": str(tmp_path / "manual"), "data_dir": str(tmp_path / "data")}
        assert self.run(monkeypatch, **folders) == 2
        assert "manual lacks WIDER_train.zip|WIDER_train, WIDER" in capsys.readouterr().err
