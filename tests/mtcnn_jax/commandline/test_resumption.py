"""A run goes on where one before it was stopped, at whatever moment that was."""

import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mtcnn_jax as mj
from mtcnn_jax.commandline import detection, resumption
from mtcnn_jax.commandline.pictures import find_pictures
from tests import ROOT
from tests.mtcnn_jax.commandline.drawn import FACES, make, options
from tests.properties import few

NAMES = ["a.png", "b.png", "c/d.png", "e.png"]


@pytest.fixture(autouse=True)
def looked_at(monkeypatch):
    """The widths of pictures looked at, by a stand-in for the networks."""
    seen = []

    def found(params, image, config):
        seen.append(image.shape[1])
        return FACES[: image.shape[1] % 2]

    monkeypatch.setattr(mj, "detect", found)
    return seen


def run(source, output, **values):
    found = find_pictures([str(source)], str(output))
    return detection.detect_files({}, found, str(output), options(**values))


def records(output):
    return [json.loads(line) for line in (output / "faces.jsonl").read_text().splitlines()]


def files(output):
    return [record["file"] for record in records(output)]


@pytest.fixture
def photos(tmp_path):
    for number, name in enumerate(NAMES):
        make(tmp_path / "in" / name, size=(20 + number, 16))
    return tmp_path / "in"


@pytest.fixture(scope="module")
def four():
    """Four pictures that all examples of a property read."""
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(NAMES):
            make(pathlib.Path(folder, name), size=(20 + number, 16))
        yield folder


@few
@given(cuts=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=4))
def test_wherever_runs_are_cut_short_each_picture_has_one_line(four, cuts):
    with tempfile.TemporaryDirectory() as output:
        lines = pathlib.Path(output, "faces.jsonl")
        run(four, output, pictures=False)
        whole = lines.read_bytes()
        for share, grow in cuts:
            content = lines.read_bytes()[: round(share * len(whole))]
            # A line may have got to the disk in part, too.
            lines.write_bytes(content + whole[:9] if grow and content.endswith(b"\n") else content)
            left = lines.read_bytes().count(b"\n")
            seen = []
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(mj, "detect", lambda *a, seen=seen: seen.append(a) or FACES[:0])
                assert run(four, output, pictures=False) is True
            assert len(seen) == len(NAMES) - left  # Nothing is looked at twice.
            assert sorted(files(pathlib.Path(output))) == NAMES
            assert lines.read_bytes().startswith(content[: content.rfind(b"\n") + 1])


KILLED = """
import sys, time
import mtcnn_jax as mj
from mtcnn_jax.commandline import detection, resumption
from tests.mtcnn_jax.commandline.drawn import DEFAULTS, FACES

def slow(params, image, config):
    time.sleep(0.02)
    return FACES

mj.detect = slow
mj.load_params = lambda path: {}
print("begun", flush=True)
detection.run(sys.argv[1:2], sys.argv[2], DEFAULTS)
"""


def test_a_run_that_was_killed_goes_on(tmp_path, looked_at, capsys):
    names = [f"{number:02}.png" for number in range(60)]
    for name in names:
        make(tmp_path / "in" / name)
    output = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "in"), str(output)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"begun\n"
    lines = output / "faces.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (lines.exists() and lines.read_bytes().count(b"\n")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    left = lines.read_bytes().count(b"\n")
    assert 0 < left < len(names)
    begun = {path.name for path in output.glob("*.faces.jpg")}
    assert {f"{name}.faces.jpg" for name in names[:left]} <= begun  # No line without its picture.
    assert run(tmp_path / "in", output) is True
    assert files(output) == names
    assert len(looked_at) == len(names) - left
    assert f"done before: {left};" in capsys.readouterr().out
    wanted = {"faces.jsonl", "faces.settings.json", *(f"{name}.faces.jpg" for name in names)}
    assert set(os.listdir(output)) == wanted


def test_what_a_killed_run_left_half_made_is_removed(photos, tmp_path):
    half = tmp_path / "out/c/.mtcnn_jax-abc/d.png.faces.jpg"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    assert run(photos, tmp_path / "out") is True
    assert [path.name for path in (tmp_path / "out/c").iterdir()] == ["d.png.faces.jpg"]


def test_a_second_run_does_nothing_but_what_is_new(photos, tmp_path, looked_at, capsys):
    assert run(photos, tmp_path / "out") is True
    before = (tmp_path / "out/faces.jsonl").read_bytes()
    looked_at.clear()
    make(photos / "aa.png", size=(99, 9))
    assert run(photos, tmp_path / "out") is True
    assert looked_at == [99]
    assert (tmp_path / "out/faces.jsonl").read_bytes().startswith(before)
    assert files(tmp_path / "out") == [*NAMES, "aa.png"]
    assert (
        capsys.readouterr()
        .out.splitlines()[1]
        .startswith("pictures: 5, faces: 3, done before: 4; see")
    )


def test_pictures_that_could_not_be_read_are_tried_again(photos, tmp_path):
    (photos / "b.png").write_text("no picture")
    assert run(photos, tmp_path / "out") is False
    assert run(photos, tmp_path / "out") is False
    make(photos / "b.png")
    assert run(photos, tmp_path / "out") is True
    assert files(tmp_path / "out") == ["a.png", "c/d.png", "e.png", "b.png"]


