"""Folders of samples: what is written comes back, and what is broken is named."""

import errno
import json
import os
import random
import shutil

import numpy as np
import pytest

from data import samples as samples_module
from data.batches import gather, pools
from data.samples import (
    Samples,
    concatenate,
    load_samples,
    merge_samples,
    save_samples,
)


def make(count=6, side=16, seed=0):
    rng = np.random.default_rng(seed)
    return Samples(
        rng.integers(0, 256, (count, side, side, 3)).astype(np.uint8),
        (np.arange(count) % 4).astype(np.int8),
        rng.normal(size=(count, 4)).astype(np.float32),
        np.full((count, 5, 2), np.nan, np.float32),
    )


def assert_equal(one, two):
    for name, a, b in zip(Samples._fields, one, two, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b, err_msg=name)


def test_what_is_saved_is_loaded(tmp_path):
    samples = make()
    save_samples(tmp_path / "a" / "b", samples, {"stage": "pnet", "seed": 3})
    loaded = load_samples(tmp_path / "a" / "b")
    assert_equal(loaded, samples)
    assert isinstance(loaded.patches, np.memmap)
    assert json.loads((tmp_path / "a" / "b" / "samples.json").read_text()) == {
        "stage": "pnet",
        "seed": 3,
        "size": 16,
        "counts": {"negative": 2, "positive": 2, "part": 1, "landmark": 1},
    }


def test_the_files_are_plain_npy(tmp_path):
    save_samples(tmp_path / "s", make(), {})
    for name, array in zip(Samples._fields, make(), strict=True):
        found = np.load(tmp_path / "s" / f"{name}.npy", allow_pickle=False)
        np.testing.assert_array_equal(found, array)


def test_parts_are_merged_in_their_order(tmp_path):
    parts = [make(3, seed=1), make(0), make(5, seed=2)]
    merge_samples(tmp_path / "s", parts, {})
    loaded = load_samples(tmp_path / "s")
    assert_equal(loaded, concatenate(parts))
    np.testing.assert_array_equal(loaded.patches[3:], parts[2].patches)


def test_samples_of_none_are_fine(tmp_path):
    save_samples(tmp_path / "s", make(0), {})
    assert load_samples(tmp_path / "s").patches.shape == (0, 16, 16, 3)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    save_samples(tmp_path / "s", make(), {})
    with pytest.raises(FileExistsError, match=r"s is not empty; accepted is a new folder"):
        save_samples(tmp_path / "s", make(2), {})
    assert len(load_samples(tmp_path / "s").kinds) == 6


def test_a_folder_can_be_replaced_and_what_a_killed_run_left_goes(tmp_path):
    save_samples(tmp_path / "s", make(), {})
    (tmp_path / ".s.partial-abcdefgh").mkdir()
    (tmp_path / ".s.mine").mkdir()
    (tmp_path / ".t.partial-abcdefgh").mkdir()
    save_samples(tmp_path / "s", make(2), {}, replace=True)
    assert_equal(load_samples(tmp_path / "s"), make(2))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".s.mine", ".t.partial-abcdefgh", "s"]


