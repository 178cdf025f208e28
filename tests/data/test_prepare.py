import numpy as np
import pytest

from data import archives as archives_lib
from data.landmark_boxes import box_of_landmarks
from data.prepare import prepare
from data.records import read_pictures
from mtcnn_jax import read_image
from tests import archives


def by_name(pictures):
    return {picture.name: picture for picture in pictures}


def prepared(dataset, tmp_path, split="train"):
    manual, data = tmp_path / "manual", tmp_path / "data"
    prepare(dataset, manual_dir=str(manual), data_dir=str(data))
    return by_name(read_pictures(dataset, split=split, data_dir=str(data)))


@pytest.fixture
def manual(tmp_path):
    folder = tmp_path / "manual"
    folder.mkdir()
    return folder


def test_wider_face_keeps_every_box_and_marks_those_to_ignore(manual, tmp_path):
    archives.write_wider(manual)
    found = prepared("wider_face", tmp_path)
    assert set(found) == {
        "0--Parade/0_Parade_a_1.jpg",
        "61--None/61_None_b_2.jpg",
        "0--Parade/0_Parade_c_3.jpg",
    }
    first = found["0--Parade/0_Parade_a_1.jpg"]
    # x, y, width, height of the text; the second has no width, the third is flagged invalid.
    np.testing.assert_array_equal(first.boxes, [[10, 12, 30, 36], [30, 5, 30, 13], [2, 3, 11, 12]])
    assert first.ignored.tolist() == [False, True, True]
    assert np.isnan(first.landmarks).all() and first.landmarks.shape == (3, 5, 2)
    assert first.exhaustive
    assert first.encoded == archives.jpeg(seed=0)
    without = found["61--None/61_None_b_2.jpg"]
    assert without.boxes.shape == (0, 4) and without.ignored.shape == (0,)


POINTS = "12.5 18 0.0 22 18 0.0 17 24 1.0 13 31 0.0 21 31.5 0.0 0.82"


@pytest.mark.parametrize("download", ["retinaface_gt_v1.1.zip", "retinaface_gt"])
def test_wider_face_takes_points_from_retinafaces_download(download, manual, tmp_path, capsys):
    archives.write_wider(manual)
    # The second box is one that WIDER FACE does not have.
    text = f"# 0--Parade/0_Parade_a_1.jpg\n10 12 20 24 {POINTS}\n11 12 20 24 {POINTS}\n"
    if download.endswith(".zip"):
        archives.write_zip(manual / download, {"train/label.txt": text})
    else:
        (manual / download / "train").mkdir(parents=True)
        (manual / download / "train" / "label.txt").write_text(text)
    found = prepared("wider_face", tmp_path)["0--Parade/0_Parade_a_1.jpg"].landmarks
    known = [[12.5, 18], [22, 18], [17, 24], [13, 31], [21, 31.5]]
    np.testing.assert_array_equal(found[0], known)
    assert np.isnan(found[1:]).all()
    told = capsys.readouterr().err
    assert "faces with RetinaFace's points that WIDER FACE has not, left out: 1, the" in told
    data = str(tmp_path / "data")
    validation = read_pictures("wider_face", split="validation", data_dir=data)
    assert all(np.isnan(one.landmarks).all() for one in validation)


def test_points_of_a_download_without_their_text(manual, tmp_path):
    archives.write_wider(manual)
    archives.write_zip(manual / "retinaface_gt.zip", {"val/label.txt": ""})
    with pytest.raises(ValueError, match="holds no train/label.txt, which RetinaFace's layout"):
        prepared("wider_face", tmp_path)


def test_wider_faces_test_pictures_have_no_faces_and_are_optional(manual, tmp_path):
    archives.write_wider(manual, test=True)
    found = prepared("wider_face", tmp_path, split="test")
    assert [picture.boxes.shape for picture in found.values()] == [(0, 4)]


