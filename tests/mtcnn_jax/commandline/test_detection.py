import json
import os
import resource
import subprocess
import sys
import types

import jax
import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from experiments import detect as absl_command
from mtcnn_jax.cascade.boxes import iou
from mtcnn_jax.commandline import detection, resumption
from mtcnn_jax.commandline.looking import read_picture
from mtcnn_jax.commandline.pictures import find_pictures
from tests import ROOT
from tests.mtcnn_jax.commandline.drawn import DEFAULTS, FACES, make, options

LINES = ["faces.jsonl", "faces.settings.json"]
PHOTO = ROOT / "docs" / "astronaut.jpg"


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

    def run(self, source, output, **values):
        found = find_pictures([str(source)], str(output))
        return detection.detect_files({}, found, str(output), options(**values))

    def test_record_and_annotated_picture(self, tmp_path, capsys):
        make(tmp_path / "in" / "x.jpg", size=(20, 16))
        assert self.run(tmp_path / "in", tmp_path / "out", min_face_size=12) is True
        assert self.configs == [mj.DetectConfig(min_face_size=12)]
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
        assert written == {*LINES, *(name + ".faces.jpg" for name in originals)}
        lines = (tmp_path / "out" / "faces.jsonl").read_text().splitlines()
        assert [json.loads(line)["file"] for line in lines] == sorted(originals)

    def test_originals_are_left_alone_where_the_results_lie_beside_them(self, tmp_path):
        original = make(tmp_path / "x.jpg")
        before = original.read_bytes()
        for _ in range(2):
            assert self.run(tmp_path, tmp_path) is True
        assert original.read_bytes() == before
        assert sorted(os.listdir(tmp_path)) == [*LINES, "x.jpg", "x.jpg.faces.jpg"]

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

    def test_what_is_no_regular_file_is_named_and_not_waited_for(self, tmp_path, capsys):
        make(tmp_path / "in" / "z.jpg")
        os.mkfifo(tmp_path / "in" / "a.jpg")
        (tmp_path / "in" / "b.jpg").symlink_to("/dev/zero")
        (tmp_path / "in" / "c.jpg").symlink_to("nowhere")
        assert self.run(tmp_path / "in", tmp_path / "out") is False
        streams = capsys.readouterr()
        for name in ("a.jpg", "b.jpg"):
            assert f"not read: '{tmp_path}/in/{name}' is a pipe, a device or the" in streams.err
        assert f"not read: no such file: {str(tmp_path / 'in/c.jpg')!r}" in streams.err
        assert "pictures: 1, faces: 1, not read: 3;" in streams.out

    def test_a_folder_that_cannot_be_listed_is_named(self, tmp_path, capsys, monkeypatch):
        make(tmp_path / "in" / "sub" / "a.jpg")
        make(tmp_path / "in" / "z.jpg")
        scandir = os.scandir

        def refuse(path):
            if str(path).endswith("sub"):
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", refuse)
            found = find_pictures([str(tmp_path / "in")], str(tmp_path / "out"))
        assert [path.name for path in found.files] == ["sub", "z.jpg"]
        assert self.run(tmp_path / "in" / "z.jpg", tmp_path / "out") is True
        with pytest.raises(ValueError, match="sub' cannot be listed; accepted: a folder that"):
            read_picture(found.files[0])

    def test_a_photo_of_a_phone_names_what_reads_it(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        make(tmp_path / "b.jpg")
        (tmp_path / "a.HEIC").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
        assert self.run(tmp_path, tmp_path / "out") is False
        streams = capsys.readouterr()
        assert "a.HEIC' is a picture in HEIC" in streams.err
        assert "python -m pip install pillow-heif\n" in streams.err
        assert "pictures: 1, faces: 1, not read: 1;" in streams.out

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (ValueError("the picture is 20000000 x 1; accepted"), ": the picture is 20000000 x 1"),
            (MemoryError(), " takes more memory than there is"),
            (
                jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 57 GiB"),
                " takes more memory than the device has",
            ),
        ],
    )
    def test_a_picture_that_takes_too_much_memory_is_named_and_the_run_goes_on(
        self, tmp_path, capsys, monkeypatch, error, words
    ):
        def found(params, image, config):
            if image.shape[1] > 100:
                raise error
            return FACES

        monkeypatch.setattr(mj, "detect", found)
        make(tmp_path / "a.png", size=(20000, 1))
        make(tmp_path / "b.png")
        assert self.run(tmp_path, tmp_path / "out") is False
        streams = capsys.readouterr()
        assert f"not read: {str(tmp_path / 'a.png')!r}{words}" in streams.err
        assert "pictures: 1, faces: 1, not read: 1;" in streams.out

    def test_a_file_too_large_for_memory_is_named(self, tmp_path, capsys, monkeypatch):
        def read(path):
            raise MemoryError

        monkeypatch.setattr(mj, "read_image", read)
        make(tmp_path / "a.png")
        assert self.run(tmp_path, tmp_path / "out") is False
        assert "a.png' takes more memory than there is\n" in capsys.readouterr().err

    def test_other_errors_of_the_runtime_are_not_taken_for_a_large_picture(
        self, tmp_path, monkeypatch
    ):
        def found(params, image, config):
            raise jax.errors.JaxRuntimeError("INTERNAL: a fault")

        monkeypatch.setattr(mj, "detect", found)
        make(tmp_path / "a.png")
        with pytest.raises(jax.errors.JaxRuntimeError, match="a fault"):
            self.run(tmp_path, tmp_path / "out")

    def test_a_picture_too_long_for_a_jpeg_has_its_line_and_is_told_of(self, tmp_path, capsys):
        make(tmp_path / "a.png", size=(65510, 1))
        make(tmp_path / "b.png")
        assert self.run(tmp_path, tmp_path / "out") is False
        lines = (tmp_path / "out/faces.jsonl").read_text().splitlines()
        assert [json.loads(line)["size"] for line in lines] == [[1, 65510], [16, 20]]
        streams = capsys.readouterr()
        assert (
            "not drawn: " in streams.err and "65510 x 1 pixels; a JPEG file has at" in streams.err
        )
        assert "pictures: 2, faces: 2, not drawn: 1;" in streams.out
        assert (tmp_path / "out/b.png.faces.jpg").exists()

    def test_links_in_the_places_of_results_are_replaced_and_not_followed(self, tmp_path):
        make(tmp_path / "in" / "x.jpg")
        precious = tmp_path / "precious"
        precious.write_bytes(b"precious")
        out = tmp_path / "out"
        out.mkdir()
        (out / "faces.jsonl").symlink_to(precious)
        (out / "x.jpg.faces.jpg").symlink_to(tmp_path / "not there")
        assert self.run(tmp_path / "in", out) is True
        assert precious.read_bytes() == b"precious" and not (tmp_path / "not there").exists()
        assert sorted(os.listdir(out)) == [*LINES, "x.jpg.faces.jpg"]
        assert not any(path.is_symlink() for path in out.iterdir())

    def test_a_link_put_there_while_the_run_goes_on_is_not_followed(self, tmp_path, monkeypatch):
        for name in ("a.jpg", "b.jpg"):
            make(tmp_path / "in" / name)
        precious = tmp_path / "precious"
        precious.write_bytes(b"precious")
        lines = tmp_path / "out/faces.jsonl"

        def found(params, image, config):
            lines.unlink(missing_ok=True)
            lines.symlink_to(precious)
            return FACES

        monkeypatch.setattr(mj, "detect", found)
        with pytest.raises(OSError, match="faces.jsonl"):
            self.run(tmp_path / "in", tmp_path / "out")
        assert precious.read_bytes() == b"precious"

    @pytest.mark.parametrize("linked", [False, True])
    def test_a_file_of_the_users_own_is_not_replaced(self, tmp_path, capsys, linked):
        make(tmp_path / "x.jpg")
        own = make(tmp_path / ("own/photo.jpg" if linked else "x.jpg.faces.jpg"), size=(9, 9))
        if linked:
            (tmp_path / "x.jpg.faces.jpg").symlink_to(own)
        before = own.read_bytes()
        for _ in range(2):
            assert self.run(tmp_path / "x.jpg", tmp_path) is False
            streams = capsys.readouterr()
            assert (
                f"not drawn: {str(tmp_path / 'x.jpg.faces.jpg')!r} is there and no" in streams.err
            )
            assert "pictures: 1, faces: 1, not drawn: 1;" in streams.out
        assert own.read_bytes() == before

    @pytest.mark.parametrize("own", [b"[1, 2]\n", b'{"id": 3}\n', None])
    def test_lines_of_the_users_own_are_not_replaced(self, tmp_path, own):
        make(tmp_path / "x.jpg")
        path = tmp_path / "out/faces.jsonl"
        path.parent.mkdir()
        path.write_bytes(own) if own else path.mkdir()
        with pytest.raises(FileExistsError, match="faces.jsonl' is there and no result of.*accept"):
            self.run(tmp_path, tmp_path / "out")
        assert os.listdir(tmp_path / "out") == ["faces.jsonl"]
        assert path.read_bytes() == own if own else path.is_dir()

    @pytest.mark.parametrize("begun", [b"", b'{"fi', b'{"file": "x.jpg", "si'])
    def test_lines_that_an_earlier_run_left_unfinished_are_replaced(self, tmp_path, begun):
        make(tmp_path / "x.jpg")
        (tmp_path / "out").mkdir()
        (tmp_path / "out/faces.jsonl").write_bytes(begun)
        assert self.run(tmp_path, tmp_path / "out") is True
        assert json.loads((tmp_path / "out/faces.jsonl").read_text())["file"] == "x.jpg"

    def test_results_of_an_earlier_run_are_replaced(self, tmp_path):
        make(tmp_path / "x.jpg", size=(20, 16))
        assert self.run(tmp_path, tmp_path / "out") is True
        make(tmp_path / "x.jpg", size=(40, 32))
        assert self.run(tmp_path / "x.jpg", tmp_path / "out", overwrite=True) is True
        with Image.open(tmp_path / "out/x.jpg.faces.jpg") as annotated:
            assert annotated.size == (40, 32)

    def test_results_have_the_permissions_of_any_new_file(self, tmp_path):
        make(tmp_path / "x.jpg")
        self.run(tmp_path, tmp_path / "out")
        (tmp_path / "plain").touch()
        modes = {path.stat().st_mode for path in (tmp_path / "out").iterdir()}
        assert modes == {(tmp_path / "plain").stat().st_mode}


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


