"""The command that mines: its flags, checked before anything is done."""

import types

import pytest

from experiments import mine
from experiments.mining.config import MineConfig
from experiments.recipes.fields import FIELDS

OWN = [name.removeprefix("mine_") for name, field in FIELDS.items() if field.owner is MineConfig]


def values_of(**changed):
    """The flags of the command, as attributes."""
    own = {"stage": "pnet", "config": "", "weights": [], "judge": "", "data_dir": "DATA"}
    return types.SimpleNamespace(**{**dict.fromkeys(OWN), **own, **changed})


def test_a_flag_for_each_field():
    assert {*OWN} == {*MineConfig.__dataclass_fields__}
    assert mine.read_config(values_of()) == MineConfig("DATA")
    found = mine.read_config(values_of(negatives="7", thresholds="0.25,0.5", celeb=""))
    assert found == MineConfig("DATA", negatives=7, thresholds=(0.25, 0.5), celeb="")


def test_a_recipe_says_what_samples_are_made_of():
    assert mine.read_config(values_of(config="paper")) == MineConfig("DATA", balance=0)
    found = mine.read_config(values_of(config="quick", limit="3"))
    assert (found.limit, found.proposed) == (3, 256)
    # Without points in its batches there are no samples of them.
    assert mine.read_config(values_of(config="own_folder")).celeb == ""


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"negatives": "many"}, "--negatives=many; accepted: whole numbers"),
        ({"min_face_size": "3"}, "min_face_size is 3.0; accepted is 12 pixels or more"),
        ({"thresholds": "0.5"}, "thresholds is (0.5,); accepted is two scores"),
        ({"config": "none"}, "--config=none; accepted: bundled, own_folder"),
        ({"data_dir": None}, "--data_dir is not given; accepted is the folder of the prepared"),
        ({"stage": "onet"}, "--weights names 0 files; accepted for onet: one with pnet, rnet"),
    ],
)
def test_wrong_flags_end_it_with_a_word(tmp_path, monkeypatch, capsys, changed, match):
    values = values_of(output=str(tmp_path / "samples"), splits=["train"], **changed)
    monkeypatch.setattr(mine, "run_command", lambda argv, work, quiet: work())
    monkeypatch.setattr(mine.flags, "FLAGS", values)
    with pytest.raises(ValueError) as error:
        mine.main(["mine"])
    assert match in str(error.value)
    assert not (tmp_path / "samples").exists()
