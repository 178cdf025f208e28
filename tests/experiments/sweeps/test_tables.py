"""Tables of a sweep."""

import pathlib

from experiments.sweeps.grid import Cell
from experiments.sweeps.tables import Row, as_csv, as_markdown, save_plot, spread
from experiments.training.settings import default_config


def row(changes, **measures):
    return Row(Cell(changes, default_config()), pathlib.Path("cell"), measures)


ROWS = [
    row({"loss": "l1", "seed": "0"}, recall=0.5, error=1 / 3),
    row({"loss": "l1", "seed": "1"}, recall=0.7, error=1 / 3),
    row({"loss": "l2", "seed": "0", "other": "a,b"}, recall=0.9),
]


def test_every_row_has_a_line():
    assert as_csv(ROWS).splitlines() == [
        "loss,seed,other,recall,error",
        "l1,0,,0.5,0.333333",
        "l1,1,,0.7,0.333333",
        'l2,0,"a,b",0.9,',
    ]


def test_seeds_are_put_together():
    # 0.5 and 0.7 have the mean 0.6 and, with 1 for what the mean takes, the deviation 0.1414.
    assert as_markdown(ROWS).splitlines() == [
        "| loss | other | runs | recall | error |",
        "| --- | --- | --- | --- | --- |",
        "| l1 |  | 2 | 0.6 ± 0.14 | 0.3333 ± 0 |",
        "| l2 | a,b | 1 | 0.9 | - |",
    ]
    assert spread([]) == "-"


def test_a_plot_is_drawn_of_numbers_and_of_names(tmp_path):
    save_plot(tmp_path / "names.png", ROWS)
    save_plot(tmp_path / "numbers.png", [row({"rate": "0.1"}, a=1), row({"rate": "1"}, a=2)])
    save_plot(tmp_path / "nothing.png", [row({"rate": "0.1"})])
    assert {path.name for path in tmp_path.iterdir()} == {"names.png", "numbers.png"}