def test_a_missing_copy_is_made_again_of_the_line_and_not_looked_for(photos, tmp_path, looked_at):
    run(photos, tmp_path / "out")
    copy = tmp_path / "out/b.png.faces.jpg"
    before = copy.read_bytes()
    copy.unlink()
    looked_at.clear()
    assert run(photos, tmp_path / "out") is True
    assert looked_at == []
    assert copy.read_bytes() == before
    assert files(tmp_path / "out") == NAMES


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"min_face_size": 40.0}, "--min_face_size was 20 and is 40.0"),
        ({"thresholds": "0.5,0.7,0.7"}, r"--thresholds was \[0.6, 0.7, 0.7\] and is \[0.5, "),
        ({"select": "largest"}, '--select was "all" and is "largest", --max_faces was null and is'),
        ({"pictures": False}, "--pictures was true and is false"),
        ({"crops": "box"}, '--crops was null and is "box", --crop_size was null and is 112'),
        ({"min_score": 0.9}, "--min_score was 0.0 and is 0.9"),
    ],
)
def test_other_settings_are_refused_by_name(photos, tmp_path, changed, words):
    output = tmp_path / "out"
    run(photos, output)
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=f"out' holds results of other settings: {words}"):
        run(photos, output, **changed)
    assert before == {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    # What leaves the results as they are may change.
    assert run(photos, output, format="csv", batch_size=2, weights=None) is True


def test_other_weights_are_refused(photos, tmp_path):
    run(photos, tmp_path / "out")
    found = find_pictures([str(photos)], str(tmp_path / "out"))
    with pytest.raises(ValueError, match=r'--weights was "\w{16}" and is "\w{16}"; accepted'):
        detection.detect_files({"pnet": FACES.boxes}, found, str(tmp_path / "out"), options())


def test_pictures_of_another_folder_are_refused(photos, tmp_path):
    run(photos, tmp_path / "out")
    make(tmp_path / "other/a.png")
    with pytest.raises(ValueError, match='the pictures\' folder was .*in" and is .*other"; accep'):
        run(tmp_path / "other", tmp_path / "out")


def test_settings_before_anything_was_found_may_change(photos, tmp_path):
    (tmp_path / "in2").mkdir()
    (tmp_path / "in2/a.png").write_text("no picture")
    assert run(tmp_path / "in2", tmp_path / "out") is False
    assert run(photos, tmp_path / "out", min_score=0.5) is True
    assert files(tmp_path / "out") == NAMES


def test_overwrite_begins_anew_and_takes_the_earlier_copies_away(photos, tmp_path, looked_at):
    output = tmp_path / "out"
    run(photos, output)
    own = make(output / "mine.faces.jpg")
    for name in NAMES[1:]:
        (photos / name).unlink()
    looked_at.clear()
    assert run(photos, output, overwrite=True, min_face_size=30) is True
    assert looked_at == [20]
    assert files(output) == ["a.png"]
    kept = {path.name for path in output.rglob("*") if path.is_file()}
    assert kept == {"faces.jsonl", "faces.settings.json", "a.png.faces.jpg", own.name}
    assert run(photos, output, min_face_size=30) is True


def test_new_settings_never_lie_beside_lines_of_others(photos, tmp_path, monkeypatch):
    run(photos, tmp_path / "out")

    def killed(path, content):
        assert path.name == "faces.settings.json"
        assert (tmp_path / "out/faces.jsonl").read_bytes() == b""
        raise KeyboardInterrupt

    monkeypatch.setattr(resumption, "write_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        run(photos, tmp_path / "out", overwrite=True, min_score=0.5)


def test_overwrite_takes_a_damaged_file(photos, tmp_path):
    run(photos, tmp_path / "out")
    lines = tmp_path / "out/faces.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b'"size"', b'"sighs"'))
    words = r"faces.jsonl', line 1, is not the record of a picture; accepted"
    with pytest.raises(ValueError, match=words):
        run(photos, tmp_path / "out")
    assert run(photos, tmp_path / "out", overwrite=True) is True
    assert files(tmp_path / "out") == NAMES


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"mtcnn_jax": "0.1.0"}', None])
def test_lines_without_settings_are_not_gone_on_with(photos, tmp_path, content):
    run(photos, tmp_path / "out")
    path = tmp_path / "out/faces.settings.json"
    path.unlink() if content is None else path.write_bytes(content)
    words = {
        None: "is of a run that did not note its settings; accepted",
        b"[]": "is there and no result of an earlier run; accepted",
    }.get(content, "faces.settings.json' is damaged; accepted")
    with pytest.raises((ValueError, FileExistsError), match=words):
        run(photos, tmp_path / "out")


def test_two_lines_of_a_picture_are_told(photos, tmp_path):
    run(photos, tmp_path / "out")
    lines = tmp_path / "out/faces.jsonl"
    lines.write_bytes(lines.read_bytes() * 2)
    with pytest.raises(ValueError, match=r"faces.jsonl' has two lines of 'a.png'; accepted"):
        run(photos, tmp_path / "out")


def test_two_runs_at_a_time_are_refused(photos, tmp_path):
    run(photos, tmp_path / "out")
    with open(tmp_path / "out/faces.jsonl", "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another run is at work in .*out'; accepted"):
            run(photos, tmp_path / "out")
    assert run(photos, tmp_path / "out") is True


def test_tables_are_of_all_lines_or_not_there(photos, tmp_path, monkeypatch):
    output = tmp_path / "out"
    run(photos, output, format="csv,coco")
    assert (output / "faces.csv").exists() and (output / "faces.coco.json").exists()
    make(photos / "z.png")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(mj, "detect", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(photos, output, format="csv,coco")
    assert not (output / "faces.csv").exists() and not (output / "faces.coco.json").exists()
    monkeypatch.setattr(mj, "detect", lambda *_: FACES)
    run(photos, output, format="csv,coco")
    assert len((output / "faces.csv").read_text().splitlines()) == 1 + 2 + 1
    assert len(json.loads((output / "faces.coco.json").read_text())["images"]) == 5
