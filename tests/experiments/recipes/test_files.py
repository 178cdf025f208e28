"""Recipes as files: the project's, those of a user, and what runs leave."""

import ast
import dataclasses
import json
import re

import pytest

from experiments.recipes.files import FOLDER, NAMES, read_recipe
from experiments.training.cascade import CascadeConfig
from experiments.training.settings import default_config
from mtcnn_jax.training.samples import POSITIVE_ABOVE


def test_the_projects_recipes_are_these():
    assert NAMES == ("bundled", "own_folder", "paper", "quick")
    assert read_recipe("", "all") == default_config()


@pytest.mark.parametrize("name", NAMES)
def test_each_tells_its_command_and_what_to_expect(name):
    told = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text()))
    assert f"python -m experiments.train --config={name} --stage=all" in told
    assert re.search("[Tt]ime", told) and "umbers to expect" in told


def test_the_papers_recipe_is_what_the_paper_says():
    recipe = read_recipe("paper", "all")
    for run in (recipe.pnet, recipe.rnet, recipe.onet):
        found = run.recipe
        assert (found.ohem_ratio, found.box_loss, found.landmark_loss) == (0.7, "l2", "l2")
        assert (found.optimizer, found.face_iou) == ("sgd", POSITIVE_ABOVE)
        assert found.auxiliary_landmarks and found.augment is None
        assert run.ratio == (3, 1, 1, 2)
    assert (recipe.rounds, recipe.windows_per_picture, recipe.mining.balance) == (1, (), 0)


def test_the_bundled_recipe_is_that_of_the_model_card():
    recipe = read_recipe("bundled", "all")
    runs = [recipe.judging, recipe.pnet, recipe.starting_rnet, recipe.rnet]
    runs += [recipe.starting_onet, recipe.onet]
    assert [run.recipe.steps for run in runs] == [6_000, 8_000, 12_000, 4_000, 6_500, 2_500]
    assert [run.recipe.learning_rate for run in runs] == [0.01] * 4 + [0.003, 0.001]
    assert {run.recipe.optimizer for run in runs} == {"muon"}
    assert {(run.recipe.face_iou, run.recipe.square_share) for run in runs} == {(0.65, 0.85)}
    assert [run.recipe.graded_from for run in runs] == [1] * 3 + [0.4] * 3
    assert [run.recipe.augment.rotation for run in runs[2:]] == [5, 15, 20, 20]
    assert [run.recipe.ohem_ratio for run in runs] == [0.7, 0.7, 1, 1, 0.7, 0.7]
    assert [run.ratio for run in runs] == [(3, 2, 2, 0)] * 4 + [(3, 2, 2, 4)] * 2
    assert {run.recipe.ema_decay for run in runs} == {0.999}
    assert {(run.recipe.box_loss, run.recipe.landmark_loss) for run in runs} == {("l1", "l1")}
    assert (recipe.mining.looks, recipe.mining.textures) == (3, 1_200)
    assert [recipe.windows_per_picture, recipe.final_windows] == [(460, 40), (425, 35.5, 4.5)]


@pytest.mark.parametrize("name", ["", *NAMES])
def test_what_a_run_of_all_stages_leaves_is_the_recipe_again(tmp_path, name):
    recipe, path = read_recipe(name, "all"), tmp_path / "config.json"
    path.write_text(json.dumps(dataclasses.asdict(recipe)))
    assert read_recipe(str(path), "all") == recipe


def test_what_a_run_of_one_stage_leaves_is_that_stages_recipe(tmp_path):
    run = read_recipe("bundled", "all").rnet.placed("old", "made")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(dataclasses.asdict(run)))
    found = read_recipe(str(path), "rnet")
    assert found == dataclasses.replace(default_config(), rnet=run)
    assert found.rnet.placed("new") == run.placed("new") == run.placed("new", "made")
    with pytest.raises(ValueError, match="is the recipe of rnet alone; accepted is --stage=rnet"):
        read_recipe(str(path), "all")


