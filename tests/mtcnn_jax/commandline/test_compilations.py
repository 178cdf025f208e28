import stat

import jax
import pytest

from mtcnn_jax.commandline.compilations import keep_compilations


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder that the commands are to use; JAX's settings are put back."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    names = ("jax_compilation_cache_dir", "jax_enable_compilation_cache")
    before = {name: getattr(jax.config, name) for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    yield tmp_path / "cache/mtcnn_jax"
    for name, value in before.items():
        jax.config.update(name, value)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_compilations_are_kept_in_the_users_cache_folder(cache, tmp_path, capsys):
    keep_compilations()
    assert jax.config.jax_compilation_cache_dir == str(cache)
    elsewhere = str(tmp_path / "elsewhere")
    jax.config.update("jax_compilation_cache_dir", elsewhere)
    keep_compilations()
    assert jax.config.jax_compilation_cache_dir == elsewhere
    assert jax.config.jax_enable_compilation_cache and not capsys.readouterr().err


def test_the_folder_is_for_this_user_alone(cache):
    keep_compilations()
    assert mode(cache) == 0o700
    cache.chmod(0o755)
    keep_compilations()
    jax.config.update("jax_compilation_cache_dir", None)
    keep_compilations()
    assert mode(cache) == 0o700


@pytest.mark.parametrize("named", [False, True])
def test_a_folder_that_others_can_write_to_is_left_alone(cache, named, capsys):
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    if named:
        jax.config.update("jax_compilation_cache_dir", str(cache))
    keep_compilations()
    assert not (jax.config.jax_enable_compilation_cache and jax.config.jax_compilation_cache_dir)
    said = capsys.readouterr().err
    assert said.startswith("warning: ") and said.count("\n") == 1
    assert f"{str(cache)!r} can be written to by others (mode 0777)" in said
    assert mode(cache) == 0o777


def test_a_folder_that_cannot_be_made_is_told(cache, capsys):
    cache.parent.write_bytes(b"a file")
    keep_compilations()
    assert jax.config.jax_compilation_cache_dir is None
    assert "warning: nothing that is compiled is kept" in capsys.readouterr().err


def test_a_place_that_is_no_folder_of_this_machine_is_jaxs_to_look_after(capsys):
    jax.config.update("jax_compilation_cache_dir", "gs://bucket/cache")
    keep_compilations()
    assert jax.config.jax_compilation_cache_dir == "gs://bucket/cache"
    assert not capsys.readouterr().err
