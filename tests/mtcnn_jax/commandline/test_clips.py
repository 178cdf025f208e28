"""A video into a folder: lines, copies, and what is there after a stop."""

import json
from fractions import Fraction

import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.commandline import program
from mtcnn_jax.commandline.clips import detect_clip
from mtcnn_jax.commandline.options import FLAGS, to_options
from mtcnn_jax.video import detection
from mtcnn_jax.video.reading import read_frames
from tests.clips import write_clip

av = pytest.importorskip("av")

CONFIG = mj.DetectConfig()


def asked(**values):
    return to_options({**{flag.name: flag.default for flag in FLAGS}, **values})


@pytest.fixture
def looks(monkeypatch):
    """Two faces in each frame, by a stand-in that notes when it is called."""
    calls = []

    def found(params, image, config):
        calls.append(config)
        boxes = np.float32([[10, 10, 30, 34], [34, 12, 46, 28]])
        points = np.repeat(boxes[:, None, :2] + 5, 5, axis=1)
        return mj.Faces(boxes, np.float32([0.99, 0.8]), points)

    monkeypatch.setattr(detection, "detect", found)
    return calls


@pytest.fixture
def clip(tmp_path):
    image = np.full((48, 64, 3), 90, np.uint8)
    return write_clip(tmp_path / "clip.mp4", [image] * 6, sound="aac")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_line_a_frame_and_the_video_with_its_faces(looks, clip, tmp_path):
    folder = tmp_path / "a" / "found"
    assert detect_clip({}, clip, folder, CONFIG, asked()) == (6, 12)
    assert names(folder) == ["clip.mp4.faces.jsonl", "clip.mp4.faces.mp4"]
    told = lines(folder / "clip.mp4.faces.jsonl")
    assert told[2] == {
        "frame": 2, "time": 0.08, "size": [48, 64], "boxes": [[10, 10, 30, 34], [34, 12, 46, 28]],
        "scores": [0.99, 0.8], "landmarks": [[[15, 15]] * 5, [[39, 17]] * 5], "ids": [1, 2],
    }  # fmt: skip
    assert [one["frame"] for one in told] == list(range(6))
    drawn = list(read_frames(folder / "clip.mp4.faces.mp4"))
    assert len(drawn) == 6 and np.ptp(drawn[3].image.astype(int)) > 80
    with av.open(str(folder / "clip.mp4.faces.mp4")) as file:
        assert len(file.streams.audio) == 1


def test_without_copies(looks, clip, tmp_path):
    detect_clip({}, clip, tmp_path / "found", CONFIG, asked(pictures=False, every=4))
    assert names(tmp_path / "found") == ["clip.mp4.faces.jsonl"]
    told = lines(tmp_path / "found" / "clip.mp4.faces.jsonl")
    assert [one["frame"] for one in told] == [0, 4] and len(looks) == 2


@pytest.mark.parametrize(
    ("options", "ids"),
    [({"min_score": 0.9}, [1]), ({"select": "largest", "max_faces": 1}, [1]),
     ({"select": "central", "max_faces": 1}, [2]), ({"max_faces": 1}, [1])],
)  # fmt: skip
def test_faces_that_were_not_asked_for_are_in_no_line(looks, clip, tmp_path, options, ids):
    found = detect_clip({}, clip, tmp_path / "f", CONFIG, asked(pictures=False, **options))
    assert found == (6, 6)
    assert all(one["ids"] == ids for one in lines(tmp_path / "f" / "clip.mp4.faces.jsonl"))


def test_every_third_draws_all_frames(looks, clip, tmp_path):
    assert detect_clip({}, clip, tmp_path / "f", CONFIG, asked(every=3)) == (2, 4)
    drawn = list(read_frames(tmp_path / "f" / "clip.mp4.faces.mp4"))
    assert len(drawn) == 6 and all(np.ptp(one.image.astype(int)) > 80 for one in drawn)


@pytest.mark.parametrize(
    ("name", "copy"),
    [("x.mov", "x.mov.faces.mov"), ("x.mkv", "x.mkv.faces.mkv"), ("x.MP4", "x.MP4.faces.mp4"),
     ("x.avi", "x.avi.faces.mkv")],
)  # fmt: skip
def test_copies_are_of_the_same_kind_where_that_can_be(looks, tmp_path, name, copy):
    codec = "mpeg4" if name == "x.avi" else "libx264"
    images = [np.full((48, 64, 3), 90, np.uint8)] * 3
    clip = write_clip(tmp_path / name, images, codec=codec, time_base=Fraction(1, 25))
    detect_clip({}, clip, tmp_path / "f", CONFIG, asked())
    assert names(tmp_path / "f") == sorted([copy, f"{name}.faces.jsonl"])


def test_a_video_that_was_gone_through_is_left_alone(looks, clip, tmp_path):
    first = detect_clip({}, clip, tmp_path / "f", CONFIG, asked())
    count = len(looks)
    assert detect_clip({}, clip, tmp_path / "f", CONFIG, asked()) == first
    assert len(looks) == count
    detect_clip({}, clip, tmp_path / "f", CONFIG, asked(overwrite=True))
    assert len(looks) == 2 * count


