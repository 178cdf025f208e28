"""What a sweep does with its cells; training and mining are only told."""

import json

import numpy as np
import pytest

from data import records
from experiments.recipes.overrides import override
from experiments.sweeps import cells
from experiments.sweeps.cells import SweepConfig, run_cells
from experiments.sweeps.grid import parse_grid
from experiments.training.settings import default_config
from mtcnn_jax import load_params, save_params
from tests.drawn import save_drawn
from tests.experiments.training.test_pipeline import read_drawn

BASE = override(default_config(), {"steps": "300", "data_dir": "drawn"})


@pytest.fixture
def told(monkeypatch):
    """The cells that are trained and the samples that are mined, in order."""
    told, weights = [], load_params()

    def mine(config, stage, before, output, *, split):
        if not (output / "made").exists():
            output.mkdir(parents=True)
            (output / "made").touch()
            told.append(f"mine {stage} {split}")

    def fit(config):
        told.append(f"train {config.folder.parent.name} on {config.samples}")
        config.folder.mkdir(parents=True, exist_ok=True)
        if config.recipe.ohem_ratio == 0.25:
            raise FloatingPointError("the loss is nan")
        rows = [
            {"step": 300, "split": "train", "loss": config.seed / 8, "samples_per_second": 3},
            {"step": 300, "split": "validation", "recall": config.recipe.ohem_ratio},
        ]
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (config.folder / "metrics.jsonl").write_text(lines)
        save_params(config.weights, {config.recipe.stage: weights[config.recipe.stage]})
        return config.weights

    monkeypatch.setattr(records, "read_pictures", read_drawn)
    monkeypatch.setattr(cells, "mine_stage", mine)
    monkeypatch.setattr(cells, "fit", fit)
    monkeypatch.setattr(cells, "spare_mappings", lambda: None)
    return told


def sweep(folder, grid, *, base=BASE, stage="pnet", **options):
    return run_cells(base, parse_grid(grid), SweepConfig(str(folder), stage, **options))


def trained(told):
    return [line.split()[1] for line in told if line.startswith("train")]


def test_samples_are_mined_once_for_cells_that_differ_in_training(tmp_path, told):
    rows = sweep(tmp_path, "ohem_ratio=0.5,1.0;seed=0,1")
    assert told[:2] == ["mine pnet train", "mine pnet validation"]
    assert len(told) == 6
    assert len({line.split(" on ")[1] for line in told[2:]}) == 1
    assert [row.measures for row in rows] == [
        {"loss": seed / 8, "recall": ratio} for ratio in (0.5, 1.0) for seed in (0, 1)
    ]
    assert (tmp_path / "results.csv").read_text().splitlines() == [
        "ohem_ratio,seed,loss,recall",
        *("0.5,0,0,0.5", "0.5,1,0.125,0.5", "1.0,0,0,1", "1.0,1,0.125,1"),
    ]
    assert (tmp_path / "results.png").exists()


def test_cells_that_differ_in_mining_have_samples_of_their_own(tmp_path, told):
    sweep(tmp_path, "mine_negatives=5,6;ohem_ratio=0.5,1.0")
    assert told.count("mine pnet train") == 2
    # What plays no part in P-Net's samples makes no others.
    sweep(tmp_path / "other", "mine_thresholds=0.5:0.3,0.6:0.3")
    assert told.count("mine pnet train") == 3


def test_what_is_finished_is_left_as_it_is(tmp_path, told):
    first = sweep(tmp_path, "seed=0,1")
    content = (tmp_path / "results.csv").read_bytes()
    del told[:]
    assert sweep(tmp_path, "seed=0,1") == first
    assert told == []
    (tmp_path / "cells" / "seed=0" / "row.json").unlink()
    assert sweep(tmp_path, "seed=0,1") == first
    assert trained(told) == ["seed=0"]
    assert (tmp_path / "results.csv").read_bytes() == content


def test_machines_take_turns_and_a_run_without_parts_joins_them(tmp_path, told):
    grid = "seed=0,1,2,3,4"
    rows = sweep(tmp_path, grid, part=(2, 3))
    assert trained(told) == ["seed=1", "seed=4"] == [row.cell.name for row in rows]
    sweep(tmp_path, grid, part=(1, 3))
    sweep(tmp_path, grid, part=(3, 3))
    assert sorted(trained(told)) == [f"seed={number}" for number in range(5)]
    del told[:]
    rows = sweep(tmp_path, grid)
    assert [row.cell.name for row in rows] == [f"seed={number}" for number in range(5)]
    assert told == []