def test_without_the_test_archive_there_is_no_such_split(manual, tmp_path):
    archives.write_wider(manual)
    with pytest.raises(ValueError, match="no split 'test'; accepted are train, validation"):
        prepared("wider_face", tmp_path, split="test")


@pytest.mark.parametrize("unpacked", [False, True])
def test_celeb_a_in_the_wild_follows_the_official_partition(manual, tmp_path, unpacked):
    archives.write_celeb(manual, unpacked=unpacked)
    for split, name in (
        ("train", "000001.jpg"),
        ("validation", "000002.jpg"),
        ("test", "000003.jpg"),
    ):
        found = prepared("celeb_a_wild", tmp_path, split=split)
        assert list(found) == [name]
        np.testing.assert_array_equal(found[name].boxes, [[12, 20, 48, 60]])
        points = np.array(archives.CELEB_POINTS[name], np.float32).reshape(1, 5, 2)
        np.testing.assert_array_equal(found[name].landmarks, points)
        assert not found[name].exhaustive and not found[name].ignored.any()


def test_aligned_celeb_a_gets_boxes_from_its_points(manual, tmp_path):
    archives.write_celeb(manual)
    picture = prepared("celeb_a", tmp_path)["000001.jpg"]
    # Eyes at y 30, mouth at y 50: 20 apart, so 44 x 59 about a point 4.6 below the eyes.
    x = (20.5 + 40) / 2
    x += 0.23 * ((22 + 38) / 2 - x)
    length = np.hypot((22 + 38) / 2 - (20.5 + 40) / 2, 20)
    half = length * np.array([2.2, 2.95]) / 2
    expected = [x - half[0], 34.6 - half[1], x + half[0], 34.6 + half[1]]
    np.testing.assert_allclose(picture.boxes[0], expected, rtol=1e-6)


def test_boxes_from_points_turn_and_grow_with_them():
    points = np.array([[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]], np.float32)
    box = box_of_landmarks(points)
    np.testing.assert_allclose(box_of_landmarks(3 * points + 7), 3 * box + 7, rtol=1e-6)


def test_preparing_again_changes_nothing(manual, tmp_path):
    archives.write_wider(manual)
    folder = prepare("wider_face", manual_dir=str(manual), data_dir=str(tmp_path / "data"))

    def times():
        return {path: path.stat().st_mtime_ns for path in tmp_path.joinpath("data").rglob("*")}

    before = times()
    for path in manual.iterdir():
        path.unlink()
    assert prepare("wider_face", manual_dir=str(manual), data_dir=str(tmp_path / "data")) == folder
    assert times() == before


def test_a_damaged_set_is_told_with_what_to_do(manual, tmp_path):
    archives.write_wider(manual)
    folder = prepare("wider_face", manual_dir=str(manual), data_dir=str(tmp_path / "data"))
    path = tmp_path / "data" / "wider_face_archives" / "1.1.0" / "dataset_info.json"
    assert str(path.parent) == folder
    path.write_text(path.read_text()[:300])
    with pytest.raises(ValueError, match="data/wider_face_archives is damaged: .*prepare it again"):
        prepare("wider_face", manual_dir=str(manual), data_dir=str(tmp_path / "data"))


def assert_nothing_is_left(folder):
    assert not [path for path in folder.rglob("*") if path.is_file()]
    with pytest.raises(FileNotFoundError, match="data.prepare"):
        read_pictures("wider_face", split="train", data_dir=str(folder))


def fails(manual, tmp_path, error, match):
    data = tmp_path / "data"
    with pytest.raises(error, match=match):
        prepare("wider_face", manual_dir=str(manual), data_dir=str(data))
    assert_nothing_is_left(data)


def test_an_annotation_of_a_missing_picture_names_archive_line_and_picture(manual, tmp_path):
    text = archives.WIDER_TEXT + "9--X/9_X_d_4.jpg\n1\n1 2 15 16 0 0 0 0 0 0\n"
    archives.write_wider(manual, text=text)
    place = r"WIDER_train.zip holds no WIDER_train/images/9--X/9_X_d_4.jpg, which .*, line 12 names"
    fails(manual, tmp_path, archives_lib.ArchiveError, place)


