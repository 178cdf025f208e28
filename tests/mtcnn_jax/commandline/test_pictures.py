"""Which pictures paths, folders and patterns stand for."""

import os
import re

import pytest

from mtcnn_jax.commandline.pictures import find_pictures
from tests.mtcnn_jax.commandline.drawn import make


def names(found):
    return [file.relative_to(found.root).as_posix() for file in found.files]


def test_one_file_whatever_it_is_called(tmp_path):
    path = tmp_path / "photo[1]"
    path.touch()
    found = find_pictures([str(path)], str(tmp_path))
    assert found == (tmp_path, [path], 0)


def test_folder_with_sub_folders(tmp_path):
    for name in ("b.JPG", "a/x.png", "a/b/y.webp", "notes.txt", ".hidden.jpg", ".git/z.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = find_pictures([str(tmp_path)], str(tmp_path / "out"))
    assert names(found) == ["a/b/y.webp", "a/x.png", "b.JPG"]
    assert found.left_out == 1


def test_pattern(tmp_path):
    for name in ("p/a.jpg", "p/q/b.jpg", "p/q/c.png"):
        make(tmp_path / name)
    found = find_pictures([f"{tmp_path}/**/*.jpg"], "out")
    assert found.root == tmp_path / "p"
    assert names(found) == ["a.jpg", "q/b.jpg"]


def test_pattern_through_a_parent_folder_stays_below_the_root(tmp_path):
    make(tmp_path / "p" / "a.jpg")
    make(tmp_path / "b.jpg")
    found = find_pictures([f"{tmp_path}/p/../*.jpg"], "out")
    assert names(found) == ["b.jpg"]


def test_results_of_an_earlier_run_are_left_out(tmp_path):
    for name in ("a.jpg", "a.jpg.faces.jpg", "sub/b.jpg.faces.jpg"):
        make(tmp_path / name)
    assert names(find_pictures([str(tmp_path)], str(tmp_path))) == ["a.jpg"]
    elsewhere = find_pictures([str(tmp_path)], str(tmp_path / "sub"))
    assert names(elsewhere) == ["a.jpg", "a.jpg.faces.jpg"]


def test_photos_of_phones_are_pictures(tmp_path):
    for name in ("a.HEIC", "b.heif", "c.hif", "d.avif", "e.jxl", "notes.txt"):
        (tmp_path / name).touch()
    found = find_pictures([str(tmp_path)], "out")
    assert names(found) == ["a.HEIC", "b.heif", "c.hif", "d.avif", "e.jxl"]


def test_what_a_pattern_matches_and_cannot_be_read_is_kept_to_be_named(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to("nowhere")
    (tmp_path / "c.jpg").mkdir()
    found = find_pictures([f"{tmp_path}/*.jpg"], "out")
    assert names(found) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("source", ["nothing", "nothing/*.jpg", "empty", "*.jpg"])
def test_nothing_found(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=f"no picture at {re.escape(source)}; accepted"):
        find_pictures([source], "out")
