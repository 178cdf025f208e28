import json
import pathlib
import tempfile
import warnings

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from data.archives import ArchiveError
from data.datasets import labelled
from data.lines import FARTHEST
from tests.archives import jpeg
from tests.data.test_checks import HTML, turned
from tests.properties import few

LYING, UPRIGHT = (64, 48), (48, 64)
"""Width and height as stored, and as shown where EXIF data lays the picture on its side."""


def coco(folder, size, *, orientation=6, box=(5, 5, 20, 20), name="a.jpg"):
    """A folder with one picture stored as 64 x 48 pixels, and its labels."""
    (folder / name).write_bytes(turned(orientation))
    image = {"id": 1, "file_name": name}
    if size:
        image |= {"width": size[0], "height": size[1]}
    content = {"images": [image], "annotations": [{"image_id": 1, "bbox": box}]}
    (folder / "labels.json").write_text(json.dumps(content))
    return labelled.Pictures(folder, folder / "labels.json")


def wider(folder, box, *, orientation=6):
    (folder / "a.jpg").write_bytes(turned(orientation))
    (folder / "labels.txt").write_text(f"a.jpg\n1\n{box} 0 0 0 0 0 0\n")
    return labelled.Pictures(folder, folder / "labels.txt")


class TestTurned:
    def test_sizes_as_shown_are_fine(self, tmp_path):
        assert coco(tmp_path, UPRIGHT)[0].boxes.tolist() == [[5, 5, 25, 25]]
        assert len(coco(tmp_path, LYING, orientation=1)) == 1

    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_sizes_as_stored_are_refused_and_both_told(self, tmp_path, orientation):
        message = r"images\[0\]: a.jpg has 64 x 48 pixels, as it is stored; its EXIF .* to 48 x 64"
        with pytest.raises(ArchiveError, match=message):
            coco(tmp_path, LYING, orientation=orientation)

    def test_sizes_of_another_picture(self, tmp_path):
        with pytest.raises(ArchiveError, match="a.jpg has 128 x 96 pixels; the file has 64 x 48"):
            coco(tmp_path, (128, 96), orientation=1)

    @pytest.mark.parametrize("size", [(-1, 5), ("a", 5), (1e9, 5), (float("nan"), 5)])
    def test_sizes_that_are_none(self, tmp_path, size):
        with pytest.raises(ArchiveError, match=r"images\[0\]: height and width are .*; accepted"):
            coco(tmp_path, size)

    @pytest.mark.parametrize("size", [None, (0, 0), (None, 48)])
    def test_without_sizes_boxes_may_tell(self, tmp_path, size):
        message = "the boxes of a.jpg, .* fit the picture as stored, 64 x 48 pixels, and not as its"
        with pytest.raises(ArchiveError, match=message):
            coco(tmp_path, size, box=(50, 5, 10, 10))
        with pytest.raises(ArchiveError, match=message):
            wider(tmp_path, "50 5 10 10")

    @pytest.mark.parametrize("orientation", [2, 3, 6])
    def test_a_warning_where_nothing_tells(self, tmp_path, orientation):
        with pytest.warns(UserWarning, match="1 of 1 pictures are turned .* the first is a.jpg; "):
            wider(tmp_path, "5 5 20 20", orientation=orientation)

    def test_a_half_turn_is_not_in_the_sizes(self, tmp_path):
        with pytest.warns(UserWarning, match="1 of 1 pictures are turned by their EXIF data"):
            coco(tmp_path, LYING, orientation=3)

    def test_no_warning_otherwise(self, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            wider(tmp_path, "5 5 20 20", orientation=1)


class TestPictures:
    @pytest.mark.parametrize("box", ["70 5 10 10", "-90 -90 300 300", "63 47 9 9"])
    def test_boxes_outside(self, tmp_path, box):
        message = r"labels.txt, line 1: the box \[.*\] .* lies outside a.jpg, which has 64 x 48"
        with pytest.raises(ArchiveError, match=message):
            wider(tmp_path, box, orientation=1)

    def test_boxes_to_ignore_may_be_anywhere(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(jpeg())
        text = "a.jpg\n2\n90 5 9 9 0 0 0 1 0 0\n90 5 0 9 0 0 0 0 0 0\n"
        (tmp_path / "labels.txt").write_text(text)
        (one,) = labelled.Pictures(tmp_path, tmp_path / "labels.txt")
        assert one.ignored.tolist() == [True, True]

    def test_what_is_no_picture(self, tmp_path):
        (tmp_path / "a.JPG").write_bytes(HTML)
        (tmp_path / "labels.txt").write_text("a.JPG\n0\n")
        with pytest.raises(ArchiveError, match="labels.txt, line 1: '.*a.JPG' is not a picture"):
            labelled.Pictures(tmp_path, tmp_path / "labels.txt")

    def test_any_form_of_picture(self, tmp_path):
        (tmp_path / "a.PNG").write_bytes(turned(1, form="PNG"))
        (tmp_path / "labels.TXT").write_text("a.PNG\n0\n")
        (one,) = labelled.Pictures(tmp_path, tmp_path / "labels.TXT")
        assert one.boxes.shape == (0, 4) and np.isnan(one.landmarks).all()


letters = st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters="/\\")
names = st.text(letters, max_size=30).map(lambda text: f"pic{text}.jpg")
pixels = st.floats(-FARTHEST, FARTHEST)
boxes = st.tuples(pixels, pixels, pixels, pixels)


@st.composite
def pictures(draw, faces):
    """Names of pictures, each once, and for each a list of faces."""
    found = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    return {name: draw(st.lists(faces, max_size=4)) for name in found}


def corners(box):
    """x1, y1, x2, y2 as float32, of x, y, width and height."""
    x, y, width, height = box
    return np.array([x, y, x + width, y + height], np.float64).astype(np.float32)


def read_again(name, content):
    """The labels in a file of that name and content."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, name)
        path.write_bytes(content)
        return labelled.read_labels(path)


class TestWhatIsWrittenIsRead:
    @few
    @hypothesis.given(
        pictures(st.tuples(boxes, st.tuples(*map(st.integers, [0] * 6, [2, 1, 1, 1, 2, 1])))),
        st.sampled_from(["\n", "\r\n", "\r", " \n"]),
        st.sampled_from(["", "\ufeff"]),
    )
    def test_of_wider_face(self, given, end, mark):
        lines = []
        for name, faces in given.items():
            rows = [" ".join(map(repr, (*box, *attributes))) for box, attributes in faces]
            lines += [name, str(len(faces)), *rows]
        found = read_again("labels.txt", (mark + end.join([*lines, ""])).encode())
        assert [one.name for one in found] == list(given)
        for one, faces in zip(found, given.values(), strict=True):
            wanted = np.array([corners(box) for box, _ in faces]).reshape(-1, 4)
            np.testing.assert_array_equal(one.boxes, wanted)
            flat = (wanted[:, 2] <= wanted[:, 0]) | (wanted[:, 3] <= wanted[:, 1])
            invalid = np.array([attributes[3] == 1 for _, attributes in faces], bool)
            np.testing.assert_array_equal(one.ignored, flat | invalid)
            assert one.landmarks.shape == (len(faces), 5, 2) and np.isnan(one.landmarks).all()

    @few
    @hypothesis.given(
        pictures(
            st.tuples(
                boxes,
                st.booleans(),
                st.none()
                | st.lists(st.tuples(pixels, pixels, st.integers(0, 2)), min_size=5, max_size=5),
            )
        ),
        st.none() | st.tuples(st.integers(1, FARTHEST), st.integers(1, FARTHEST)),
    )
    def test_of_coco(self, given, size):
        images, annotations = [], []
        for number, (name, faces) in enumerate(given.items()):
            sides = {} if size is None else {"height": size[0], "width": size[1]}
            images.append({"id": number, "file_name": name, **sides})
            for box, crowd, points in faces:
                entry = {"image_id": number, "bbox": box, "iscrowd": int(crowd)}
                if points is not None:
                    entry["keypoints"] = [value for point in points for value in point]
                annotations.insert(0, entry)  # In no order of pictures.
        content = json.dumps({"images": images, "annotations": annotations})
        found = read_again("labels.json", content.encode())
        assert [(one.name, one.size) for one in found] == [(name, size) for name in given]
        for one, faces in zip(found, given.values(), strict=True):
            assert len(one.boxes) == len(faces)
            for row, (box, crowd, points) in enumerate(reversed(faces)):
                wanted = corners(box)
                np.testing.assert_array_equal(one.boxes[row], wanted)
                flat = wanted[2] <= wanted[0] or wanted[3] <= wanted[1]
                assert one.ignored[row] == (crowd or flat)
                five = np.full((5, 2), np.nan, np.float32)
                for place, (x, y, visible) in enumerate(points or ()):
                    if visible:
                        five[place] = x, y
                np.testing.assert_array_equal(one.landmarks[row], five)