def test_what_fails_halfway_leaves_nothing(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_samples(tmp_path / "s", make(), {"stage": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_with_the_folders_name(tmp_path, monkeypatch):
    def write(path, arrays):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(samples_module, "_write", write)
    with pytest.raises(OSError, match=r"No space left on device: '.*/s'"):
        save_samples(tmp_path / "s", make(), {})
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none/patches.npy is missing; .*experiments.mine"):
        load_samples(tmp_path / "none")
    save_samples(tmp_path / "s", make(), {})
    (tmp_path / "s" / "boxes.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"s/boxes.npy is missing"):
        load_samples(tmp_path / "s")


@pytest.mark.parametrize("name", Samples._fields)
@pytest.mark.parametrize("content", [b"", b"no array", "cut"])
def test_what_is_broken_is_named(tmp_path, name, content):
    save_samples(tmp_path / "s", make(), {})
    path = tmp_path / "s" / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:-1] if content == "cut" else content)
    with pytest.raises(ValueError, match=rf"s/{name}.npy is no whole .npy file"):
        load_samples(tmp_path / "s")


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"kinds": np.zeros(5, np.int8)}, r"patches is uint8 \[6, 16, 16, 3\]; accepted is .*\[5"),
        ({"kinds": np.zeros(6, np.int64)}, r"kinds is int64 \[6\]; accepted is int8 \[6\]"),
        ({"kinds": np.array(0, np.int8)}, r"kinds is int8 \[\]; accepted is int8 \[6\]"),
        ({"kinds": np.full(6, 4, np.int8)}, "kinds hold other values than 0 to 3"),
        ({"kinds": np.full(6, -1, np.int8)}, "kinds hold other values than 0 to 3"),
        ({"patches": np.zeros((6, 16, 12, 3), np.uint8)}, r"accepted is uint8 \[6, 16, 16, 3\]"),
        ({"patches": np.zeros((6, 768), np.uint8)}, r"patches is uint8 \[6, 768\]"),
        ({"boxes": np.zeros((6, 5), np.float32)}, r"boxes is float32 \[6, 5\]; accepted is"),
        ({"landmarks": np.zeros((6, 10), np.float32)}, r"accepted is float32 \[6, 5, 2\]"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, changed, match):
    samples = make()._replace(**changed)
    with pytest.raises(ValueError, match=match):
        save_samples(tmp_path / "s", samples, {})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "s").mkdir()
    for name, array in zip(Samples._fields, samples, strict=True):
        np.save(tmp_path / "s" / f"{name}.npy", array)
    with pytest.raises(ValueError, match=rf"s: .*{match}"):
        load_samples(tmp_path / "s")


@pytest.mark.parametrize("parts", [[], [make(2), make(2, side=32)]])
def test_parts_of_different_sides_are_refused(tmp_path, parts):
    for function in (concatenate, lambda parts: merge_samples(tmp_path / "s", parts, {})):
        with pytest.raises(ValueError, match="accepted is one"):
            function(parts)
    assert list(tmp_path.iterdir()) == []


def test_a_header_that_asks_for_more_than_there_is_takes_no_memory(tmp_path):
    save_samples(tmp_path / "s", make(), {})
    with open(tmp_path / "s" / "boxes.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 4)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ValueError, match=r"has 128 bytes, and by its header 16000000000128"):
        load_samples(tmp_path / "s")


def break_at_random(folder, rng):
    """One to three accidents to the files of a folder."""
    for _ in range(rng.randint(1, 3)):
        path = folder / f"{rng.choice(Samples._fields)}.npy"
        if not path.is_file():
            continue
        content = bytearray(path.read_bytes())
        accident = rng.choice(["header", "flip", "cut", "grow", "remove", "folder", "shape", "zip"])
        if accident in ("header", "flip") and content:
            end = 128 if accident == "header" else len(content)
            content[rng.randrange(min(end, len(content)))] ^= 1 << rng.randrange(8)
            path.write_bytes(content)
        elif accident == "cut" and content:
            path.write_bytes(content[: rng.randrange(len(content))])
        elif accident == "grow":
            path.write_bytes(content + rng.randbytes(rng.randint(1, 300)))
        elif accident == "remove":
            path.unlink()
        elif accident == "folder":
            path.unlink()
            path.mkdir()
        elif accident == "shape":
            shape = [rng.randint(0, 20) for _ in range(rng.randint(0, 5))]
            with open(path, "wb") as file:  # Under its own name, with any dtype.
                np.save(file, np.zeros(shape, rng.choice(["u1", "i1", "<f4", ">f4", "U3", "V2"])))
        elif accident == "zip":
            with open(path, "wb") as file:
                np.savez(file, a=np.zeros(3))


def test_three_hundred_broken_folders_are_read_or_end_in_a_named_error(tmp_path):
    save_samples(tmp_path / "whole", make(), {})
    rng = random.Random(0)
    ends = {"read": 0, "named": 0}
    for number in range(300):
        folder = shutil.copytree(tmp_path / "whole", tmp_path / str(number))
        break_at_random(folder, rng)
        try:
            found = load_samples(folder)
        except (FileNotFoundError, ValueError) as error:
            assert str(folder) in str(error)
            ends["named"] += 1
        else:
            gather(found, np.concatenate(pools(found.kinds)))
            ends["read"] += 1
    assert min(ends.values()) > 5, ends
