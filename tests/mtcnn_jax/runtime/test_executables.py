"""Executables on disk: the same results in a later process, without a trace."""

import hashlib
import os
import pickle
import stat

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.runtime import compiled, executables
from mtcnn_jax.runtime.executables import kept
from mtcnn_jax.runtime.ownership import distrust
from mtcnn_jax.runtime.programs import drop as forget

FOLDER = executables.folder
"""As it is outside the suite."""

CANVAS, SIZE = np.full((4, 6, 3), 2, np.uint8), np.array([4, 6], np.int32)
PARAMS = {"scale": np.float32(3)}


class Process:
    """What one process has: a function that counts its traces, and nothing loaded."""

    def __init__(self, *, name="sum"):
        forget()
        self.traces = 0

        def total(params, canvas, size, config):
            self.traces += 1
            score = config.thresholds[0] + config.min_face_size
            return params["scale"] * canvas.astype(jnp.float32).sum() + size[0] + score

        self._run = kept(total, name=name, options={})

    def __call__(self, params=PARAMS, canvas=CANVAS, config=mj.DetectConfig()):
        return float(self._run(params, canvas, SIZE, config))


WANTED = 3 * 2 * 72 + 4 + 0.6 + 20


@pytest.fixture
def place(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    executables._warn_once.cache_clear()
    monkeypatch.setattr(executables, "folder", lambda: folder)
    yield folder
    forget()


def files(place):
    return sorted(place.iterdir())


def test_a_later_process_traces_nothing(place):
    first = Process()
    assert [first() for _ in range(3)] == [pytest.approx(WANTED)] * 3
    assert first.traces == 1 and len(files(place)) == 1
    second = Process()
    assert second() == pytest.approx(WANTED)
    higher = mj.DetectConfig(thresholds=(0.9, 0.7, 0.7))
    assert second(config=higher) == pytest.approx(WANTED + 0.3)
    assert second.traces == 0 and len(files(place)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda monkeypatch: Process(name="other")(),
        lambda monkeypatch: Process()(canvas=CANVAS[:, :5]),
        lambda monkeypatch: Process()(canvas=CANVAS.astype(np.float32)),
        lambda monkeypatch: Process()(config=mj.DetectConfig(min_face_size=30)),
        lambda monkeypatch: Process()(params={"scale": np.ones(1, np.float32)[0], "more": 0.0}),
        lambda monkeypatch: (
            monkeypatch.setattr(executables, "_origin", lambda: "other sources"),
            Process()(),
        ),
    ],
)
def test_what_an_executable_depends_on_is_in_its_name(place, monkeypatch, change):
    Process()()
    change(monkeypatch)
    assert len(files(place)) == 2


def test_another_precision_is_another_executable(place):
    Process()()
    with jax.default_matmul_precision("float32"):
        Process()()
    assert len(files(place)) == 2


def broken(content):
    return hashlib.sha256(content).digest() + content


@pytest.mark.parametrize(
    "harm",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:9],
        lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
        lambda whole: broken(b"no pickle"),
        lambda whole: broken(pickle.dumps(("three", "wrong", "parts"))),
        lambda whole: broken(pickle.dumps(1)),
    ],
)
def test_a_broken_file_is_compiled_anew_and_replaced(place, harm):
    Process()()
    (path,) = files(place)
    path.write_bytes(harm(path.read_bytes()))
    again = Process()
    assert again() == pytest.approx(WANTED) and again.traces == 1
    after = Process()
    assert after() == pytest.approx(WANTED) and after.traces == 0
    assert files(place) == [path]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def other_owner(monkeypatch, *paths):
    """Has the system say that the paths belong to somebody else."""
    inodes = {path.stat().st_ino for path in paths}

    def told(found):
        if found.st_ino in inodes:
            found = os.stat_result([*found[:4], os.geteuid() + 1, *found[5:]])
        return distrust(found)

    monkeypatch.setattr(executables, "distrust", told)


