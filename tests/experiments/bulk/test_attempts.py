"""Notes of who died of what: a picture that kills is left, and none else is blamed."""

import json

import pytest

from experiments.bulk.attempts import FOLDER, MOST_OF_PICTURE, MOST_UNEXPLAINED, Attempt
from experiments.bulk.storage import open_place


@pytest.fixture
def output(tmp_path):
    return open_place(str(tmp_path))


def test_the_first_attempt_is_not_careful_and_leaves_no_note(output, tmp_path):
    attempt = Attempt(output, 3)
    assert not attempt.careful
    assert [file.name for file in (tmp_path / FOLDER).iterdir()] == ["000003.json"]
    attempt.end()
    assert not list((tmp_path / FOLDER).iterdir())
    assert not Attempt(output, 3).careful


def test_whoever_comes_after_a_death_is_careful(output):
    Attempt(output, 3)
    assert Attempt(output, 3).careful
    assert not Attempt(output, 4).careful


def test_a_picture_that_two_died_of_is_left(output):
    assert MOST_OF_PICTURE == 2
    Attempt(output, 0)
    for number in (5, 8, 5):  # The second time it was a machine, say.
        attempt = Attempt(output, 0)
        assert attempt.take(5)
        assert attempt.take(number)
    last = Attempt(output, 0)
    assert not last.take(5)
    assert last.take(8) and last.take(0)


def test_a_picture_that_was_put_back_is_not_to_blame(output):
    for _ in range(4):
        attempt = Attempt(output, 0)
        attempt.take(5)
        attempt.take(None)
    assert Attempt(output, 0).take(5)


def test_a_partition_that_kills_with_no_picture_in_hand_ends_the_job_once(output):
    for _ in range(1 + MOST_UNEXPLAINED):
        Attempt(output, 2)
    with pytest.raises(ValueError, match="partition 2 has killed 6 workers while no picture"):
        Attempt(output, 2)
    assert not Attempt(output, 2).careful


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_a_note_that_was_cut_short_is_one_of_a_death(output, tmp_path, content):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "000000.json").write_text(content)
    attempt = Attempt(output, 0)
    assert attempt.careful and attempt.take(0)
    assert json.loads((tmp_path / FOLDER / "000000.json").read_text())["hand"] == 0
