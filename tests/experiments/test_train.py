"""The command that trains: its flags, checked one by one before anything is done."""

import dataclasses
import json
import subprocess
import sys
import types

import pytest

from experiments import train
from experiments.recipes.fields import FIELDS, as_text, parse, pick
from experiments.training import settings as train_settings
from experiments.training.cascade import STAGES
from tests import ROOT
from tests.drawn import save_drawn
from tests.experiments.flag_values import flag_values, run_of


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "experiments.train", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_a_short_run_and_then_a_flag_that_is_wrong(tmp_path):
    samples = save_drawn(tmp_path / "samples", "pnet", each=2)
    flags = ["--stage=pnet", f"--samples={samples}", f"--workdir={tmp_path / 'run'}"]
    flags += ["--steps=2", "--batch_size=7", "--augment=none"]
    flags += ["--log_every=1", "--scan_steps=1", "--evaluate_every=0", "--checkpoint_every=2"]
    done = command(*flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "run" / "pnet" / "pnet.npz")
    assert "pnet warms up for 0 steps: a run of 2 has no room for 200" in done.stderr
    names = {path.name for path in (tmp_path / "run" / "pnet").iterdir()}
    assert names == {"checkpoints", "config.json", "curves.png", "metrics.jsonl", "pnet.npz"}
    wrong = command(*flags, "--ohem_ratio=1.5", f"--workdir={tmp_path / 'other'}")
    assert wrong.returncode == 2
    assert "error: ohem_ratio is 1.5; accepted is above 0, at most 1" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert not (tmp_path / "other").exists()