def test_a_damaged_picture_is_named(manual, tmp_path):
    archives.write_wider(manual)
    path = manual / "WIDER_train.zip"
    content = bytearray(path.read_bytes())
    at = content.find(archives.jpeg(seed=1)) + 300
    content[at : at + 4] = bytes(255 - byte for byte in content[at : at + 4])
    path.write_bytes(content)
    place = r"WIDER_train.zip: WIDER_train/images/61--None/61_None_b_2.jpg, .* line 6 .* is damaged"
    fails(manual, tmp_path, archives_lib.ArchiveError, place)


def test_a_cut_archive_is_named(manual, tmp_path):
    archives.write_wider(manual)
    path = manual / "WIDER_val.zip"
    path.write_bytes(path.read_bytes()[:-200])
    fails(manual, tmp_path, archives_lib.ArchiveError, "WIDER_val.zip is no whole ZIP archive")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("10 12 20 24", "10 12 20", "line 3: .* accepted are 10 numbers"),
        ("10 12 20 24", "10 12 x 24", "line 3: .* accepted are 10 numbers"),
        ("\n3\n", "\nthree\n", "line 2: 'three'; accepted are 1 numbers"),
        ("\n3\n", "\n2\n", "line 5: .*; accepted is the name of a .jpg"),
        ("0 0 1 0 2 1", "0 0 1 0 5 1", "line 1, box 1: occlusion is 5; accepted is 0 to 2"),
        ("1\n1 2 15 16 0 0 0 0 0 0\n", "1\n", "line 11: the file ends here"),
    ],
)
def test_a_malformed_annotation_names_its_line(manual, tmp_path, old, new, match):
    assert old in archives.WIDER_TEXT
    archives.write_wider(manual, text=archives.WIDER_TEXT.replace(old, new))
    fails(manual, tmp_path, archives_lib.ArchiveError, match)


def test_a_missing_archive_is_named_with_all_that_is_wanted(manual, tmp_path):
    archives.write_wider(manual)
    (manual / "WIDER_val.zip").unlink()
    fails(manual, tmp_path, FileNotFoundError, "lacks WIDER_val.zip.*accepted is a folder with")


@pytest.mark.parametrize(
    ("file", "old", "new", "match"),
    [
        ("list_bbox_celeba.txt", "000001.jpg", "000009.jpg", "no row for 000001.jpg"),
        ("list_landmarks_celeba.txt", "3\n", "4\n", "line 1: 4; the file has 3 rows"),
        ("list_landmarks_celeba.txt", "000002", "000001", "line 4: 000001.jpg was on .*line 3"),
        ("list_eval_partition.txt", "000001.jpg 0", "000001.jpg", "line 1: ''; accepted are 1"),
    ],
)
def test_lists_of_celeb_a_that_do_not_fit_are_named(manual, tmp_path, file, old, new, match):
    archives.write_celeb(manual)
    path = manual / file
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(archives_lib.ArchiveError, match=match):
        prepared("celeb_a_wild", tmp_path)


def test_unknown_data_sets_are_refused(tmp_path):
    with pytest.raises(ValueError, match="dataset is 'wider'; accepted are wider_face"):
        prepare("wider", manual_dir=str(tmp_path), data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="dataset is 'wider'; accepted are wider_face"):
        read_pictures("wider", split="train", data_dir=str(tmp_path))


@pytest.mark.slow
def test_the_real_layout_is_read_whole(shared, tmp_path):
    manual = shared / "data" / "wider_face"
    prepare("wider_face", manual_dir=str(manual), data_dir=str(tmp_path))
    pictures = read_pictures("wider_face", split="validation", data_dir=str(tmp_path))
    assert len(pictures) == 550
    assert sum(len(picture.boxes) for picture in pictures) == 5053
    assert sum(not len(picture.boxes) for picture in pictures) == 100
    assert read_image(pictures[0].encoded).ndim == 3