FLAGS = DEFAULTS | {
    "min_face_size": 40,
    "thresholds": ["0.6", "0.7", "0.7"],
    "scale_factor": 0.7,
    "voting": 0.7,
    "second_look": True,
    "size_prior": 0.25,
}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source": "nowhere"}, "no picture at nowhere"),
        ({"thresholds": ["0.6", "0.7"]}, "thresholds"),
        ({"thresholds": ["0.6", "high", "0.7"]}, "--thresholds=0.6,high,0.7; accepted: three"),
        ({"min_face_size": 3}, "min_face_size"),
        ({"scale_factor": 1}, "scale_factor"),
        ({"voting": 2}, "voting is 2; accepted are overlaps above 0, up to 1"),
        ({"size_prior": -1}, "size_prior is -1; accepted are log-odds from 0 up"),
        ({"weights": "nowhere.npz"}, "nowhere.npz"),
        ({"output": str(PHOTO)}, "astronaut.jpg"),
    ],
)
def test_a_run_that_cannot_start_says_why(tmp_path, monkeypatch, capsys, wrong, message):
    if "weights" not in wrong:
        monkeypatch.setattr(mj, "load_params", lambda path: {})
    arguments = {"source": str(PHOTO), "output": str(tmp_path / "out"), **FLAGS, **wrong}
    source, output = arguments.pop("source"), arguments.pop("output")
    assert detection.run([source], output, arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert not (tmp_path / "out").exists()


def test_exit_code_tells_of_bad_files(tmp_path, monkeypatch):
    monkeypatch.setattr(mj, "load_params", lambda path: {})
    monkeypatch.setattr(mj, "detect", lambda params, image, config: FACES)
    make(tmp_path / "a.jpg")
    assert detection.run([str(tmp_path)], str(tmp_path / "out"), FLAGS) == 0
    (tmp_path / "b.jpg").write_text("not a picture")
    assert detection.run([str(tmp_path)], str(tmp_path / "out"), FLAGS) == 1


@pytest.fixture
def stand_ins(monkeypatch):
    monkeypatch.setattr(mj, "load_params", lambda path: {})
    monkeypatch.setattr(mj, "detect", lambda params, image, config: FACES)


@pytest.mark.parametrize(
    ("most", "name"),
    [(10, "faces.settings.json"), (100, "faces.jsonl"), (800, "a.jpg.faces.jpg")],
)
def test_a_full_disk_ends_the_run_with_a_sentence(
    tmp_path, stand_ins, monkeypatch, capsys, most, name
):
    """A limit on the bytes of a file, which the system tells of in the same way."""
    make(tmp_path / "a.jpg")
    if name == "faces.jsonl":
        monkeypatch.setattr(resumption, "write_whole", lambda path, content: path.write_bytes(b""))
        monkeypatch.setattr(detection, "write_copies", lambda *_: [])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        assert detection.run([str(tmp_path)], str(tmp_path / "out"), FLAGS) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert f"{tmp_path / 'out' / name}" in error and "what was written before stays" in error
    assert sorted(os.listdir(tmp_path / "out")) == LINES[: 1 if most == 10 else 2]


def test_an_interrupted_run_keeps_what_it_wrote(tmp_path, stand_ins, monkeypatch, capsys):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        make(tmp_path / name)
    images = []

    def found(params, image, config):
        images.append(image)
        if len(images) == 2:
            raise KeyboardInterrupt
        return FACES

    class Values(types.SimpleNamespace):
        def __getitem__(self, name):
            return types.SimpleNamespace(present=True)

    monkeypatch.setattr(mj, "detect", found)
    values = Values(input=str(tmp_path), output=str(tmp_path / "out"), **FLAGS)
    monkeypatch.setattr(absl_command.flags, "FLAGS", values)
    assert absl_command.main(["detect"]) == 130
    assert capsys.readouterr().err == "interrupted; what was finished is kept\n"
    assert sorted(os.listdir(tmp_path / "out")) == ["a.jpg.faces.jpg", *LINES]
    (line,) = (tmp_path / "out/faces.jsonl").read_text().splitlines()
    assert json.loads(line)["file"] == "a.jpg"
