import numpy as np
import pytest

from data.archives import ArchiveError
from data.datasets.wider_face import SUFFIXES, parse_annotations

ROW = "1 2 15 16 0 0 0 0 0 0\n"
ZEROS = "0 0 0 0 0 0 0 0 0 0\n"


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".JPG", ".Jpeg", ".PNG"])
def test_pictures_of_any_form(suffix):
    (one,) = parse_annotations("labels", f"e/a b{suffix}\n1\n{ROW}")
    assert one.name == f"e/a b{suffix}"
    np.testing.assert_array_equal(one.boxes, [[1, 2, 16, 18]])


@pytest.mark.parametrize("name", ["a.txt", "a", "", "1 2 15 16 0 0 0 0 0 0"])
def test_names_of_other_files(name):
    with pytest.raises(ArchiveError, match="line 1: .*; accepted is the name of a .jpg, or anothe"):
        parse_annotations("labels", f"{name}\n1\n{ROW}")


@pytest.mark.parametrize("zeros", ["", ZEROS])
def test_no_faces_with_and_without_the_line_of_zeros(zeros):
    text = f"a.jpg\n0\n{zeros}b.PNG\n1\n{ROW}c.jpg\n0\n{zeros}"
    found = parse_annotations("labels", text)
    assert [(one.name, len(one.boxes)) for one in found] == [
        ("a.jpg", 0),
        ("b.PNG", 1),
        ("c.jpg", 0),
    ]
    assert found[1].place == f"labels, line {3 if not zeros else 4}"


def test_a_line_that_is_neither_zeros_nor_a_name():
    with pytest.raises(ArchiveError, match="line 3: 'x'; accepted are 10 numbers"):
        parse_annotations("labels", "a.jpg\n0\nx\n")