class Planted:
    """A pickle of it creates the file named, when loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_folder_and_files_are_for_this_user_alone(place):
    before = os.umask(0)
    try:
        Process()()
    finally:
        os.umask(before)
    assert mode(place) == 0o700 and [mode(path) for path in files(place)] == [0o600]


@pytest.mark.parametrize("how", ["owned", 0o777, 0o775])
def test_from_a_folder_that_others_can_write_to_nothing_is_run(place, monkeypatch, how):
    Process()()
    (path,) = files(place)
    path.write_bytes(broken(pickle.dumps(Planted(place.parent / "run"))))
    if how == "owned":
        other_owner(monkeypatch, place)
    else:
        place.chmod(how)
    process = Process()
    words = "belongs to user" if how == "owned" else "can be written to by others"
    with pytest.warns(UserWarning, match=f"not kept in .*cache.*{words}.*accepted"):
        assert process() == pytest.approx(WANTED)
    assert process() == Process()() == pytest.approx(WANTED)  # Said once.
    assert not (place.parent / "run").exists()


@pytest.mark.parametrize("how", ["owned", 0o666, 0o620])
def test_a_file_that_others_can_have_written_is_compiled_anew(place, monkeypatch, how):
    Process()()
    (path,) = files(place)
    path.write_bytes(broken(pickle.dumps(Planted(place.parent / "run"))))
    if how == "owned":
        other_owner(monkeypatch, path)
    else:
        path.chmod(how)
    again = Process()
    with pytest.warns(UserWarning, match="mtcnn_jax-.* is not used, for it (belongs|can be)"):
        assert again() == pytest.approx(WANTED) and again.traces == 1
    assert not (place.parent / "run").exists()
    monkeypatch.undo()
    monkeypatch.setattr(executables, "folder", lambda: place)
    after = Process()
    assert after() == pytest.approx(WANTED) and after.traces == 0


def test_a_link_and_a_pipe_in_a_files_place_are_not_followed(place):
    Process()()
    (path,) = files(place)
    elsewhere = place.parent / "elsewhere"
    elsewhere.write_bytes(broken(pickle.dumps(Planted(place.parent / "run"))))
    path.unlink()
    path.symlink_to(elsewhere)
    assert Process()() == pytest.approx(WANTED)
    assert not (place.parent / "run").exists() and not path.is_symlink()
    path.unlink()
    os.mkfifo(path)
    with pytest.warns(UserWarning, match="is no regular file"):
        assert Process()() == pytest.approx(WANTED)
    assert path.is_file()


def test_what_cannot_be_kept_is_left_to_jax_from_then_on(place, monkeypatch):
    monkeypatch.setattr(executables, "_packed", lambda *arguments: None)
    first = Process()
    assert first() == pytest.approx(WANTED) and first.traces == 2
    assert [path.read_bytes() for path in files(place)] == [b""]
    second = Process()
    assert [second() for _ in range(2)] == [pytest.approx(WANTED)] * 2
    assert second.traces == 1


def test_parameters_of_another_form_are_computed_with_all_the_same(place):
    process = Process()
    process()
    half = {"scale": jnp.asarray(3, jnp.bfloat16)}
    assert process(half) == pytest.approx(WANTED, rel=1e-2)
    assert process() == pytest.approx(WANTED)


def test_a_folder_that_cannot_be_written_is_said_once(place):
    place.write_bytes(b"a file")
    process = Process()
    with pytest.warns(UserWarning, match="could not be kept in .*cache/mtcnn_jax-"):
        assert process() == pytest.approx(WANTED)
    assert process() == pytest.approx(WANTED)


@pytest.mark.parametrize(
    "setting",
    [
        lambda: jax.debug_nans(True),
        lambda: jax.disable_jit(),
        lambda: jax.default_device(jax.devices()[0]),
    ],
)
def test_rare_settings_are_left_to_jax(place, setting):
    with setting():
        assert Process()() == pytest.approx(WANTED)
    assert not place.exists()


@pytest.mark.parametrize(
    ("path", "usable"), [(None, False), ("", False), ("gs://bucket/cache", False), ("/x/y", True)]
)
def test_the_folder_is_that_of_jax(path, usable, monkeypatch):
    before = jax.config.jax_compilation_cache_dir
    try:
        jax.config.update("jax_compilation_cache_dir", path)
        found = FOLDER()
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
    assert (str(found) == path) if usable else (found is None)


def test_the_cascade_is_loaded_without_its_trace(place, params, street, monkeypatch):
    image, config = street[160:420, 320:], mj.DetectConfig(min_face_size=40)
    compiled.detector.cache_clear()
    wanted = mj.detect(params, image, config)
    assert len(wanted.boxes) and len(files(place)) == 1
    forget()
    compiled.detector.cache_clear()

    def refuse(*arguments):
        raise AssertionError("traced")

    monkeypatch.setattr("mtcnn_jax.cascade.stages.detect_padded", refuse)
    found = mj.detect(params, image, config)
    for one, other in zip(jax.tree.leaves(wanted), jax.tree.leaves(found), strict=True):
        np.testing.assert_array_equal(one, other)
    compiled.detector.cache_clear()
