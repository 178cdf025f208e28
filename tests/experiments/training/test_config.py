"""The settings of a run of one stage."""

import pathlib

import jax
import pytest

from experiments.training.config import TrainConfig
from mtcnn_jax.training.recipe import Recipe


def config(stage="onet", recipe=None, **changed):
    return TrainConfig(recipe or Recipe(stage, 1000), "samples", "run", **changed)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"batch_size": 0}, "batch_size is 0; accepted is 1 or more"),
        ({"log_every": 0}, "log_every is 0; accepted is 1 or more"),
        ({"checkpoint_every": -5}, "checkpoint_every is -5; accepted is 1 or more"),
        ({"scan_steps": 0}, "scan_steps is 0; accepted is 1 or more"),
        ({"seed": -1}, "seed is -1; accepted is 0 or more"),
        ({"evaluate_every": -1}, "evaluate_every is -1; accepted is 0 or more"),
        ({"validation_samples": 0}, "validation_samples is 0; accepted is 1 or more"),
        ({"ratio": (3, 1, 1)}, "ratio is 3:1:1; accepted are four numbers"),
        ({"ratio": (3, 1, 1, -2)}, "ratio is 3:1:1:-2; accepted are four numbers"),
        ({"ratio": (0, 0, 0, 0)}, "ratio is 0:0:0:0; accepted are four numbers"),
        ({"ratio": (3, 1, 1, float("nan"))}, "accepted are four numbers"),
        (
            {"evaluate_every": 150},
            "evaluate_every is 150; accepted are multiples of log_every, 100",
        ),
        ({"checkpoint_every": 50}, "checkpoint_every is 50; accepted are multiples of log_every"),
        ({"log_every": 5, "scan_steps": 2}, "log_every is 5; accepted are multiples of scan_steps"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_accepted(changed, match):
    with pytest.raises(ValueError, match=match):
        config(**changed)


def test_batches_are_split_over_the_devices(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    assert config(batch_size=64).batch_size == 64
    with pytest.raises(ValueError, match="batch_size is 60; .* multiples of .* devices, 8"):
        config(batch_size=60)


def test_a_batch_holds_three_one_one_two():
    assert config(batch_size=70).counts == (30, 10, 10, 20)
    assert config("pnet", batch_size=70).counts == (30, 10, 10, 20)


def test_where_nothing_learns_from_landmarks_there_are_none():
    recipe = Recipe("rnet", 1000, auxiliary_landmarks=False)
    assert config(recipe=recipe, batch_size=70).counts == (42, 14, 14, 0)


def test_results_lie_in_the_stages_folder():
    assert config("rnet").folder == pathlib.Path("run/rnet")
    assert config("rnet").weights == pathlib.Path("run/rnet/rnet.npz")
