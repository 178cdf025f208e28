"""The command `mtcnn-jax`: what it says of itself, and how it is called."""

import configparser
import importlib

import pytest

import mtcnn_jax as mj
from mtcnn_jax.commandline import program
from mtcnn_jax.commandline.options import FLAGS
from tests import ROOT


@pytest.fixture
def runs(monkeypatch):
    """What the command would have done."""
    seen = []
    monkeypatch.setattr(program, "run", lambda *arguments: seen.append(arguments) or 0)
    return seen


def ended(*arguments):
    with pytest.raises(SystemExit) as end:
        program.main(arguments)
    return end.value.code


def test_the_installed_command_is_this_one():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    name, _, place = setup["options.entry_points"]["console_scripts"].strip().partition(" = ")
    module, _, function = place.partition(":")
    assert name == "mtcnn-jax"
    assert callable(getattr(importlib.import_module(module), function))


def test_several_photos_and_folders_in_any_place(runs):
    assert program.main(["detect", "a.jpg", "b", "--output", "out", "--crops", "box"]) == 0
    assert program.main(["detect", "c.jpg", "--output=out", "--no-pictures", "d.jpg"]) == 0
    (photos, output, values), (others, _, changed) = runs
    assert (photos, output) == (["a.jpg", "b"], "out") and others == ["c.jpg", "d.jpg"]
    assert set(values) == {flag.name for flag in FLAGS}
    assert values["crops"] == "box" and values["pictures"] is True
    assert changed["pictures"] is False


def test_dashes_are_taken_for_underscores_in_names_alone(runs):
    program.main(["detect", "a-b.jpg", "--min-face-size=40", "--output=my-out", "--", "--c-d.jpg"])
    ((photos, output, values),) = runs
    assert values["min_face_size"] == 40
    assert (photos, output) == (["a-b.jpg", "--c-d.jpg"], "my-out")


def test_version_and_help_tell_all(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert ended("--version") == 0
    assert capsys.readouterr().out == f"mtcnn-jax {mj.__version__}\n"
    assert ended("--help") == 0
    assert "detect" in capsys.readouterr().out
    assert ended("detect", "--help") == 0
    told = capsys.readouterr().out
    for flag in FLAGS:
        assert (f"--no{flag.name}" if flag.default is True else f"--{flag.name}") in told
    assert max(map(len, told.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["find"], "invalid choice: 'find'"),
        (["detect", "--output=out"], "the following arguments are required: PHOTO"),
        (["detect", "a.jpg"], "the following arguments are required: --output"),
        (["detect", "a.jpg", "--output=o", "--sizes=3"], "unrecognized arguments: --sizes=3"),
        (["detect", "a.jpg", "--output=o", "--crops=round"], "invalid choice: 'round'"),
        (["detect", "a.jpg", "--output=o", "--max_faces=two"], "invalid int value: 'two'"),
        (["detect", "a.jpg", "--outp=o"], "the following arguments are required: --output"),
    ],
)
def test_a_wrong_command_line_ends_with_a_sentence(capsys, arguments, words):
    assert ended(*arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    assert words in told and "--help" in told
