"""The command that sweeps: killed and started again, and flags that are wrong."""

import os
import signal
import subprocess
import sys
import time
import types

import pytest

from experiments import sweep
from tests import ROOT
from tests.conftest import FLAGS
from tests.drawn import save_drawn
from tests.experiments.flag_values import flag_values

# The ratio is no part of what is compiled, so all cells are one program.
GRID = "ratio=3:1:1:2,2:2:1:2;seed=0,1,2"
SHORT = {
    **{"stage": "pnet", "steps": 12, "batch_size": 14, "warmup_steps": 1, "augment": "none"},
    **{"log_every": 1, "scan_steps": 1, "evaluate_every": 6, "checkpoint_every": 2},
}


def values_of(workdir, **changed):
    """The flags of the command, as attributes."""
    own = {"grid": GRID, "weights": [], "cells": "", "evaluate": []}
    own |= dict.fromkeys(sweep.OWN_FOLDERS, "")
    values = flag_values(workdir, **SHORT)
    return types.SimpleNamespace(**{**vars(values), **own, **changed})


@pytest.mark.slow
def test_killed_at_three_moments_it_gives_the_same_results(tmp_path, capsys):
    samples = str(save_drawn(tmp_path / "samples", "pnet", each=4))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    sweep.sweep(values_of(whole, samples=samples))
    assert capsys.readouterr().out.startswith("| ratio | runs | loss |")
    flags = {**SHORT, "grid": GRID, "samples": samples, "workdir": broken}
    command = [sys.executable, "-m", "experiments.sweep"]
    command += [f"--{name}={value}" for name, value in flags.items()]
    first, third, fifth = (
        broken / "cells" / f"ratio={ratio},seed={seed}" / "pnet"
        for ratio, seed in (("3:1:1:2", 0), ("3:1:1:2", 2), ("2:2:1:2", 1))
    )
    moments = [first / "checkpoints" / "00000004", third / "metrics.jsonl", fifth / "config.json"]
    for moment in moments:
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "XLA_FLAGS": FLAGS},  # Or the bits would differ.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            while not moment.exists():
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    assert not (fifth.parent / "row.json").exists()
    rows = {path: path.stat().st_mtime_ns for path in broken.glob("cells/*/row.json")}
    assert len(rows) == 4
    sweep.sweep(values_of(broken, samples=samples))
    assert (broken / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()
    assert rows == {path: path.stat().st_mtime_ns for path in rows}
    assert len((broken / "results.csv").read_text().splitlines()) == 7


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"grid": "ohem_rato=1"}, "'ohem_rato' is no field of a recipe; accepted are ohem_ratio"),
        ({"grid": "ohem_ratio=0"}, "ohem_ratio is 0.0; accepted is above 0, at most 1"),
        ({"config": "papers"}, "--config=papers; accepted: bundled, own_folder, paper, quick"),
        ({"box_loss": "huber"}, "box_loss is 'huber'; accepted are l2, l1, smooth_l1, wing"),
        ({"cells": "4/3"}, "--cells=4/3; accepted is K/N"),
        ({"evaluate": ["ap"]}, "--evaluate=ap; accepted: wider_face, celeb_a"),
        ({"samples": "/nowhere"}, "/nowhere/pnet/train/patches.npy is missing"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_is_written(
    tmp_path, monkeypatch, capsys, changed, match
):
    values = values_of(tmp_path / "run", **{"samples": "/none", **changed})
    monkeypatch.setattr(sweep.flags, "FLAGS", values)
    assert sweep.main(["sweep"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: ") and match in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert not (tmp_path / "run").exists()
