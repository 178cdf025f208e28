"""Table II in its quick form, with networks that nobody trained."""

import dataclasses
import json
import time

import jax
import numpy as np
import pytest

from data.samples import POSITIVE, load_samples
from experiments.studies import networks, runtime
from experiments.studies.registry import config_of
from experiments.studies.rivals import classify
from experiments.studies.study import make_study
from experiments.training.checkpoints import save_checkpoint
from tests.drawn import save_drawn
from tests.experiments.studies.rivals.drawn import SIZE, noise, untrained


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workdir with what the study of the networks leaves, and networks that nobody trained."""
    workdir = tmp_path_factory.mktemp("studies")
    config = config_of("networks", quick=True, workdir=str(workdir), seeds=(4,))
    for stage, name in classify.RIVALS.items():
        save_drawn(config.samples_folder, stage, each=4)
        run = networks.run_of(config, name, stage, 4)

        shapes = jax.eval_shape(lambda run=run: classify.first_state(run))
        blank = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        params = untrained(blank.params)
        state = blank.replace(params=params, step=np.int32(run.steps))
        save_checkpoint(networks.folder_of(config, run), state)
    settings = {key: value for key, value in dataclasses.asdict(config).items() if key != "workdir"}
    (config.folder / "config.json").write_text(json.dumps(settings))
    return config


@pytest.fixture(scope="module")
def theirs(trained):
    return {
        name: networks.params_of(trained, name, stage) for stage, name in classify.RIVALS.items()
    }


@pytest.fixture
def small(monkeypatch):
    """Pictures of noise, in which detection, which other tests try, finds a face after 2 and 3."""
    monkeypatch.setattr(runtime, "FACES", (0, 5))
    monkeypatch.setattr(runtime, "scene", lambda _, size, faces: noise(size, seed=faces))
    monkeypatch.setattr(runtime.mj, "detect", lambda *_: time.sleep(0.01))
    left = {"pnet": [0] * 3, "rnet": [0] * 2, "onet": [0]}
    monkeypatch.setattr(runtime.mj, "detect_stages", lambda *_: [left])


def test_the_quick_study_times_both_cascades_on_each_picture(trained, small):
    config = config_of("runtime", quick=True, workdir=trained.workdir, resolution=SIZE)
    outcome = make_study(runtime.STUDY, config)
    assert [(row["cascade"], row["faces"]) for row in outcome.rows] == [
        (name, faces) for faces in runtime.FACES for name in (runtime.OURS, runtime.THEIRS)
    ]
    for row in outcome.rows:
        assert row["pictures_per_second"] == pytest.approx(1 / row["seconds"])
        assert 0 < row["least_seconds"] <= row["seconds"]
    ours = [row for row in outcome.rows if row["cascade"] == runtime.OURS]
    assert [row["windows"] for row in ours] == ["3/2/1"] * 2
    assert all(row["seconds"] >= 0.01 for row in ours)
    assert f"{outcome.rows[1]['pictures_per_second']:.1f} |" in outcome.section
    assert "| MTCNN | Nvidia Titan Black | 99 |" in outcome.section
    assert "Pictures of 80x60, faces from 20x20 pixels" in outcome.section
    assert max(map(len, outcome.section.splitlines())) <= 100


def test_thresholds_let_their_share_of_the_validation_faces_pass(trained, theirs):
    for stage, least in zip(runtime.STAGES, runtime.thresholds_of(trained, theirs), strict=True):
        name = classify.RIVALS[stage]
        held = load_samples(trained.samples_folder / stage / "validation")
        faces = held.patches[held.kinds == POSITIVE]
        passed = classify.scores_of(name, theirs[name], faces) > least
        assert np.sum(~passed) == 1  # Of four, that of the lowest score.


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (["pnet"], "config.json tells of no study of all networks; `--study=networks`"),
        (None, "config.json tells of no study of all networks; `--study=networks`"),
    ],
)
def test_without_the_networks_it_says_what_makes_them(tmp_path, stages, words):
    config = config_of("runtime", quick=True, workdir=str(tmp_path / "studies"))
    if stages:
        folder = tmp_path / "studies" / "networks"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"stages": stages}))
    with pytest.raises(FileNotFoundError, match=words):
        make_study(runtime.STUDY, config)
    assert not config.folder.exists()


def test_pictures_too_small_for_the_faces_are_refused(trained):
    config = config_of("runtime", quick=True, workdir=trained.workdir, resolution=(100, 100))
    with pytest.raises(ValueError, match="5 faces in 100 x 100 pixels leave 33 for each"):
        make_study(runtime.STUDY, config)
