import numpy as np
import pytest

from data.archives import ArchiveError
from data.datasets.labelled import read_labels
from data.datasets.retinaface import parse_points

FACE = "10 12 20 24 12.5 18 0.0 22 18 0.0 17 24 1.0 13 31 0.0 21 31.5 0.0 0.82"
TEXT = f"""# 0--Parade/a.jpg
{FACE}
1 2 5 6 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 0.1

# b.jpg
# c.jpg
3 4 0 6
"""


def test_boxes_points_and_the_line_of_each():
    first, second, third = parse_points("label.txt", TEXT)
    assert (first.name, first.place) == ("0--Parade/a.jpg", "label.txt, line 1")
    assert first.boxes.tolist() == [[10, 12, 30, 36], [1, 2, 6, 8]]
    known = [[12.5, 18], [22, 18], [17, 24], [13, 31], [21, 31.5]]  # A flag of 1 is a hidden point.
    assert first.landmarks[0].tolist() == known
    assert np.isnan(first.landmarks[1]).all()
    assert first.places == ("label.txt, line 2", "label.txt, line 3")
    assert second.boxes.shape == (0, 4) and second.landmarks.shape == (0, 5, 2)
    assert third.places == ("label.txt, line 7",)


def test_a_labelled_folder_may_be_of_this_format(tmp_path):
    path = tmp_path / "label.txt"
    path.write_text(TEXT)
    first, _, third = read_labels(path)
    assert np.isfinite(first.landmarks).all(axis=(1, 2)).tolist() == [True, False]
    assert third.ignored.tolist() == [True]  # It has no width.
    assert third.places == (f"{path}, line 7",)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("# a.jpg\n1 2 3\n", "x, line 2: '1 2 3'; accepted are 4 numbers of a box, or 19 or 20"),
        ("# a.jpg\n1 2 3 four\n", "x, line 2: '1 2 3 four'; accepted are 4 numbers"),
        ("# a.jpg\n1 2 3 1e9\n", "x, line 2: .* accepted are pixels from"),
        ("# ../a.jpg\n", "x, line 1: '../a.jpg'; accepted is the path of a picture below"),
        ("# a.jpg\n\n1 2 3 4\n", "x, line 3: '1 2 3 4'; accepted is # and a picture's name"),
    ],
)
def test_a_malformed_line_is_named(text, match):
    with pytest.raises(ArchiveError, match=match):
        parse_points("x", text)