def changed(recipe, path, value):
    """A recipe's JSON with one value changed, or taken out."""
    told = json.loads(json.dumps(dataclasses.asdict(recipe)))
    *folders, name = path.split(".")
    place = told
    for folder in folders:
        place = place[folder]
    place[name] = value
    if value is None:
        del place[name]
    return json.dumps(told)


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        ("pnet.recipe.stepz", 3, r"it.pnet.recipe.stepz is unknown; accepted are stage, steps"),
        ("pnet.recipe.steps", "3", r"it.pnet.recipe.steps is '3'; accepted are whole numbers"),
        ("pnet.recipe.steps", 0, "steps is 0; accepted is 1 or more"),
        ("pnet.recipe.steps", True, "steps is True; accepted are whole numbers"),
        ("pnet.recipe.auxiliary_landmarks", 1, "is 1; accepted are true and false"),
        ("pnet.recipe.steps", None, "it.pnet.recipe.steps is missing"),
        ("rnet.ratio", "3:1:1:2", "rnet.ratio is '3:1:1:2'; accepted are lists of numbers"),
        ("rnet.recipe.stage", "onet", "rnet is a run of onet; accepted is one of rnet"),
        ("onet", 3, "it.onet is no JSON object"),
        ("onet.recipe.augment", [], "it.onet.recipe.augment is no JSON object"),
        ("windows_per_picture", [500], "windows_per_picture is 500; accepted are two or three"),
        ("judging", {}, r"it.judging.(recipe|samples).* is missing"),
        ("starting_rnet", {}, r"it.starting_rnet.(recipe|samples).* is missing"),
        ("judging.recipe.stage", "onet", "judging is a run of onet; accepted is one of pnet"),
        ("rounds", 0, "rounds is 0; accepted is 1 or more"),
    ],
)
def test_json_that_is_no_recipe_is_refused_with_the_place(tmp_path, path, value, match):
    file = tmp_path / "config.json"
    file.write_text(changed(read_recipe("bundled", "all"), path, value))
    with pytest.raises(ValueError, match=match):
        read_recipe(str(file), "all")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("def config():\n    return 3\n", "gives no recipe; accepted is a file with a function"),
        ("x = 3\n", "gives no recipe; accepted is a file with a function"),
        ("x = 3\ndef config(:\n", "mine.py, line 2: SyntaxError"),
        ("def config():\n    return nothing\n", "mine.py, line 2: NameError: name 'nothing'"),
        (
            "from mtcnn_jax.training.recipe import Recipe\n\ndef config():\n"
            '    return Recipe("pnet", 0)\n',
            "mine.py, line 4: steps is 0; accepted is 1 or more",
        ),
        (
            'from mtcnn_jax.training.recipe import Recipe\n\nRecipe("pnet", step=1)\n',
            "mine.py, line 3: TypeError: .* unexpected keyword argument 'step'",
        ),
    ],
)
def test_a_file_of_ones_own_is_refused_with_its_line(tmp_path, text, match):
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(ValueError, match=match):
        read_recipe(str(file), "all")


def test_a_file_of_ones_own_gives_a_recipe(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import dataclasses\nfrom experiments.configs import paper\n\ndef config():\n"
        "    return dataclasses.replace(paper.config(), rounds=2)\n"
    )
    found = read_recipe(str(file), "all")
    assert isinstance(found, CascadeConfig) and found.rounds == 2


def test_a_name_that_is_none_is_told_with_those_there_are(tmp_path):
    with pytest.raises(ValueError, match="--config=bundeld; accepted: bundled, own_folder, paper"):
        read_recipe("bundeld", "all")
    with pytest.raises(FileNotFoundError, match="no such file: .*none.json"):
        read_recipe(str(tmp_path / "none.json"), "all")
    (tmp_path / "torn.json").write_text('{"pnet": ')
    with pytest.raises(ValueError, match="torn.json is no whole JSON object"):
        read_recipe(str(tmp_path / "torn.json"), "all")
