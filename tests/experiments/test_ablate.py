"""The command that makes the paper's studies: from flags to files."""

import subprocess
import sys
import types

import pytest

from experiments import ablate
from experiments.console import command
from experiments.studies import registry
from experiments.studies.config import StudyConfig
from experiments.studies.study import Outcome, Study
from tests import ROOT


def made(config):
    return Outcome(
        [{"seed": seed, "steps": config.steps[0]} for seed in config.seeds], "## Waits\n"
    )


@pytest.fixture
def waiting(monkeypatch):
    """A study that does nothing, under the name of one that does."""

    def check(config):
        if not config.data_dir:
            raise ValueError("--data_dir is empty; accepted is the folder of prepared data sets")

    study = Study("waits", made, check, defaults={"steps": (9,)}, quick={"steps": (2,)})
    monkeypatch.setattr(registry, "STUDIES", {"waiting": study})
    monkeypatch.setattr(ablate, "keep_compilations", lambda: None)
    monkeypatch.setattr(ablate, "keep_memory", lambda: None)


def values(workdir, **changed):
    fine = dict.fromkeys(ablate._FIELDS) | {"study": "waiting", "data_dir": "DATA", "quick": False}
    return types.SimpleNamespace(**{**fine, "workdir": str(workdir), **changed})


def run(monkeypatch, workdir, **changed):
    monkeypatch.setattr(ablate.flags, "FLAGS", values(workdir, **changed))
    return ablate.main(["ablate"])


def test_a_study_leaves_its_rows_and_its_section(tmp_path, monkeypatch, capsys, waiting):
    assert run(monkeypatch, tmp_path, seeds="3,1,2") == 0
    assert capsys.readouterr().out == "## Waits\n\n"
    folder = tmp_path / "waiting"
    assert (folder / "results.csv").read_text() == "seed,steps\n3,9\n1,9\n2,9\n"
    assert (folder / "section.md").read_text() == "## Waits\n"
    assert {path.name for path in folder.iterdir()} == {"config.json", "results.csv", "section.md"}


def test_the_quick_form_gives_way_to_a_flag(tmp_path, monkeypatch, waiting):
    assert ablate.make_config(values(tmp_path, quick=True)).steps == (2,)
    given = ablate.make_config(values(tmp_path, quick=True, steps="5,6,7", stages="onet,rnet"))
    assert given.steps == (5, 6, 7) and given.stages == ("onet", "rnet")


def test_a_folder_with_other_settings_is_left_as_it_is(tmp_path, monkeypatch, capsys, waiting):
    assert run(monkeypatch, tmp_path) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "waiting").iterdir()}
    assert run(monkeypatch, tmp_path, data_dir="MOVED") == 0
    assert run(monkeypatch, tmp_path, steps="7") == 2
    assert "other settings (steps was [9], is [7])" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "waiting").iterdir()}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"study": "waitin"}, "--study=waitin; accepted are waiting"),
        ({"seeds": "0,x"}, "--seeds=0,x; accepted: whole numbers with commas between them"),
        ({"seeds": "1,1"}, "seeds is 1,1; accepted are different whole numbers from 0 up"),
        ({"seeds": "-1"}, "seeds is -1; accepted are different whole numbers from 0 up"),
        ({"steps": "1,2"}, "steps is 1,2; accepted are one or three whole numbers from 1 up"),
        ({"stages": "pnet,qnet"}, "stages is pnet,qnet; accepted are pnet, rnet, onet"),
        ({"batch_size": "0"}, "batch_size is 0; accepted are one or three whole numbers"),
        ({"limit": -1}, "limit is -1; accepted is 0 or more"),
        ({"resolution": "480"}, "resolution is 480; accepted are height and width, 12 to 4096"),
        ({"runs": 0}, "runs is 0; accepted is 1 or more"),
        ({"resamples": 0}, "resamples is 0; accepted is 1 or more"),
        ({"validation_samples": 0}, "validation_samples is 0; accepted is 1 or more"),
        ({"data_dir": ""}, "--data_dir is empty; accepted is the folder"),
    ],
)
def test_a_wrong_value_is_one_line_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, waiting, changed, words
):
    assert run(monkeypatch, tmp_path / "new", **changed) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {words}") and told.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_setting_that_no_study_has_is_named(waiting):
    with pytest.raises(ValueError, match="^sed is no setting of a study; accepted are study, work"):
        registry.config_of("waiting", quick=False, workdir="w", sed=1)


def test_an_unknown_flag_is_one_line_and_nothing_is_written(tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "experiments.ablate", "--study=runtime", "--stesp=3"]
        + [f"--workdir={tmp_path / 'new'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 2
    assert told.stderr.startswith("error: Unknown command line flag 'stesp'. Did you mean: steps ?")
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_the_settings_say_where_results_and_samples_are():
    config = StudyConfig(study="ohem", workdir="STUDIES")
    assert str(config.folder) == "STUDIES/ohem"
    assert str(config.samples_folder) == "STUDIES/ohem/samples"
    assert [config.of_stage("steps", stage) for stage in ("pnet", "onet")] == [12_000, 5_000]
    assert StudyConfig(study="ohem", workdir="w", steps=(7,)).of_stage("steps", "rnet") == 7
    assert str(StudyConfig(study="ohem", workdir="w", samples="MINED").samples_folder) == "MINED"


def test_flags_that_are_right_are_parsed(monkeypatch):
    monkeypatch.setattr(command.flags, "FLAGS", lambda argv: argv[:1])
    assert command.parse_flags(["ablate", "--quick"]) == ["ablate"]