@pytest.mark.parametrize("when", [1, 3, 6])
def test_after_a_stop_nothing_looks_whole_and_the_next_run_begins_anew(
    looks, clip, tmp_path, monkeypatch, when
):
    stand_in = detection.detect

    def stop(params, image, config):
        if len(looks) == when - 1:
            raise KeyboardInterrupt
        return stand_in(params, image, config)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(detection, "detect", stop)
        detect_clip({}, clip, tmp_path / "f", CONFIG, asked())
    assert names(tmp_path / "f") == []
    looks.clear()
    assert detect_clip({}, clip, tmp_path / "f", CONFIG, asked()) == (6, 12)
    assert len(looks) == 6


@pytest.mark.parametrize("name", ["clip.mp4.faces.jsonl", "clip.mp4.faces.mp4"])
def test_files_of_the_users_own_stay(looks, clip, tmp_path, name):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / name).write_text("my own")
    with pytest.raises(FileExistsError, match="no result of an earlier run; accepted"):
        detect_clip({}, clip, tmp_path / "f", CONFIG, asked(overwrite=True))
    assert (tmp_path / "f" / name).read_text() == "my own" and not looks


def test_a_broken_video_is_named_and_leaves_nothing(looks, clip, tmp_path):
    clip.write_bytes(clip.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"clip\.mp4' cannot be read as a video"):
        detect_clip({}, clip, tmp_path / "f", CONFIG, asked())
    assert names(tmp_path / "f") == []


def test_blurred_faces_in_a_copy_of_their_own(looks, tmp_path):
    rng = np.random.default_rng(0)
    noise = np.kron(rng.integers(0, 255, (12, 16, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    clip = write_clip(tmp_path / "clip.mp4", [noise] * 3, options={"crf": "8"})
    detect_clip({}, clip, tmp_path / "f", CONFIG, asked(pictures=False, blur="box"))
    assert names(tmp_path / "f") == ["clip.mp4.blurred.mp4", "clip.mp4.faces.jsonl"]
    for old, new in zip(
        read_frames(clip), read_frames(tmp_path / "f" / "clip.mp4.blurred.mp4"), strict=True
    ):
        assert new.image[12:32, 12:28].max() < 30  # The first face, and black.
        away = np.abs(new.image[40:, 52:].astype(int) - old.image[40:, 52:])
        assert away.mean() < 12


class TestTheCommand:
    """`mtcnn-jax detect clip.mp4 --output found`, with the stand-in."""

    @pytest.fixture(autouse=True)
    def light(self, monkeypatch):
        monkeypatch.setattr(mj, "load_params", lambda weights: {})
        monkeypatch.setattr(mj.runtime, "keep_memory", lambda: None)
        monkeypatch.setattr("mtcnn_jax.commandline.detection.keep_compilations", lambda: None)

    def run(self, tmp_path, *arguments):
        return program.main(["detect", *map(str, arguments), "--output", str(tmp_path / "found")])

    def test_tells_what_was_done_and_goes_on_behind_it(self, looks, clip, tmp_path, capsys):
        assert self.run(tmp_path, clip, "--every=2", "--smooth") == 0
        assert "videos: 1, frames: 3, faces: 6" in capsys.readouterr().out
        assert len(looks) == 3
        assert self.run(tmp_path, clip, "--every=2", "--smooth") == 0
        assert "videos: 1, frames: 3, faces: 6" in capsys.readouterr().out
        assert len(looks) == 3

    def test_other_settings_are_refused_or_begin_anew(self, looks, clip, tmp_path, capsys):
        assert self.run(tmp_path, clip, "--every=2") == 0
        assert self.run(tmp_path, clip, "--every=3") == 2
        assert "--every was 2 and is 3" in capsys.readouterr().err
        other = write_clip(tmp_path / "other.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 2)
        assert self.run(tmp_path, other, "--every=3") == 2
        (tmp_path / "found" / "mine.mp4").write_text("my own")
        assert self.run(tmp_path, clip, "--every=3", "--nopictures", "--overwrite") == 0
        lines_path = tmp_path / "found" / "clip.mp4.faces.jsonl"
        assert [one["frame"] for one in lines(lines_path)] == [0, 3]
        assert not (tmp_path / "found" / "clip.mp4.faces.mp4").exists()
        assert (tmp_path / "found" / "mine.mp4").read_text() == "my own"

    def test_a_broken_video_is_named_and_the_others_are_gone_through(
        self, looks, clip, tmp_path, capsys
    ):
        (tmp_path / "b.mp4").write_bytes(b"no video")
        assert self.run(tmp_path, tmp_path / "b.mp4", clip) == 1
        told = capsys.readouterr()
        assert "b.mp4' cannot be read as a video" in told.err
        assert "videos: 1, frames: 6" in told.out and "not read: 1" in told.out

    def test_what_a_killed_run_left_half_made_is_removed(self, looks, clip, tmp_path):
        left = tmp_path / "found" / ".mtcnn_jax-x1"
        left.mkdir(parents=True)
        (left / "clip.mp4.faces.mp4").write_bytes(b"half")
        assert self.run(tmp_path, clip) == 0
        assert not left.exists()

    def test_ctrl_c(self, looks, clip, tmp_path, monkeypatch, capsys):
        def stop(params, image, config):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(detection, "detect", stop)
            assert self.run(tmp_path, clip) == 130
        assert not [name for name in names(tmp_path / "found") if name.startswith("clip")]
        assert self.run(tmp_path, clip) == 0
        assert "clip.mp4.faces.mp4" in names(tmp_path / "found")
