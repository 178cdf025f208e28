"""Lines and numbers of annotation files, by their properties."""

import math

import hypothesis
import pytest
from hypothesis import strategies as st

from data.archives import ArchiveError
from data.lines import FARTHEST, Lines, decode_text, read_text
from tests.properties import few

ends = st.sampled_from(["\n", "\r\n", "\r"])
whole_lines = st.text(st.characters(exclude_categories=("C",)), max_size=12)


@few
@hypothesis.given(st.lists(whole_lines, max_size=6), ends, st.integers(0, 3))
def test_lines_are_what_was_joined_without_blanks_around_and_numbered(given, end, blank):
    lines = Lines("a.txt", end.join([*given, *[""] * blank]))
    wanted = [line.strip() for line in given]
    while wanted and not wanted[-1]:
        wanted.pop()
    assert bool(lines) == bool(wanted)
    for number, line in enumerate(wanted, 1):
        assert lines.next == line
        assert lines.take() == line
        assert lines.place == f"a.txt, line {number}"
    assert not lines and lines.next == ""
    with pytest.raises(ArchiveError, match=f"a.txt, line {len(wanted) + 1}: the file ends here"):
        lines.take()


@few
@hypothesis.given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=6))
def test_numbers_come_back_to_the_last_bit(given):
    lines, text = Lines("a.txt", "first"), "  ".join(map(repr, given))
    assert lines.numbers(text, len(given)) == given
    lines.take()
    with pytest.raises(ArchiveError, match=f"a.txt, line 1: .*; accepted are {len(given) + 1} num"):
        lines.numbers(text, len(given) + 1)


@few
@hypothesis.given(st.lists(st.floats(), min_size=2, max_size=5), st.integers(0, 1))
def test_pixels_are_finite_and_near(given, others):
    lines, text = Lines("a.txt", ""), " ".join(map(repr, given))
    near = all(abs(value) <= FARTHEST for value in given[: len(given) - others])
    if near and all(map(math.isfinite, given)):
        assert lines.pixels(text, len(given), others=others) == given
    else:
        with pytest.raises(ArchiveError, match="accepted are (finite numbers|pixels from -100000)"):
            lines.pixels(text, len(given), others=others)


@few
@hypothesis.given(st.integers(-3, 10**6), st.sampled_from(["", ".0", ".5"]))
def test_a_count_is_whole_and_not_below_zero(number, fraction):
    lines = Lines("a.txt", f"{number}{fraction}")
    if number >= 0 and fraction != ".5":
        assert lines.count("boxes") == number
    else:
        with pytest.raises(ArchiveError, match="a.txt, line 1: .* accepted is a whole number of b"):
            lines.count("boxes")


@few
@hypothesis.given(whole_lines.filter(lambda name: name and not set(" \t") & set(name)), whole_lines)
def test_a_name_ends_at_the_first_blank_or_tab(name, rest):
    for blank in " \t":
        found = Lines("a.txt", "").split_name(f"{name}{blank}{rest}")
        assert found == (name, rest.replace("\t", " ").strip())


@few
@hypothesis.given(st.text(max_size=30), st.booleans())
def test_text_is_read_with_and_without_a_mark_of_its_order(tmp_path_factory, text, marked):
    hypothesis.assume(not text.startswith("\ufeff"))
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    path.write_bytes(text.encode("utf-8-sig" if marked else "utf-8"))
    assert read_text(path) == text


@few
@hypothesis.given(st.lists(whole_lines, max_size=4))
def test_what_is_no_utf_8_is_named_by_its_line(given):
    content = "".join(f"{line}\n" for line in given).encode() + b"a\xffb"
    with pytest.raises(ArchiveError, match=f"a.txt, line {len(given) + 1}: .*; accepted is UTF-8"):
        decode_text(content, "a.txt")
