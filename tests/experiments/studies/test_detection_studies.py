"""The quick forms of the studies that are judged by detection: arms differ in one field alone.

Samples, proposed windows and pictures are drawn here; P-Net and O-Net are trained.
"""

import csv
import dataclasses
import pathlib

import numpy as np
import pytest

from data import records
from data.samples import save_samples
from experiments.evaluation.protocols.wider_truth import LEVELS, Truth
from experiments.studies import joint_alignment, ohem, sources
from experiments.studies.arms import detections, judges
from experiments.studies.registry import STUDIES, config_of
from experiments.studies.study import make_study
from experiments.sweeps import cells
from experiments.training import loop
from tests.drawn import draw_samples
from tests.experiments.studies.arms.test_detections import plain_pictures

SEEDS = (0, 1, 2)


def propose(params, images, config, *, until):
    """Windows about the face and elsewhere, with scores of no meaning."""
    rng = np.random.default_rng(0)
    corners = np.concatenate([rng.uniform(8, 12, (4, 2)), rng.uniform(0, 60, (4, 2))])
    rows = np.concatenate([corners, corners + 30, rng.uniform(0.1, 1, (8, 1))], axis=1)
    return [{until: rows.astype(np.float32)} for _ in images]


def mine(config, stage, params, output, *, split, judge=None):
    """Drawn samples, others for other settings."""
    if not pathlib.Path(output).exists():
        seed = [split == "train", config.random_windows, judge is not None]
        save_samples(output, draw_samples(stage, each=6, seed=seed), {"stage": stage})


