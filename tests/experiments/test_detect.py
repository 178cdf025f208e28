import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from experiments import detect
from mtcnn_jax.cascade.boxes import iou
from tests import ROOT

PHOTO = ROOT / "docs" / "astronaut.jpg"
FACES = mj.Faces(
    np.array([[1.5, 2, 9, 10.25]], np.float32),
    np.array([0.875], np.float32),
    np.array([[[3, 4], [7, 4], [5, 6], [4, 8], [6.125, 8]]], np.float32),
)


def make(path, size=(20, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 60, 30)).save(path)
    return path


def names(found):
    return [file.relative_to(found.root).as_posix() for file in found.files]


class TestFindPictures:
    def test_one_file_whatever_it_is_called(self, tmp_path):
        path = tmp_path / "photo[1]"
        path.touch()
        found = detect.find_pictures(str(path), str(tmp_path))
        assert found == (tmp_path, [path], 0)

    def test_folder_with_sub_folders(self, tmp_path):
        for name in ("b.JPG", "a/x.png", "a/b/y.webp", "notes.txt", ".hidden.jpg", ".git/z.jpg"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        found = detect.find_pictures(str(tmp_path), str(tmp_path / "out"))
        assert names(found) == ["a/b/y.webp", "a/x.png", "b.JPG"]
        assert found.left_out == 1

    def test_pattern(self, tmp_path):
        for name in ("p/a.jpg", "p/q/b.jpg", "p/q/c.png"):
            make(tmp_path / name)
        found = detect.find_pictures(f"{tmp_path}/**/*.jpg", "out")
        assert found.root == tmp_path / "p"
        assert names(found) == ["a.jpg", "q/b.jpg"]

    def test_pattern_through_a_parent_folder_stays_below_the_root(self, tmp_path):
        make(tmp_path / "p" / "a.jpg")
        make(tmp_path / "b.jpg")
        found = detect.find_pictures(f"{tmp_path}/p/../*.jpg", "out")
        assert names(found) == ["b.jpg"]

    def test_results_of_an_earlier_run_are_left_out(self, tmp_path):
        for name in ("a.jpg", "a.jpg.faces.jpg", "sub/b.jpg.faces.jpg"):
            make(tmp_path / name)
        assert names(detect.find_pictures(str(tmp_path), str(tmp_path))) == ["a.jpg"]
        elsewhere = detect.find_pictures(str(tmp_path), str(tmp_path / "sub"))
        assert names(elsewhere) == ["a.jpg", "a.jpg.faces.jpg"]

    @pytest.mark.parametrize("source", ["nothing", "nothing/*.jpg", "empty", "*.jpg"])
    def test_nothing_found(self, tmp_path, monkeypatch, source):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").mkdir()
        with pytest.raises(FileNotFoundError, match="no picture at --input=.*accepted"):
            detect.find_pictures(source, "out")


class TestDetectFiles:
    """With a stand-in for the networks, which have tests of their own."""

    @pytest.fixture(autouse=True)
    def stand_in(self, monkeypatch):
        self.configs = []

        def found(params, image, config):
            assert params == {} and image.dtype == np.uint8
            self.configs.append(config)
            return FACES

        monkeypatch.setattr(mj, "detect", found)

    def run(self, source, output, config=None):
        found = detect.find_pictures(str(source), str(output))
        return detect.detect_files({}, found, str(output), config or mj.DetectConfig())

    def test_record_and_annotated_picture(self, tmp_path, capsys):
        make(tmp_path / "in" / "x.jpg", size=(20, 16))
        config = mj.DetectConfig(min_face_size=12)
        assert self.run(tmp_path / "in", tmp_path / "out", config) is True
        assert self.configs == [config]
        assert json.loads((tmp_path / "out" / "faces.jsonl").read_text()) == {
            "file": "x.jpg",
            "size": [16, 20],
            "boxes": [[1.5, 2, 9, 10.25]],
            "scores": [0.875],
            "landmarks": [[[3, 4], [7, 4], [5, 6], [4, 8], [6.125, 8]]],
        }
        with Image.open(tmp_path / "out" / "x.jpg.faces.jpg") as annotated:
            assert annotated.size == (20, 16)
            assert len(np.unique(np.asarray(annotated)[..., 0])) > 1
        assert capsys.readouterr().out == (
            f"pictures: 1, faces: 1; see {tmp_path}/out/faces.jsonl and the annotated pictures "
            "beside it\n"
        )

    def test_names_do_not_collide(self, tmp_path):
        originals = ["a/x.jpg", "b/x.jpg", "b/x.png", "b/x.jpg.jpg", "x.jpg"]
        for name in originals:
            make(tmp_path / "in" / name)
        self.run(tmp_path / "in", tmp_path / "out")
        written = {
            path.relative_to(tmp_path / "out").as_posix()
            for path in (tmp_path / "out").rglob("*")
            if path.is_file()
        }
        assert written == {"faces.jsonl", *(name + ".faces.jpg" for name in originals)}
        lines = (tmp_path / "out" / "faces.jsonl").read_text().splitlines()
        assert [json.loads(line)["file"] for line in lines] == sorted(originals)

    def test_originals_are_left_alone_where_the_results_lie_beside_them(self, tmp_path):
        original = make(tmp_path / "x.jpg")
        before = original.read_bytes()
        for _ in range(2):
            assert self.run(tmp_path, tmp_path) is True
        assert original.read_bytes() == before
        assert sorted(os.listdir(tmp_path)) == ["faces.jsonl", "x.jpg", "x.jpg.faces.jpg"]

    def test_bad_file_is_named_and_the_run_goes_on(self, tmp_path, capsys):
        make(tmp_path / "a.jpg")
        (tmp_path / "b.jpg").write_text("not a picture")
        make(tmp_path / "c.jpg")
        assert self.run(tmp_path, tmp_path / "out") is False
        streams = capsys.readouterr()
        assert "not read" in streams.err and "b.jpg" in streams.err
        assert "pictures: 2, faces: 2, not read: 1;" in streams.out
        lines = (tmp_path / "out" / "faces.jsonl").read_text().splitlines()
        assert [json.loads(line)["file"] for line in lines] == ["a.jpg", "c.jpg"]

    def test_a_picture_too_large_is_named_and_the_run_goes_on(self, tmp_path, capsys):
        make(tmp_path / "a.png", size=(2**16 + 1, 1))
        make(tmp_path / "c.jpg")
        assert self.run(tmp_path, tmp_path / "out") is False
        assert "a.png' has 65537 x 1 pixels; accepted are at most 134" in capsys.readouterr().err


@pytest.mark.skipif(
    not ROOT.joinpath("mtcnn_jax/weights/mtcnn.npz").is_file(),
    reason="this copy has no weights of its own",
)
def test_the_command_finds_the_astronaut(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "experiments.detect", f"--input={PHOTO}", f"--output={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "faces.jsonl").read_text())
    assert record["size"] == [512, 512]
    # The face, drawn by hand from the forehead to the chin.
    overlaps = iou(np.array(record["boxes"]), np.array([[175, 65, 268, 182]]))
    assert np.max(overlaps) > 0.5
    assert str(tmp_path / "faces.jsonl") in result.stdout.splitlines()[-1]


FLAGS = {
    "min_face_size": 40,
    "thresholds": ["0.6", "0.7", "0.7"],
    "scale_factor": 0.7,
    "voting": 0.7,
}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source": "nowhere"}, "no picture at --input=nowhere"),
        ({"thresholds": ["0.6", "0.7"]}, "thresholds"),
        ({"thresholds": ["0.6", "high", "0.7"]}, "--thresholds=0.6,high,0.7; accepted: three"),
        ({"min_face_size": 3}, "min_face_size"),
        ({"scale_factor": 1}, "scale_factor"),
        ({"voting": 2}, "voting is 2; accepted are overlaps above 0, up to 1"),
        ({"weights": "nowhere.npz"}, "nowhere.npz"),
        ({"output": str(PHOTO)}, "astronaut.jpg"),
    ],
)
def test_a_run_that_cannot_start_says_why(tmp_path, monkeypatch, capsys, wrong, message):
    if "weights" not in wrong:
        monkeypatch.setattr(mj, "load_params", lambda path: {})
    arguments = {"source": str(PHOTO), "output": str(tmp_path / "out"), **FLAGS, **wrong}
    assert detect.run(**arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert not (tmp_path / "out").exists()


def test_exit_code_tells_of_bad_files(tmp_path, monkeypatch):
    monkeypatch.setattr(mj, "load_params", lambda path: {})
    monkeypatch.setattr(mj, "detect", lambda params, image, config: FACES)
    make(tmp_path / "a.jpg")
    assert detect.run(str(tmp_path), str(tmp_path / "out"), **FLAGS) == 0
    (tmp_path / "b.jpg").write_text("not a picture")
    assert detect.run(str(tmp_path), str(tmp_path / "out"), **FLAGS) == 1


def test_compilations_are_kept_in_the_users_cache_folder(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/user/.cache")
    before = jax.config.jax_compilation_cache_dir
    try:
        jax.config.update("jax_compilation_cache_dir", None)
        detect.keep_compilations()
        assert jax.config.jax_compilation_cache_dir == "/home/user/.cache/mtcnn_jax"
        jax.config.update("jax_compilation_cache_dir", "/elsewhere")
        detect.keep_compilations()
        assert jax.config.jax_compilation_cache_dir == "/elsewhere"
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
