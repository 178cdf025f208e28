"""Checkpoints: what is saved comes back, and what does not fit is refused."""

import dataclasses
import errno
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl import logging

from experiments.training import checkpoints
from experiments.training.checkpoints import checkpoint_steps, restore_checkpoint, save_checkpoint
from mtcnn_jax.training.recipe import Recipe
from tests.drawn import fill_state

RECIPE = Recipe("pnet", 1000, ema_decay=0.9)


@pytest.fixture(scope="module")
def state():
    return fill_state(RECIPE)


def at(state, step):
    return state.replace(step=jnp.array(step, jnp.int32))


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd"])
def test_what_is_saved_is_restored_bit_for_bit(tmp_path, optimizer):
    recipe = dataclasses.replace(RECIPE, optimizer=optimizer)
    moved = jax.tree.map(lambda leaf: leaf + 1, at(fill_state(recipe), 6))
    save_checkpoint(tmp_path / "c", moved)
    found = restore_checkpoint(tmp_path / "c", fill_state(recipe, seed=1))
    assert jax.tree.structure(found) == jax.tree.structure(moved)
    for one, two in zip(*map(jax.tree.leaves, (found, moved)), strict=True):
        assert one.dtype == two.dtype
        np.testing.assert_array_equal(one, two)
    assert int(found.step) == 7


def test_without_any_there_is_none(tmp_path, state):
    assert checkpoint_steps(tmp_path / "c") == []
    assert restore_checkpoint(tmp_path / "c", state) is None
    (tmp_path / "c").mkdir()
    assert restore_checkpoint(tmp_path / "c", state) is None


def test_the_newest_two_are_kept_and_the_newest_is_read(tmp_path, state):
    for step in (9, 10, 100):
        save_checkpoint(tmp_path, at(state, step))
    assert checkpoint_steps(tmp_path) == [10, 100]
    assert int(restore_checkpoint(tmp_path, state).step) == 100


def test_what_a_killed_run_left_half_written_is_not_read_and_goes(tmp_path, state):
    save_checkpoint(tmp_path, at(state, 1))
    (tmp_path / "00000002.orbax-checkpoint-tmp").mkdir()
    assert checkpoint_steps(tmp_path) == [1]
    assert int(restore_checkpoint(tmp_path, state).step) == 1
    save_checkpoint(tmp_path, at(state, 2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000001", "00000002"]


def test_a_step_saved_again_is_written_over(tmp_path, state):
    save_checkpoint(tmp_path, at(state, 1))
    moved = jax.tree.map(lambda leaf: leaf + 1, at(state, 0))
    save_checkpoint(tmp_path, moved)
    found = restore_checkpoint(tmp_path, state)
    np.testing.assert_array_equal(found.key, moved.key)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"ema_decay": 0.0}, "ema"),
        ({"optimizer": "sgd"}, "opt_state"),
        ({"auxiliary_landmarks": False}, "auxiliary"),
        ({"stage": "rnet"}, "ema.pnet"),
    ],
)
def test_another_recipes_is_refused_and_what_differs_named(tmp_path, state, changed, name):
    save_checkpoint(tmp_path, state)
    other = fill_state(dataclasses.replace(RECIPE, **changed))
    with pytest.raises(ValueError, match=rf"00000000 is of another recipe: .*{name}.* differ"):
        restore_checkpoint(tmp_path, other)


def test_saving_keeps_the_verbosity(tmp_path, state):
    before = logging.get_verbosity()
    logging.set_verbosity(logging.INFO)
    try:
        save_checkpoint(tmp_path, state)
        assert logging.get_verbosity() == logging.INFO
    finally:
        logging.set_verbosity(before)


def test_a_full_disk_is_told_with_the_checkpoints_name_and_the_one_before_stays(
    tmp_path, state, monkeypatch
):
    save_checkpoint(tmp_path, at(state, 1))

    def refuse():
        with pytest.raises(OSError, match=r"No space left on device: '.*/00000002'") as caught:
            save_checkpoint(tmp_path, at(state, 2))
        assert caught.value.errno == errno.ENOSPC
        assert checkpoint_steps(tmp_path) == [1]

    def save(path, *_, **__):
        raise ValueError(f"Failed to write to {path}: [os_error_code='28']")

    usage = shutil.disk_usage(tmp_path)._replace(free=100_000)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.shutil, "disk_usage", lambda path: usage)
        refuse()
    monkeypatch.setattr(checkpoints.ocp, "save", save)
    refuse()
