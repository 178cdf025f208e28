"""Damaged checkpoints: each is skipped for the one before, or named where none is whole."""

import random
import shutil
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from experiments.training import checkpoints
from experiments.training.checkpoints import (
    CHECKSUMS,
    checkpoint_steps,
    restore_checkpoint,
    save_checkpoint,
)

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Of broken files without checksums a thread of Orbax complains, after Orbax itself has."""


class State(NamedTuple):
    """As much of a run's state as checkpoints look at."""

    step: Any
    params: dict[str, np.ndarray]


def make(step):
    rng = np.random.default_rng(step)
    kernel = rng.normal(size=(5, 40)).astype(np.float32)
    return State(np.int32(step), {"kernel": kernel, "key": np.arange(2, dtype=np.uint32) + step})


def assert_is(found, step):
    for one, two in zip(*map(jax.tree.leaves, (found, make(step))), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.fixture
def told(monkeypatch):
    """The lines of the log that are not Orbax's."""
    lines = []

    def warning(text, *rest):
        if "skipped" in text:
            lines.append(text % rest)

    monkeypatch.setattr(checkpoints.logging, "warning", warning)
    return lines


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with checkpoints of steps 10 and 20."""
    folder = tmp_path_factory.mktemp("saved") / "checkpoints"
    for step in (10, 20):
        save_checkpoint(folder, make(step))
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "checkpoints")


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flip(path, place=-1):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def remove(path):
    path.unlink()


def break_at_random(folder, rng):
    """One to three accidents to a checkpoint's files; its checksums are left alone."""
    for _ in range(rng.randint(1, 3)):
        files = [path for path in files_of(folder) if path.name != CHECKSUMS]
        if not files:
            return
        path = rng.choice(files)
        content = bytearray(path.read_bytes())
        accident = rng.choice(["flip", "cut", "remove", "grow", "stray", "folder"])
        if accident == "flip" and content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            path.write_bytes(content)
        elif accident == "cut" and content:
            path.write_bytes(content[: rng.randrange(len(content))])
        elif accident == "grow":
            path.write_bytes(content + rng.randbytes(9))
        elif accident == "stray":
            path.with_name(f"stray{rng.random()}").write_bytes(rng.randbytes(9))
        else:
            path.unlink()
            if accident == "folder":
                path.mkdir()


@pytest.mark.parametrize("name", ["state/manifest.ocdbt", "state/_METADATA"])
def test_without_checksums_what_cannot_be_read_is_skipped(folder, told, name):
    (folder / "00000020" / CHECKSUMS).unlink()
    (folder / "00000020" / name).write_bytes(b"\xff")
    assert_is(restore_checkpoint(folder, make(0)), 10)
    assert "00000020 is damaged: Orbax finds no arrays in it" in told[0]


def test_broken_ones_without_checksums_are_read_or_end_in_a_named_error(saved, tmp_path, told):
    rng = random.Random(1)
    for number in range(15):
        folder = shutil.copytree(saved, tmp_path / str(number))
        for step in (10, 20):
            (folder / f"{step:08d}" / CHECKSUMS).unlink()
            break_at_random(folder / f"{step:08d}", rng)
        try:
            assert int(restore_checkpoint(folder, make(0)).step) in (10, 20)
        except ValueError as error:
            assert str(folder) in str(error)
        shutil.rmtree(folder)


@pytest.mark.parametrize("damage", [flip, cut, remove])
def test_whichever_file_is_damaged_the_older_one_is_read_and_the_log_says_why(
    saved, tmp_path, told, damage
):
    what = "is missing" if damage is remove else "is damaged, by its checksum"
    names = [path.relative_to(saved) for path in files_of(saved / "00000020")]
    assert len(names) > 8
    for number, name in enumerate(names):
        empty = not (saved / name).stat().st_size
        if name.name == CHECKSUMS or (empty and damage is not remove):
            continue
        folder = shutil.copytree(saved, tmp_path / str(number))
        damage(folder / name)
        assert_is(restore_checkpoint(folder, make(0)), 10)
        assert told == [f"{folder / name} {what}; skipped for step 10"]
        told.clear()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'{"state/a": 1}'])
def test_broken_checksums_hold_for_nothing(folder, told, content):
    (folder / "00000020" / CHECKSUMS).write_bytes(content)
    assert_is(restore_checkpoint(folder, make(0)), 10)
    assert len(told) == 1 and f"{folder}/00000020/" in told[0]


def test_where_none_is_whole_each_is_named(folder):
    for step in checkpoint_steps(folder):
        flip(max(files_of(folder / f"{step:08d}" / "state" / "d")))
    with pytest.raises(ValueError, match="holds no whole checkpoint: .*00000020/.*; .*00000010/"):
        restore_checkpoint(folder, make(0))


def test_going_on_from_the_older_one_writes_over_the_damaged_one(folder, told):
    flip(files_of(folder / "00000020" / "state" / "d")[0])
    save_checkpoint(folder, make(15))
    assert checkpoint_steps(folder) == [10, 15, 20]
    assert_is(restore_checkpoint(folder, make(0)), 15)
    save_checkpoint(folder, make(20))
    assert checkpoint_steps(folder) == [15, 20]
    told.clear()
    assert_is(restore_checkpoint(folder, make(0)), 20)
    assert told == []


def test_those_from_before_there_were_checksums_are_read(folder, told):
    (folder / "00000020" / CHECKSUMS).unlink()
    assert_is(restore_checkpoint(folder, make(0)), 20)
    assert told == []


def test_a_renamed_one_is_not_taken_for_another_step(folder, told):
    (folder / "00000020").rename(folder / "00000030")
    assert_is(restore_checkpoint(folder, make(0)), 10)
    assert "00000030 is damaged: it says that it is of step 20" in told[0]


def test_stray_files_are_left_alone(folder):
    (folder / "notes.txt").write_text("mine")
    (folder / "00000099").write_text("a file")
    (folder / "7").mkdir()
    (folder / "²").mkdir()
    (folder / "kept").mkdir()
    (folder / "00000030.partial").mkdir()
    (folder / "00000030.partial.orbax-checkpoint-tmp").mkdir()
    (folder / "00000020" / "mine.txt").write_text("mine")
    assert_is(restore_checkpoint(folder, make(0)), 20)
    save_checkpoint(folder, make(30))
    assert {path.name for path in folder.iterdir()} == {
        *("00000020", "00000030", "00000099", "7", "²", "kept", "notes.txt")
    }
    assert checkpoint_steps(folder) == [20, 30]


def test_a_hundred_broken_folders_end_in_a_whole_checkpoint_or_a_named_error(saved, tmp_path, told):
    rng = random.Random(0)
    ends = {10: 0, 20: 0, "error": 0}
    for number in range(100):
        folder = shutil.copytree(saved, tmp_path / str(number))
        for step in rng.choice([[20], [10, 20], [10]]):
            break_at_random(folder / f"{step:08d}", rng)
        try:
            found = restore_checkpoint(folder, make(0))
        except ValueError as error:
            assert str(folder) in str(error)
            ends["error"] += 1
        else:
            assert_is(found, int(found.step))
            ends[int(found.step)] += 1
        shutil.rmtree(folder)
    assert min(ends.values()) > 10, ends
