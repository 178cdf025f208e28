"""What a study gives, and how it is kept."""

import pytest

from experiments.studies.study import section, verdict, write_csv


def test_rows_are_written_under_the_names_of_all(tmp_path):
    write_csv(tmp_path / "results.csv", [{"a": 1, "b": "x,y"}, {"a": 2, "c": 0.5}])
    assert (tmp_path / "results.csv").read_text() == 'a,b,c\n1,"x,y",\n2,,0.5\n'


def test_sentences_are_broken_to_fit_the_page_and_tables_are_not():
    table = "| " + "x" * 120 + " |"
    found = section("Table I", "word " * 30, table).splitlines()
    assert found[:3] == ["## Table I", "", ("word " * 20).strip()]
    assert found[3:] == [("word " * 10).strip(), "", table]


@pytest.mark.parametrize(
    ("low", "high", "claimed", "said"),
    [
        (0.1, 0.3, 1, "shown"),
        (-0.3, -0.1, -1, "shown"),
        (-0.3, -0.1, 1, "the other way round"),
        (0.1, 0.3, -1, "the other way round"),
        (-0.1, 0.3, 1, "no difference shown"),
        (0.0, 0.3, 1, "no difference shown"),
    ],
)
def test_a_verdict_follows_from_the_interval(low, high, claimed, said):
    assert verdict(low, high, claimed=claimed) == said