def count(state, batch):
    """A step that learns nothing: the many arms of a study take a minute to compile."""
    return state.replace(step=state.step + 1), {"loss": np.float32(1), "recall": np.float32(0)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function that makes a study once, and tells what each of its steps was given."""
    workdir, kept = tmp_path_factory.mktemp("studies"), {}
    pictures = plain_pictures(4)
    names = [picture.name.rsplit(".", 1)[0] for picture in pictures]
    face = Truth(np.array([[10.0, 10, 30, 30]]), dict.fromkeys(LEVELS, np.ones(1, bool)))
    opened = pictures, dict.fromkeys(names, face), names

    def make(name):
        if name in kept:
            return kept[name]
        given, step = [], count if name == "sources" else loop.train_step

        def told(state, batch):
            params = None if state.step else [np.array(one) for one in _leaves(state.params)]
            given.append((state.recipe, int(state.step), np.array(state.key), params, batch))
            return step(state, batch)

        patch = pytest.MonkeyPatch()
        with patch.context() as patch:
            patch.setattr(loop, "train_step", told)
            patch.setattr(loop, "validate", lambda *_: {"accuracy": 0.5})
            patch.setattr(detections, "stages_by_bucket", propose)
            patch.setattr(judges.wider, "open_data", lambda settings: opened)
            patch.setattr(records, "read_pictures", lambda *_, **__: pictures)
            patch.setattr(cells, "mine_stage", mine)
            patch.setattr(sources, "mine_stage", mine)
            config = config_of(
                name, quick=True, workdir=str(workdir), data_dir="DATA", truth_dir="TRUTH"
            )
            kept[name] = config, given, make_study(STUDIES[name], config)
        return kept[name]

    return make


def _leaves(tree):
    if not isinstance(tree, dict):
        return [tree]
    return [leaf for key in sorted(tree) for leaf in _leaves(tree[key])]


@pytest.mark.parametrize(
    ("name", "field", "arms"),
    [
        ("ohem", "ohem_ratio", ohem.ARMS),
        pytest.param(
            *("joint_alignment", "landmark_weight", joint_alignment.ARMS), marks=pytest.mark.slow
        ),
    ],
)
def test_arms_differ_in_the_field_alone(made, name, field, arms):
    config, given, _ = made(name)
    assert config.seeds == SEEDS
    steps = next(iter(given))[0].steps
    assert len(given) == len(arms) * len(SEEDS) * steps
    values = [float(arm.changes[field]) for arm in arms]
    runs = [given[start : start + steps] for start in range(0, len(given), steps)]
    for first, other in zip(runs[::2], runs[1::2], strict=True):
        assert [getattr(run[0][0], field) for run in (first, other)] == values
        for one, two in zip(first, other, strict=True):
            assert one[1] == two[1]
            assert dataclasses.replace(one[0], **{field: 1.0}) == dataclasses.replace(
                two[0], **{field: 1.0}
            )
            np.testing.assert_array_equal(one[2], two[2])
            for a, b in zip(one[4], two[4], strict=True):
                np.testing.assert_array_equal(a, b)
        for a, b in zip(first[0][3], other[0][3], strict=True):
            np.testing.assert_array_equal(a, b)
    keys = {run[0][2].tobytes() for run in runs}
    assert len(keys) == len(SEEDS)


@pytest.mark.parametrize("name", ["ohem", "joint_alignment"])
def test_the_section_has_curves_and_verdicts(made, name):
    config, _, outcome = made(name)
    assert (config.folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert f"({name}.png)" in outcome.section
    assert "| AP easy | " in outcome.section and "difference" in outcome.section
    assert max(map(len, outcome.section.splitlines())) <= 100
    with (config.folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    arms = 3 if name == "joint_alignment" else 2
    assert len(rows) == arms * len(SEEDS)
    assert all(0 <= float(row["easy"]) <= 1 for row in rows)


def test_the_third_curve_has_the_scores_of_one_and_the_boxes_of_the_other(made, monkeypatch):
    config, _, _ = made("joint_alignment")
    scores = {"without": 0.3, "joint": 0.6}

    def look(stage, nets, before, pictures):
        one = detections.Outputs(np.array([[0, 0, 20, 20]], np.float32), (90, 90), None, None)
        return {
            (arm, number): [
                one._replace(
                    scores=np.float32([scores[arm]]),
                    offsets=np.full((1, 4), 0.0 if arm == "joint" else 0.5, np.float32),
                )
            ]
            for arm, number in nets
        }

    monkeypatch.setattr(joint_alignment, "look_at_windows", look)
    nets = {arm: [None] * 3 for arm in scores}
    judge = judges.WiderFace.__new__(judges.WiderFace)
    judge.pictures = []
    found = joint_alignment.detections(config, nets, judge)
    (mixed,) = found[joint_alignment.MIXED][0]
    np.testing.assert_allclose(mixed.scores, [0.6])
    np.testing.assert_allclose(mixed.boxes, [[10, 10, 30, 30]])


def test_sources_differ_in_one_thing_each(made):
    config, given, outcome = made("sources")
    first = [one for one in given if one[1] == 0 and one[0].steps == config.steps[0]]
    assert len(first) == len(sources.ARMS) * len(SEEDS)
    for row, arm in enumerate(sources.ARMS):
        of_default = first[0][4].patches
        assert first[row][4].patches.shape == of_default.shape
        for a, b in zip(first[0][3], first[row][3], strict=True):
            np.testing.assert_array_equal(a, b)
        if not {"ratio", "mine_random_windows"} & {*arm.changes}:
            np.testing.assert_array_equal(first[row][4].patches, of_default)
    for title in sources.TITLES.values():
        assert f"| {title} |" in outcome.section
    assert max(map(len, outcome.section.splitlines())) <= 100


def test_a_second_round_starts_from_the_first(made):
    config, given, _ = made("sources")
    later = [one for one in given if one[1] == 0 and one[0].steps == config.steps[0] // 2]
    assert len(later) == 2 * len(SEEDS)
    for again, hard in zip(later[: len(SEEDS)], later[len(SEEDS) :], strict=True):
        for a, b in zip(again[3], hard[3], strict=True):
            np.testing.assert_array_equal(a, b)
        assert (np.array(again[4].patches) != np.array(hard[4].patches)).any()


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        ("ohem", {"data_dir": ""}, "--data_dir is empty; accepted is the folder of prepared"),
        ("ohem", {"truth_dir": ""}, "--truth_dir is not given"),
        ("sources", {"stages": ("pnet", "rnet")}, "stages has pnet; accepted are rnet and onet"),
        ("sources", {"samples": "S"}, "--samples is given; accepted is none"),
    ],
)
def test_what_a_study_needs_is_asked_for(tmp_path, monkeypatch, name, changed, words):
    monkeypatch.setattr(records, "read_pictures", lambda *_, **__: [])
    given = {"data_dir": "D", "truth_dir": "T", "workdir": str(tmp_path / "new"), **changed}
    with pytest.raises(ValueError, match=words):
        make_study(STUDIES[name], config_of(name, quick=True, **given))
    assert not (tmp_path / "new").exists()