def test_a_cell_whose_loss_is_no_number_is_told_and_the_others_go_on(tmp_path, told):
    rows = sweep(tmp_path, "ohem_ratio=0.25,1.0")
    assert [row.failed for row in rows] == ["the loss is nan", ""]
    assert (tmp_path / "results.csv").read_text().splitlines() == [
        "ohem_ratio,loss,recall,failed",
        *("0.25,,,the loss is nan", "1.0,0,1,"),
    ]
    assert "| 0.25 | 1 | - | - |" in (tmp_path / "results.md").read_text()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (
            {"grid": "seed=0,2"},
            r"holds a sweep of other cells \(seed=2 new, seed=1 gone\); accepted are the same grid",
        ),
        (
            {"grid": "seed=3,4,5"},
            r"\(seed=3 and 2 more new, seed=0 and 1 more gone\); .* without its sweep.json",
        ),
        (
            {"base": override(BASE, {"steps": "400"})},
            r"whose cell seed=0 was begun with other settings \(run.recipe.steps was 300, is 400\)",
        ),
        (
            {"base": override(BASE, {"mine_negatives": "7"})},
            r"with other settings \(mining.negatives was 100, is 7\)",
        ),
    ],
)
def test_another_sweep_in_the_folder_is_refused(tmp_path, told, options, match):
    sweep(tmp_path, "seed=0,1")
    del told[:]
    with pytest.raises(ValueError, match=match):
        sweep(tmp_path, **{"grid": "seed=0,1", **options})
    assert told == []


def test_without_what_the_sweep_was_finished_cells_of_a_larger_grid_are_kept(tmp_path, told):
    sweep(tmp_path, "seed=0,1")
    (tmp_path / "sweep.json").unlink()
    del told[:]
    sweep(tmp_path, "seed=0,1,2")
    assert trained(told) == ["seed=2"]
    (tmp_path / "sweep.json").unlink()
    with pytest.raises(ValueError, match=r"seed=0 holds a cell with other settings \(run.recipe"):
        sweep(tmp_path, "seed=0,1,2", base=override(BASE, {"steps": "400"}))


def test_nothing_is_written_where_something_is_wrong(tmp_path, told):
    folder = tmp_path / "new"
    with pytest.raises(ValueError, match="ohem_ratio is 2.0"):
        sweep(folder, "ohem_ratio=0.5,2")
    with pytest.raises(ValueError, match="--weights names 0 files; accepted for rnet: one with pn"):
        sweep(folder, "seed=0,1", stage="rnet")
    with pytest.raises(ValueError, match="--samples is given; accepted for --stage=all is none"):
        sweep(folder, "seed=0,1", stage="all", samples="there")
    with pytest.raises(FileNotFoundError, match=r"none/pnet/train/patches.npy is missing"):
        sweep(folder, "seed=0,1", samples="none")
    assert not folder.exists()
    assert told == []


def test_o_nets_samples_are_of_the_weights_before(tmp_path, told, monkeypatch):
    found = []
    monkeypatch.setattr(
        cells, "mine_stage", lambda config, stage, before, *_, **__: found.append(sorted(before))
    )
    save_params(tmp_path / "before.npz", load_params())
    sweep(tmp_path / "sweep", "seed=0", stage="onet", weights=(str(tmp_path / "before.npz"),))
    assert found == [["pnet", "rnet"]] * 2


def test_all_stages_are_measured_one_by_one_and_share_samples(tmp_path, monkeypatch, told):
    asked = []

    def train_all(recipe, *, workdir, shared):
        asked.append((workdir, str(shared)))
        for stage in ("pnet", "rnet", "onet"):
            cells.fit(recipe.of(stage).placed(workdir))
        save_params(f"{workdir}/weights.npz", load_params())
        return f"{workdir}/weights.npz"

    monkeypatch.setattr(cells, "train_all", train_all)
    (row,) = sweep(tmp_path, "seed=8", stage="all")
    assert asked == [(f"{tmp_path}/cells/seed=8", f"{tmp_path}/samples")]
    assert row.measures == {
        f"{stage}/{name}": value
        for stage in ("pnet", "rnet", "onet")
        for name, value in (("loss", 1.0), ("recall", 0.7))
    }


def test_weights_before_are_those_of_the_evaluation_too(tmp_path, told):
    given = load_params()
    given["pnet"]["conv1"]["bias"] += 1
    save_params(tmp_path / "before.npz", given)
    save_drawn(tmp_path / "samples", "onet", each=2)
    found = []

    class Stub:
        benchmarks = ()

        def check(self):
            pass

        def measures(self, folder, params):
            found.append(params["pnet"]["conv1"]["bias"])
            return {}

    places = {"samples": str(tmp_path / "samples"), "weights": (str(tmp_path / "before.npz"),)}
    sweep(tmp_path / "sweep", "seed=0", stage="onet", evaluation=Stub(), **places)
    np.testing.assert_array_equal(found[0], given["pnet"]["conv1"]["bias"])
    assert trained(told) == ["seed=0"]


def test_each_cells_cascade_is_evaluated_with_the_bundled_stages(tmp_path, told):
    class Stub:
        benchmarks = ("stub",)

        def check(self):
            told.append("check")

        def measures(self, folder, params):
            told.append(f"evaluate {folder.parent.name} {' '.join(sorted(params))}")
            return {"stub/easy": 0.5}

    (row,) = sweep(tmp_path, "seed=0", evaluation=Stub())
    assert told[0] == "check"
    assert told[-1] == "evaluate seed=0 onet pnet rnet"
    assert row.measures["stub/easy"] == 0.5
