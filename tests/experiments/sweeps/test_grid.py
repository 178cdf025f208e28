"""Grids as text: the cells they mean, and the line of error where they mean none."""

import re

import pytest

from experiments.recipes.files import read_recipe
from experiments.recipes.overrides import override
from experiments.sweeps.grid import Cell, make_cells, parse_grid, parse_part
from experiments.training.settings import default_config


def cells(text, stage="pnet", base=None, **options):
    return make_cells(base or default_config(), parse_grid(text), stage, **options)


def test_the_last_field_turns_first():
    found = cells("ohem_ratio=0.5,1.0; seed=0,1,2")
    assert [cell.name for cell in found] == [
        f"ohem_ratio={ratio},seed={seed}" for ratio in ("0.5", "1.0") for seed in (0, 1, 2)
    ]
    assert [cell.recipe.pnet.recipe.ohem_ratio for cell in found] == [0.5] * 3 + [1.0] * 3
    assert [cell.recipe.pnet.seed for cell in found] == [0, 1, 2] * 2


def test_values_of_several_numbers_and_of_each_stage():
    found = cells("ratio=3:1:1:2,1:1:1:1;steps=400|500|600,700", "all")
    assert [cell.recipe.rnet.ratio for cell in found] == [(3, 1, 1, 2)] * 2 + [(1, 1, 1, 1)] * 2
    assert [cell.recipe.rnet.recipe.steps for cell in found] == [500, 700] * 2
    (cell,) = cells("windows_per_picture=500:40", "all")
    assert cell.recipe.windows_per_picture == (500, 40)


def test_cells_differ_in_their_own_fields_alone():
    base = override(read_recipe("paper", "all"), {"seed": "5", "steps": "300"})
    one, other = cells("ohem_ratio=0.7,1.0", base=base)
    assert one.recipe == base
    assert override(other.recipe, {"ohem_ratio": "0.7"}, ["pnet"]) == base


def test_a_cells_seed_is_not_that_of_mining_unless_the_grid_says_so():
    base = override(default_config(), {"seed": "5"})
    assert [cell.recipe.mining.seed for cell in cells("seed=0,1", base=base)] == [5, 5]
    found = cells("seed=0,1;mine_seed=2", base=base)
    assert [cell.recipe.mining.seed for cell in found] == [2, 2]


def test_a_cells_folder_has_a_name_that_fits():
    recipe = default_config()
    name = Cell({"init": "runs/a b.npz"}, recipe).name
    assert re.fullmatch(r"init=runs_a_b.npz-\w{8}", name)
    assert name != Cell({"init": "runs_a b.npz"}, recipe).name
    assert len(Cell({"init": "a" * 300}, recipe).name) < 140
    assert Cell({}, recipe).name == "recipe"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "--grid is empty; accepted is field=value,value;field"),
        (" ; ", "--grid is empty"),
        ("ohem_ratio", "--grid has 'ohem_ratio'; accepted is field=value"),
        ("ohem_ratio=", "--grid has 'ohem_ratio='; accepted is field=value"),
        ("ohem_rato=1", "'ohem_rato' is no field of a recipe; accepted are ohem_ratio"),
        ("seed=0;seed=1", "--grid names seed twice"),
        ("seed=0,,1", "--seed=; accepted: whole numbers"),
        ("ohem_ratio=0.5,x", "--ohem_ratio=x; accepted: numbers"),
        ("ohem_ratio=0.5,2", "ohem_ratio is 2.0; accepted is above 0, at most 1"),
        ("steps=1|2|3", "--steps=1,2,3; accepted: one number"),
        ("seed=1,0,1", "cells seed=1 and seed=1 train pnet with the same settings"),
        ("ohem_ratio=0.7,0.70", "cells ohem_ratio=0.7 and ohem_ratio=0.70 train pnet with the"),
        ("rounds=1,2", "cells rounds=1 and rounds=2 train pnet with the same"),
    ],
)
def test_a_grid_that_means_no_sweep_is_told_in_a_line(text, match):
    with pytest.raises(ValueError, match=re.escape(match)):
        cells(text)


def test_settings_of_mining_play_no_part_where_samples_are_there():
    assert len(cells("mine_negatives=50,60")) == 2
    with pytest.raises(ValueError, match="train pnet with the same settings"):
        cells("mine_negatives=50,60", mined=False)


def test_the_part_of_a_machine():
    assert parse_part("") == (1, 1)
    assert parse_part("2/3") == (2, 3)
    for text in ("0/3", "4/3", "3", "a/b", "1/0", "-1/2"):
        with pytest.raises(ValueError, match=f"--cells={text}; accepted is K/N for machine K of N"):
            parse_part(text)