def test_what_a_run_leaves_trains_the_same_again(tmp_path, monkeypatch):
    run = run_of(flag_values("before", seed=3, ohem_ratio="0.5,0.6,0.7", augment=None), "rnet")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(dataclasses.asdict(run)))
    trained = []

    class Told:
        def __init__(self, config):
            trained.append(config)

        def fit(self):
            return tmp_path / "rnet.npz"

    monkeypatch.setattr(train, "Run", Told)
    monkeypatch.setattr(train, "save_curves", lambda folder: None)
    nothing = dict.fromkeys((*FIELDS, "mine"))
    places = {"config": str(path), "stage": "rnet", "workdir": "again", "samples": ""}
    train.train(types.SimpleNamespace(**{**nothing, **places}))
    train.train(types.SimpleNamespace(**{**nothing, **places, "steps": "9"}))
    assert trained[0] == run.placed("again", "before/samples")
    assert trained[1].recipe == dataclasses.replace(run.recipe, steps=9)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"steps": ["x"]}, "--steps=x; accepted: whole numbers"),
        ({"steps": ["2.5"]}, "--steps=2.5; accepted: whole numbers"),
        ({"steps": ["0"]}, "steps is 0; accepted is 1 or more"),
        ({"steps": ["4", "4"]}, "--steps=4,4; accepted: one number"),
        ({"batch_size": ["many"]}, "--batch_size=many; accepted: whole numbers"),
        ({"batch_size": ["-7"]}, "batch_size is -7; accepted is 1 or more"),
        ({"learning_rate": ["fast"]}, "--learning_rate=fast; accepted: numbers"),
        ({"learning_rate": ["nan"]}, "learning_rate is nan; accepted is a number above 0"),
        ({"warmup_steps": 4}, "warmup_steps is 4; accepted is 0 or more and less than steps"),
        ({"optimizer": "adam"}, "optimizer is 'adam'; accepted are muon, adamw, sgd"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0; accepted is a number of 0 or more"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0; accepted is a number of 0 or more"),
        ({"face_iou": ["0.7"]}, "face_iou is 0.7; accepted is 0.4 to 0.65"),
        ({"graded_from": ["0.65"]}, "graded_from is 0.65; accepted is 0 or more and less than"),
        ({"ohem_ratio": 0.0}, "ohem_ratio is 0.0; accepted is above 0, at most 1"),
        ({"box_loss": "huber"}, "box_loss is 'huber'; accepted are l2, l1, smooth_l1, wing"),
        ({"landmark_loss": "huber"}, "landmark_loss is 'huber'; accepted are l2"),
        ({"dropout": 1.0}, "dropout is 1.0; accepted is 0 or more, below 1"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0; accepted is 0 or more, below 1"),
        ({"compute_dtype": "float16"}, "compute_dtype is 'float16'; accepted are float32"),
        ({"augment": "grey=1,blur=0"}, "is written --augment_grey=1 --augment_blur=0 now"),
        ({"augment": "grey"}, "--augment=grey; accepted: default, none"),
        ({"augment": None, "augment_grey": "much"}, "--augment_grey=much; accepted: numbers"),
        ({"augment": None, "augment_grey": "2"}, "augment_grey is 2.0; accepted is 0 to 1"),
        ({"augment_grey": "1"}, "augment_grey is given, and onet is not augmented; accepted"),
        ({"ratio": "3:1"}, "ratio is 3.0:1.0; accepted are four numbers"),
        ({"ratio": "a:b:c:d"}, "--ratio=a:b:c:d; accepted: four numbers such as 3:1:1:2"),
        ({"seed": -1}, "seed is -1; accepted is 0 or more"),
        ({"log_every": 0}, "log_every is 0; accepted is 1 or more"),
        ({"evaluate_every": -1}, "evaluate_every is -1; accepted is 0 or more"),
        ({"checkpoint_every": 0}, "checkpoint_every is 0; accepted is 1 or more"),
        ({"scan_steps": 0}, "scan_steps is 0; accepted is 1 or more"),
        ({"scan_steps": 3}, "log_every is 1; accepted are multiples of scan_steps, 3"),
        ({"validation_samples": 0}, "validation_samples is 0; accepted is 1 or more"),
        ({"samples": "/nowhere"}, r"/nowhere/onet/train/patches.npy is missing"),
    ],
)
def test_wrong_flags_end_it_with_a_word(tmp_path, monkeypatch, capsys, changed, match):
    fine = {"stage": "onet", "steps": ["4"], "samples": "/none"}
    values = flag_values(tmp_path / "run", **{**fine, **changed})
    monkeypatch.setattr(train.flags, "FLAGS", values)
    assert train.main(["train"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: ")
    assert match in told.err
    assert told.out == ""
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_ends_it_with_a_word(tmp_path, monkeypatch, capsys):
    samples = save_drawn(tmp_path / "samples", "pnet", each=2)
    small = {"steps": ["8"], "warmup_steps": 0, "batch_size": ["7"], "learning_rate": ["1e30"]}
    short = {"log_every": 1, "scan_steps": 1, "evaluate_every": 0, "checkpoint_every": 8}
    values = flag_values(tmp_path, stage="pnet", samples=str(samples), **small, **short)
    values.optimizer = "sgd"
    monkeypatch.setattr(train.flags, "FLAGS", values)
    assert train.main(["train"]) == 2
    told = capsys.readouterr().err
    assert "error: the loss of pnet is" in told and "a lower --learning_rate may help" in told


@pytest.mark.parametrize(
    ("stage", "init", "warned"),
    [("rnet", "", True), ("onet", "", True), ("onet", "bundled", False), ("pnet", "", False)],
)
def test_a_stage_alone_says_that_its_recipe_goes_on_from_another(
    tmp_path, monkeypatch, capsys, stage, init, warned
):
    told = []
    monkeypatch.setattr(train.logging, "warning", lambda text, *a: told.append(text % a))
    fit = types.SimpleNamespace(fit=lambda: tmp_path / f"{stage}.npz")
    monkeypatch.setattr(train, "Run", lambda config: fit)
    monkeypatch.setattr(train, "save_curves", lambda folder: None)
    short = {"steps": "4", "config": "bundled", "init": init or None}
    values = flag_values(tmp_path, stage=stage, **short)
    train.train(values)
    assert [f"recipe's {stage} goes on from a run" in line for line in told] == [True] * warned
    assert str(tmp_path / f"{stage}.npz") in capsys.readouterr().out


def test_words_that_are_no_flags_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train.flags, "FLAGS", flag_values(tmp_path / "run", stage="onet"))
    assert train.main(["train", "onet"]) == 2
    assert "['onet'] is not part of a flag" in capsys.readouterr().err


def test_numbers_are_one_for_all_stages_or_one_each(tmp_path):
    defaults = flag_values(tmp_path, steps=None, warmup_steps=None)
    assert [run_of(defaults, stage).recipe.steps for stage in STAGES] == [
        train_settings.DEFAULTS[stage]["steps"] for stage in STAGES
    ]
    assert [pick("steps", "7", stage, STAGES) for stage in STAGES] == [7, 7, 7]
    assert [pick("steps", "1,2,3", stage, STAGES) for stage in STAGES] == [1, 2, 3]
    assert pick("steps", "9", "rnet", ["rnet"]) == 9
    kinds = [pick("auxiliary_landmarks", "true,False,true", stage, STAGES) for stage in STAGES]
    assert kinds == [True, False, True]
    assert pick("ratio", "3:1:1:0,3:1:1:0,3:1:1:2", "onet", STAGES) == (3, 1, 1, 2)


def test_an_optimiser_has_its_own_rates(tmp_path):
    def rates(**changed):
        values = flag_values(tmp_path, **changed)
        configs = [run_of(values, stage) for stage in STAGES]
        return [config.recipe.learning_rate for config in configs]

    assert rates() == rates(optimizer="muon") == [0.01, 0.01, 0.003]
    assert rates(optimizer="adamw") == [0.001] * 3
    assert rates(optimizer="adamw", learning_rate=["0.1", "0.2", "0.3"]) == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("steps", "given", "taken"),
    [
        (60, None, 6),
        (200, None, 20),
        (201, None, 200),
        (5000, None, 200),
        (60, 59, 59),
        (1, None, 0),
    ],
)
def test_a_short_run_warms_up_for_a_tenth_and_says_so(tmp_path, monkeypatch, steps, given, taken):
    told = []
    monkeypatch.setattr(train_settings.logging, "info", lambda text, *a: told.append(text % a))
    values = flag_values(tmp_path, steps=[str(steps)], warmup_steps=given)
    assert run_of(values, "onet", ["onet"]).recipe.warmup_steps == taken
    short = f"onet warms up for {taken} steps: a run of {steps} has no room for 200"
    assert told == ([short] if given is None and steps <= 200 else [])


