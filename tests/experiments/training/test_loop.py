"""Whole runs of a stage on drawn samples: files, going on after a kill, several devices."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from data.samples import LANDMARK, load_samples, save_samples
from experiments.training import loop
from experiments.training.checkpoints import checkpoint_steps
from experiments.training.config import TrainConfig
from experiments.training.loop import Run
from experiments.training.metrics import read_metrics
from mtcnn_jax import load_params
from mtcnn_jax.training.augment import AugmentConfig
from mtcnn_jax.training.recipe import Recipe
from tests import ROOT
from tests.conftest import FLAGS
from tests.drawn import draw_samples, save_drawn

STEPS = 24

PROGRAM = """
import sys
import jax
from experiments.training.loop import fit
from tests.experiments.training.test_loop import make

print(jax.local_device_count(), flush=True)
fit(make(sys.argv[1], sys.argv[2]))
"""


def make(samples, workdir, **changed):
    """A short run of P-Net, augmented, with averaged weights and a checkpoint every other step."""
    augment = AugmentConfig(blur=0.0, occlusion=0.0)
    recipe = Recipe(
        "pnet", STEPS, learning_rate=1e-3, warmup_steps=3, ema_decay=0.9, augment=augment
    )
    settings = {
        "recipe": recipe,
        "batch_size": 28,
        "log_every": 1,
        "evaluate_every": 8,
        "checkpoint_every": 2,
        "scan_steps": 1,
        "seed": 5,
    }
    return TrainConfig(samples=str(samples), workdir=str(workdir), **{**settings, **changed})


def start_process(samples, workdir, **variables):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, samples, workdir],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return save_drawn(tmp_path_factory.mktemp("samples"), "pnet")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, samples):
    """The folder of a run that went through."""
    config = make(samples, tmp_path_factory.mktemp("run"))
    assert loop.fit(config) == config.weights
    return config


def rows(config, split="train"):
    return [row for row in read_metrics(config.folder / "metrics.jsonl") if row["split"] == split]


def assert_same_weights(one, two):
    one, two = (np.load(config.weights) for config in (one, two))
    assert set(one.files) == set(two.files)
    for name in one.files:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


class TestFiles:
    def test_the_folder_holds_what_a_run_is(self, finished):
        names = sorted(path.name for path in finished.folder.iterdir())
        assert names == ["checkpoints", "config.json", "metrics.jsonl", "pnet.npz"]
        assert checkpoint_steps(finished.folder / "checkpoints") == [STEPS - 2, STEPS]
        assert set(load_params(finished.weights, stages=("pnet",))) == {"pnet"}

    def test_the_config_is_written_in_full(self, finished):
        found = json.loads((finished.folder / "config.json").read_text())
        assert found == json.loads(json.dumps(dataclasses.asdict(finished)))
        assert found["recipe"]["augment"]["grey"] == 0.35
        assert found["seed"] == 5

    def test_metrics_have_a_line_for_every_lap(self, finished):
        train, validation = rows(finished), rows(finished, "validation")
        assert [row["step"] for row in train] == list(range(1, STEPS + 1))
        assert [row["step"] for row in validation] == [8, 16, 24]
        losses = {"loss", "classification", "box", "landmarks"}
        rates = {"samples_per_second", "waiting", "learning_rate", "gradient_norm"}
        assert set(train[0]) == {"step", "split", "accuracy", "recall"} | losses | rates
        measured = {"accuracy", "recall", "recall_at_fpr", "box_error", "landmark_error"}
        assert set(validation[0]) == {"step", "split"} | measured
        assert train[2]["learning_rate"] == pytest.approx(2e-3 / 3)
        # Nothing is measured over the first step, which is compiled.
        assert all(row["samples_per_second"] > 0 <= row["waiting"] for row in train[1:])

    def test_a_finished_run_started_again_is_left_as_it_is(self, finished):
        content = finished.weights.read_bytes()
        lines = (finished.folder / "metrics.jsonl").read_text()
        assert loop.fit(finished) == finished.weights
        assert finished.weights.read_bytes() == content
        assert (finished.folder / "metrics.jsonl").read_text() == lines


class TestGoingOn:
    def test_killed_at_any_moment_it_ends_with_the_same_bits(self, tmp_path, samples, finished):
        config = make(samples, tmp_path)
        process = start_process(samples, tmp_path, XLA_FLAGS=FLAGS)  # Or the bits would differ.
        path = config.folder / "metrics.jsonl"
        while len(read_metrics(path)) < 7 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors
        assert not config.weights.exists()
        left = checkpoint_steps(config.folder / "checkpoints")
        assert left
        assert 0 < left[-1] < STEPS
        run = Run(config)
        assert int(run.state.step) == left[-1]
        run.fit()
        assert_same_weights(config, finished)
        names = ("step", "loss", "landmarks", "gradient_norm")
        for one, two in zip(rows(config), rows(finished), strict=True):
            assert [one[name] for name in names] == [two[name] for name in names]
        assert rows(config, "validation") == rows(finished, "validation")

    def test_with_other_settings_it_is_refused(self, tmp_path, samples, finished):
        for changed, match in (
            ({"seed": 6}, "seed was 5, is 6"),
            ({"batch_size": 56}, "batch_size was 28, is 56"),
            (
                {"recipe": dataclasses.replace(finished.recipe, box_loss="l1")},
                "recipe.box_loss was 'l2', is 'l1'",
            ),
            (
                {"recipe": dataclasses.replace(finished.recipe, steps=2 * STEPS)},
                f"recipe.steps was {STEPS}, is {2 * STEPS}",
            ),
            ({"init": str(finished.weights)}, r"init was None, is '\w+'"),
        ):
            config = dataclasses.replace(finished, **changed)
            told = rf"pnet holds a run with other settings \({match}\); accepted are the same ones"
            with pytest.raises(ValueError, match=told):
                Run(config)

    def test_with_other_samples_it_is_refused(self, tmp_path, finished):
        drawn = draw_samples("pnet", each=8)
        drawn.boxes[8 * 3, 0] += 0.01
        save_samples(tmp_path / "pnet" / "train", drawn, {})
        save_samples(tmp_path / "pnet" / "validation", drawn, {})
        config = dataclasses.replace(finished, samples=str(tmp_path))
        with pytest.raises(
            ValueError, match=r"settings \(samples.digest was '\w+', is '\w+'\); acc"
        ):
            Run(config)

    def test_where_nothing_tells_of_the_samples_it_goes_on(self, tmp_path, finished):
        shutil.copytree(finished.folder, tmp_path / "pnet")
        origin = tmp_path / "pnet" / "checkpoints" / "origin.json"
        origin.unlink()
        config = dataclasses.replace(finished, workdir=str(tmp_path))
        assert int(Run(config).state.step) == STEPS
        assert origin.exists()

    @pytest.mark.parametrize("name", ["config.json", "checkpoints/origin.json"])
    def test_a_broken_description_is_named(self, tmp_path, finished, name):
        shutil.copytree(finished.folder, tmp_path / "pnet")
        (tmp_path / "pnet" / name).write_text("{")
        config = dataclasses.replace(finished, workdir=str(tmp_path))
        with pytest.raises(ValueError, match=f"pnet/{name} is no whole JSON object"):
            Run(config)

    def test_from_a_damaged_checkpoint_it_goes_on_from_the_one_before(self, tmp_path, finished):
        config = dataclasses.replace(finished, workdir=str(tmp_path))
        shutil.copytree(finished.folder, config.folder)
        arrays = config.folder / "checkpoints" / f"{STEPS:08d}" / "state" / "d"
        for path in arrays.iterdir():
            path.write_bytes(path.read_bytes()[:-1] + b"?")
        config.weights.unlink()
        run = Run(config)
        assert int(run.state.step) == STEPS - 2
        run.fit()
        assert_same_weights(config, finished)

    def test_folders_may_lie_elsewhere_then(self, tmp_path, samples, finished):
        moved, workdir = tmp_path / "moved", tmp_path / "run"
        shutil.copytree(finished.folder, workdir / "pnet")
        for split in ("train", "validation"):
            save_samples(moved / "pnet" / split, load_samples(samples / "pnet" / split), {})
        config = dataclasses.replace(finished, samples=str(moved), workdir=str(workdir))
        assert int(Run(config).state.step) == STEPS


def test_on_four_devices_the_losses_are_those_on_one(tmp_path, samples, finished):
    config = make(samples, tmp_path)
    process = start_process(samples, tmp_path, XLA_FLAGS="--xla_force_host_platform_device_count=4")
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert output.split() == ["4"]
    for one, four in zip(rows(finished), rows(config), strict=True):
        for name in ("loss", "classification", "box", "landmarks"):
            assert four[name] == pytest.approx(one[name], rel=1e-3), (one["step"], name)


def test_samples_kept_on_the_device_give_the_same_run(tmp_path, samples, finished, monkeypatch):
    """Several steps a dispatch; the last of them, of 4 steps, is a short one."""
    monkeypatch.setattr(Run, "resident", True)
    every = {"scan_steps": 10, "log_every": 10, "evaluate_every": 0, "checkpoint_every": 10}
    config = make(samples, tmp_path, **every)
    loop.fit(config)
    found = rows(config)
    assert [row["step"] for row in found] == [10, 20, 24]
    plain = [row["loss"] for row in rows(finished)]
    expected = [np.mean(plain[:10]), np.mean(plain[10:20]), np.mean(plain[20:])]
    np.testing.assert_allclose([row["loss"] for row in found], expected, rtol=1e-3)
    content = config.weights.read_bytes()
    loop.fit(config)
    assert config.weights.read_bytes() == content


def test_a_run_starts_from_given_weights(tmp_path, samples, finished):
    config = make(samples, tmp_path, init=str(finished.weights))
    given = load_params(finished.weights, stages=("pnet",))["pnet"]
    found = Run(config).state.params["pnet"]
    np.testing.assert_array_equal(found["conv1"]["kernel"], given["conv1"]["kernel"])


def test_a_loss_that_is_no_number_ends_the_run(tmp_path, samples, monkeypatch):
    broken = {"loss": np.array(np.nan), "recall": np.array(0.0)}
    monkeypatch.setattr(loop, "train_step", lambda state, batch: (state, broken))
    with pytest.raises(FloatingPointError, match="the loss of pnet is nan by step 1; a lower"):
        loop.fit(make(samples, tmp_path))


def test_ctrl_c_ends_the_run_between_two_steps(tmp_path, samples, monkeypatch):
    means, done = {"loss": np.array(1.0), "recall": np.array(0.0)}, []

    def step(state, batch):
        done.append("begun")
        if len(done) == 3:
            signal.raise_signal(signal.SIGINT)
        done.append("ended")
        return state, means

    monkeypatch.setattr(loop, "train_step", step)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(make(samples, tmp_path, checkpoint_every=STEPS))
    assert done == ["begun", "ended"] * 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class TestBeforeTheFirstStep:
    def test_missing_samples_are_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"none/pnet/train/patches.npy is missing"):
            Run(make(tmp_path / "none", tmp_path / "run"))
        assert not (tmp_path / "run").exists()

    def test_samples_of_another_stage_are_named(self, tmp_path):
        save_samples(tmp_path / "s" / "pnet" / "train", draw_samples("rnet", each=1), {})
        with pytest.raises(ValueError, match="patches of side 32; accepted for pnet is 16"):
            Run(make(tmp_path / "s", tmp_path / "run"))
        assert not (tmp_path / "run").exists()

    def test_a_kind_without_samples_is_named(self, tmp_path):
        drawn = draw_samples("pnet", each=2)
        kept = drawn.kinds != LANDMARK
        part = type(drawn)(*(field[kept] for field in drawn))
        save_samples(tmp_path / "s" / "pnet" / "train", part, {})
        with pytest.raises(ValueError, match="there is no landmark sample"):
            Run(make(tmp_path / "s", tmp_path / "run"))
        assert not (tmp_path / "run").exists()

    def test_weights_that_are_not_there_are_named(self, tmp_path, samples):
        with pytest.raises(FileNotFoundError, match=r"nothing.npz"):
            Run(make(samples, tmp_path / "run", init=str(tmp_path / "nothing.npz")))
        assert not (tmp_path / "run").exists()
