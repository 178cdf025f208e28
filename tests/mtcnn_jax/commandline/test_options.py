"""The flags of detection, by both of the parsers that they are given to."""

import argparse

import pytest
from absl import flags

from experiments import detect, detect_bulk
from experiments.bulk.settings import DETECTION, to_settings
from experiments.console import detection
from mtcnn_jax.commandline.options import FLAGS, add_flags, to_options
from mtcnn_jax.config import DetectConfig
from tests.mtcnn_jax.commandline.drawn import options


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return to_options(vars(parser.parse_args(arguments)))


def parse_by_absl(monkeypatch, command, *arguments):
    values = flags.FlagValues()
    for name in ("string", "float", "integer", "boolean", "list", "enum"):
        define = getattr(flags, f"DEFINE_{name}")

        def into(*args, define=define, **kwargs):
            return define(*args, flag_values=values, **kwargs)

        monkeypatch.setattr(flags, f"DEFINE_{name}", into)
    monkeypatch.setattr(
        detection,
        "_DEFINE",
        {
            bool: flags.DEFINE_boolean,
            float: flags.DEFINE_float,
            int: flags.DEFINE_integer,
            str: flags.DEFINE_string,
        },
    )
    command.define_flags()
    values(["command", "--input=a", "--output=b", *arguments])
    return values


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--nopictures", "--overwrite"],
        ["--format=csv,coco", "--crops=aligned", "--crop_size=96", "--blur=pixels"],
        ["--min_score=0.5", "--select=largest", "--max_faces=3", "--batch_size=4"],
        ["--thresholds=0.5,0.6,0.7", "--min_face_size=30", "--scale_factor=0.8", "--voting=0.5"],
        ["--weights=w.npz", "--nosecond_look", "--size_prior=0"],
    ],
)
def test_both_commands_take_the_same(monkeypatch, arguments):
    values = parse_by_absl(monkeypatch, detect, *arguments)
    own, absl = (
        parse(*arguments),
        to_options({flag.name: values[flag.name].value for flag in FLAGS}),
    )
    for name in ("config", "format", "pictures", "crops", "crop_size", "blur", "min_score"):
        assert getattr(own, name) == getattr(absl, name)
    for name in ("select", "max_faces", "overwrite", "batch_size", "weights"):
        assert getattr(own, name) == getattr(absl, name)


def test_the_command_for_many_takes_those_that_it_shares(monkeypatch):
    arguments = ["--crops=box", "--thresholds=0.5,0.6,0.7", "--max_faces=3", "--overwrite"]
    arguments += ["--nosecond_look"]
    more = ["--partition_size=7", "--workers=2"]
    values = parse_by_absl(monkeypatch, detect_bulk, *arguments, *more)
    settings = to_settings({name: values[name].value for name in values})
    own = parse(*arguments)
    for name in ("config", *(name for name in DETECTION if hasattr(own, name))):
        assert getattr(settings.options, name) == getattr(own, name)
    assert (settings.partition_size, settings.workers, settings.column) == (7, 2, None)
    assert (settings.input, settings.output) == ("a", "b")


def test_what_is_asked_for_without_flags():
    asked = parse()
    assert asked.config == DetectConfig()
    assert asked.format == ("jsonl",) and asked.pictures and not asked.overwrite
    assert asked.crops is asked.blur is asked.max_faces is asked.batch_size is None


def test_one_face_is_selected_unless_more_are_asked_for():
    assert options(select="largest").max_faces == options(select="central").max_faces == 1
    assert options(select="largest", max_faces=4).max_faces == 4


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"format": "jsonl,xml"}, "--format=jsonl,xml; accepted: jsonl, csv, coco, or several of"),
        ({"format": ""}, "--format=; accepted: jsonl, csv, coco"),
        ({"max_faces": 0}, "--max_faces=0; accepted: whole numbers from 1 up"),
        ({"batch_size": -1}, "--batch_size=-1; accepted: whole numbers from 1 up"),
        ({"crop_size": 0}, "--crop_size=0; accepted: whole"),
        ({"min_score": 1.5}, "--min_score=1.5; accepted: scores from 0 to 1"),
        ({"min_score": float("nan")}, "--min_score=nan; accepted: scores from 0 to 1"),
        ({"thresholds": "a,b,c"}, "--thresholds=a,b,c; accepted: three numbers such as"),
        ({"min_face_size": 3}, "min_face_size is 3; accepted are pixels from 12 up"),
        ({"blur": "box", "select": "largest"}, "--blur with --select or --max_faces would leave"),
        ({"blur": "box", "max_faces": 2}, "accepted: --blur alone"),
    ],
)
def test_what_is_not_accepted_is_named(values, words):
    with pytest.raises(ValueError, match=words):
        options(**values)