def test_settings_of_augmentation(tmp_path):
    def augment(**changed):
        return run_of(flag_values(tmp_path, **changed), "onet").recipe.augment

    default = train_settings.AUGMENTS["onet"]
    assert augment(augment="none") is None
    assert augment(augment="default") == augment(augment=None) == default
    found = augment(augment=None, augment_grey="0", augment_blur="0.3,0.4,0.75")
    assert (found.grey, found.blur, found.noise) == (0, 0.75, default.noise)
    assert isinstance(found.grey, float)


def test_a_ratio_is_four_numbers():
    assert parse("ratio", "3:1:1:2") == (3, 1, 1, 2)
    assert parse("ratio", "1.5:0:0:1") == (1.5, 0, 0, 1)
    assert parse("ratio", as_text((0.1, 1 / 3, 1, 2))) == (0.1, 1 / 3, 1, 2)


def test_flags_reach_the_config(tmp_path):
    values = flag_values(
        tmp_path,
        steps=["50", "60", "70"],
        face_iou=["0.65", "0.5", "0.4"],
        dropout=0.3,
        box_loss="l1",
        ratio="2:1:1:1",
        seed=4,
    )
    pnet, rnet = (run_of(values, stage) for stage in ("pnet", "rnet"))
    assert (pnet.recipe.steps, rnet.recipe.steps) == (50, 60)
    assert (pnet.recipe.face_iou, rnet.recipe.face_iou) == (0.65, 0.5)
    assert (pnet.recipe.dropout, rnet.recipe.dropout) == (0, 0.3)
    assert (rnet.recipe.box_loss, rnet.ratio, rnet.seed) == ("l1", (2, 1, 1, 1), 4)
    assert rnet.recipe.augment is None
    assert rnet.samples == f"{tmp_path}/samples"
