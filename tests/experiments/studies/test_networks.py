"""Table I in its quick form: P-Net and the 12-net on the same batches."""

import csv
import dataclasses

import numpy as np
import pytest

from data.samples import NEGATIVE, POSITIVE, save_samples
from experiments.studies import networks
from experiments.studies.registry import config_of
from experiments.studies.rivals import classify
from experiments.studies.study import make_study
from tests.drawn import draw_samples, save_drawn


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The quick study of P-Net's group, with what each step was given."""
    workdir = tmp_path_factory.mktemp("studies")
    save_drawn(workdir / "samples", "pnet", each=16)
    config = config_of(
        "networks", quick=True, workdir=str(workdir), samples=str(workdir / "samples"),
        stages=("pnet",), seeds=(0, 1),
    )  # fmt: skip
    given = []
    with pytest.MonkeyPatch.context() as patch:
        step = classify.train_step

        def told(state, batch, name):
            given.append((name, int(state.step), batch, np.array(state.key), state.recipe))
            return step(state, batch, name)

        patch.setattr(classify, "train_step", told)
        outcome = make_study(networks.STUDY, config)
    return config, given, outcome


def test_both_networks_get_the_same_batches_keys_and_recipe(made):
    config, given, _ = made
    assert len(given) == 2 * len(config.seeds) * config.steps[0]
    theirs, ours = ([one for one in given if one[0] == name] for name in ("net12", "pnet"))
    for first, other in zip(theirs, ours, strict=True):
        assert first[1] == other[1] and first[4] == other[4]
        np.testing.assert_array_equal(first[3], other[3])
        for one, two in zip(first[2], other[2], strict=True):
            np.testing.assert_array_equal(one, two)
    batches = {batch.patches.tobytes() for _, _, batch, *_ in ours}
    assert len(batches) == len(ours)
    kinds = np.array([batch.kinds for _, _, batch, *_ in ours])
    assert (np.sum(kinds == NEGATIVE, 1) == 6).all() and (np.sum(kinds == POSITIVE, 1) == 2).all()


def test_the_section_has_every_run_beside_the_papers_number(made):
    config, _, outcome = made
    assert (config.folder / "section.md").read_text() == outcome.section
    accuracy = [row for row in outcome.rows if "accuracy" in row]
    assert [(row["network"], row["seed"]) for row in accuracy] == [
        ("net12", 0), ("net12", 1), ("pnet", 0), ("pnet", 1)
    ]  # fmt: skip
    each = " / ".join(f"{row['accuracy']:.2f}" for row in accuracy[:2])
    mean = np.mean([row["accuracy"] for row in accuracy[:2]])
    assert f"| 12-net | 64 | {mean:.2f} | {each} | 94.4 |" in outcome.section
    assert "| P-Net over 12-net |" in outcome.section and "| +0.2 |" in outcome.section
    assert max(map(len, outcome.section.splitlines())) <= 100


def test_times_are_of_both_networks_and_batches(made):
    with (made[0].folder / "results.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["median"]]
    assert {(row["network"], row["arrangement"], row["windows"]) for row in rows} == {
        (name, kind, batch)
        for name, kind in (("net12", "plain"), ("pnet", "plain"), ("pnet", "arranged"))
        for batch in ("1", "32")
    }
    assert all(0 < float(row["median"]) < 60 for row in rows)
    plain = {
        (row["network"], row["windows"]): float(row["median"])
        for row in rows
        if row["arrangement"] == "plain"
    }
    ratios = [plain["pnet", batch] / plain["net12", batch] for batch in ("1", "32")]
    line = f"| P-Net over 12-net | {ratios[0]:.2f} | {ratios[1]:.2f} | 0.82 |"
    assert line in made[2].section


def test_a_finished_run_is_not_run_again(made, monkeypatch):
    config, _, _ = made
    monkeypatch.setattr(classify, "train_step", None)
    monkeypatch.setattr(networks, "time_passes", lambda *_, **__: {})
    monkeypatch.setattr(networks.table_one, "ratios", lambda *_: "")
    again = networks.run(config)
    assert again.rows == [row for row in made[2].rows if "accuracy" in row]


def test_a_run_that_was_stopped_goes_on(made, tmp_path, monkeypatch):
    config, _, _ = made
    run = networks.run_of(config, "pnet", "pnet", 1)
    samples = networks.samples_of(config, "pnet", "train")
    monkeypatch.setattr(classify, "CHECKPOINT_EVERY", 2)
    step = classify.train_step

    def killed(state, batch, name):
        if int(state.step) == 2:
            raise KeyboardInterrupt
        return step(state, batch, name)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(classify, "train_step", killed)
        classify.fit(run, samples, tmp_path)
    params = classify.fit(run, samples, tmp_path)
    whole = classify.stopped(run, networks.folder_of(config, run)).params
    np.testing.assert_array_equal(params["prob"]["kernel"], whole["prob"]["kernel"])


def test_a_loss_that_is_no_number_ends_it(made, tmp_path, monkeypatch):
    config, _, _ = made
    run = networks.run_of(config, "pnet", "pnet", 0)
    samples = networks.samples_of(config, "pnet", "train")
    monkeypatch.setattr(classify, "train_step", lambda state, *_: (state, np.nan))
    with pytest.raises(FloatingPointError, match="the loss of pnet is nan by step 3"):
        classify.fit(run, samples, tmp_path)


def test_accuracy_is_measured_on_three_negatives_for_each_face():
    samples = draw_samples("pnet", each=10)
    held = classify.judged(samples, 6)
    assert np.sum(held.kinds == POSITIVE) == 6 and np.sum(held.kinds == NEGATIVE) == 18
    assert len(classify.judged(samples, 99).kinds) == 40


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"samples": ""}, "--data_dir and --samples are empty; accepted is the folder of prepared"),
        ({"samples": "", "data_dir": "none_such"}, "none_such"),
        ({"samples": "none_such"}, "none_such/pnet/train/patches.npy is missing"),
        ({"stages": ("rnet",)}, "rnet/train/patches.npy is missing"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_written(made, tmp_path, changed, words):
    config = dataclasses.replace(made[0], workdir=str(tmp_path / "new"), **changed)
    with pytest.raises((OSError, ValueError), match=words):
        make_study(networks.STUDY, config)
    assert not (tmp_path / "new").exists()


def test_samples_without_faces_are_refused(made, tmp_path):
    samples = draw_samples("pnet", each=2)
    kept = samples.kinds != POSITIVE
    for split in networks.SPLITS:
        part = type(samples)(*(field[kept] for field in samples))
        save_samples(tmp_path / "pnet" / split, part, {"stage": "pnet"})
    config = dataclasses.replace(made[0], samples=str(tmp_path), workdir=str(tmp_path / "new"))
    with pytest.raises(ValueError, match="0 faces and 6 negatives are there to measure accuracy"):
        networks.check(config)


def test_runtime_is_told_which_run_is_missing(made):
    config, _, _ = made
    assert networks.params_of(config, "net12", "pnet")["prob"]["kernel"].shape == (1, 1, 16, 2)
    with pytest.raises(FileNotFoundError, match="runs/net24-0 holds no finished run of 3 steps"):
        networks.params_of(config, "net24", "rnet")
