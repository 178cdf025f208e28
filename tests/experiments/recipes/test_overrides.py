"""Fields by name: every one can be changed, and means what it is called."""

import dataclasses

import pytest

from experiments.recipes.fields import FIELDS, as_text, check_name
from experiments.recipes.files import read_recipe
from experiments.recipes.overrides import override
from experiments.training.cascade import STAGES
from experiments.training.settings import default_config

OTHERS = {
    **{"augment": "none", "optimizer": "sgd", "box_loss": "l1", "landmark_loss": "wing"},
    **{"compute_dtype": "bfloat16", "ratio": "1:1:1:1", "face_iou": "0.5", "dropout": "0.25"},
    **{"mine_thresholds": "0.25:0.5", "windows_per_picture": "500,40", "plain": "0.5"},
    **{"final_windows": "800:60:4", "init": "bundled", "data_dir": "DATA", "mine_wider": ""},
    **{"mine_celeb": "celeb_a", "log_every": "20", "evaluate_every": "200", "scan_steps": "2"},
    **{"checkpoint_every": "500", "auxiliary_landmarks": "false"},
    **{"steps": "700", "mine_min_face_size": "20", "mine_random_windows": "true"},
    **{"mine_about_faces": "true"},
}
"""Texts that differ from the default; of all other fields a number does."""


def leaves(config):
    """The plain values of a recipe by their path."""

    def walk(told, path):
        for name, value in told.items():
            if isinstance(value, dict):
                yield from walk(value, f"{path}{name}.")
            else:
                yield f"{path}{name}", value

    return dict(walk(dataclasses.asdict(config), ""))


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_can_be_changed_and_nothing_else_is(name):
    field = FIELDS[name]
    default = "7" if field.kind is int else "0.125"
    text = OTHERS.get(name, default)
    before = default_config()
    found = override(before, {"warmup_steps": "200", "learning_rate": "0.01", name: text})
    old = leaves(override(before, {"warmup_steps": "200", "learning_rate": "0.01"}))
    new = leaves(found)
    differing = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    ends = {path.rpartition(".")[2] for path in differing if ".augment" not in path}
    if name == "augment":
        assert found.onet.recipe.augment is None
    elif name == "learning_rate":
        assert found.onet.recipe.learning_rate == 0.125
    elif name.startswith("augment_"):
        assert {path.rpartition(".")[2] for path in differing} == {field.attribute}
    else:
        assert ends == {field.attribute}
    assert field.help


def test_a_value_for_each_stage_and_the_runs_besides_changed_alike():
    found = override(read_recipe("bundled", "all"), {"steps": "4000,1000,1200"})
    runs = [found.pnet, found.rnet, found.onet]
    runs += [found.judging, found.starting_rnet, found.starting_onet]
    assert [run.recipe.steps for run in runs] == [4000, 1000, 1200] * 2
    assert {run.recipe.warmup_steps for run in runs} == {200}
    found = override(read_recipe("bundled", "all"), {"windows_per_picture": "300,30"})
    assert found.windows_per_picture == (300, 30)


def test_one_stage_is_changed_alone():
    before = default_config()
    found = override(before, {"steps": "50"}, ["rnet"])
    assert (found.rnet.recipe.steps, found.rnet.recipe.warmup_steps) == (50, 5)
    assert (found.pnet, found.onet) == (before.pnet, before.onet)
    with pytest.raises(ValueError, match="--steps=1,2,3; accepted: one number$"):
        override(before, {"steps": "1,2,3"}, ["rnet"])


def test_a_seed_is_minings_too_unless_that_has_its_own():
    found = override(default_config(), {"seed": "3"})
    assert [found.of(stage).seed for stage in STAGES] == [3, 3, 3]
    assert found.mining.seed == 3
    assert override(default_config(), {"seed": "3", "mine_seed": "1"}).mining.seed == 1


def test_an_optimiser_changed_alone_has_its_own_rate():
    def rate(config, **changed):
        return override(read_recipe(config, "all"), changed).pnet.recipe.learning_rate

    assert rate("own_folder", optimizer="muon") == 0.003  # As it was.
    assert rate("own_folder", optimizer="adamw") == 0.001
    assert rate("", optimizer="adamw") == 0.001
    assert rate("", optimizer="adamw", learning_rate="0.5") == 0.5


def test_an_unknown_field_is_told_with_those_like_it():
    with pytest.raises(ValueError, match="'ohem_rati' is no field of a recipe; accepted are ohem_"):
        check_name("ohem_rati")
    with pytest.raises(ValueError, match="'grey' is no field of a recipe; accepted are .*grey"):
        override(default_config(), {"grey": "1"})


def test_values_as_text_are_read_back():
    assert as_text((3.0, 1.0, 0.1)) == "3.0:1.0:0.1"
    assert (as_text(0.7), as_text(True), as_text(5), as_text("l1")) == ("0.7", "True", "5", "l1")
