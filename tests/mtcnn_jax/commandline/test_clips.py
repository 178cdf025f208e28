"""A video into a folder: lines, copies, and what is there after a stop."""

import json
import types
from fractions import Fraction

import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.commandline.clips import detect_clip
from mtcnn_jax.video import detection
from mtcnn_jax.video.reading import read_frames
from tests.clips import write_clip

av = pytest.importorskip("av")

CONFIG = mj.DetectConfig()


def asked(**values):
    defaults = {
        "pictures": True, "blur": None, "min_score": 0.0, "select": "all", "max_faces": None,
        "overwrite": False, "batch_size": None, "every": 1, "smooth": False,
    }  # fmt: skip
    return types.SimpleNamespace(**{**defaults, **values})


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
