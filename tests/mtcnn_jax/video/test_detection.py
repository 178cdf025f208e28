"""Frames with their faces: with a stand-in for the networks, and once with them."""

import dataclasses
import threading

import jax
import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from mtcnn_jax.video import detection
from mtcnn_jax.video.annotation import HELD, lingering, with_all_faces
from mtcnn_jax.video.detection import Frame, Options, between, look
from mtcnn_jax.video.reading import Picture, read_frames
from tests import ROOT
from tests.clips import write_clip

pytest.importorskip("av")


def square(x, y=10, side=20, size=(64, 96)):
    """A grey picture with a white square, the stand-in's face."""
    image = np.full((*size, 3), 60, np.uint8)
    image[y : y + side, x : x + side] = 255
    return image


def find_square(image):
    bright = image[..., 1] > 160
    if not bright.any():
        return mj.Faces(*(np.zeros(s, np.float32) for s in ((0, 4), 0, (0, 5, 2))))
    ys, xs = np.nonzero(bright)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)
    points = np.tile((box[:2] + box[2:]) / 2, (5, 1)).astype(np.float32)
    return mj.Faces(box[None], np.float32([0.9]), points[None])


@pytest.fixture
def stand_in(monkeypatch):
    """Sizes of the batches that the stand-in has looked at."""
    batches = []

    def found(params, images, config, *, batch_size):
        assert params == {} and isinstance(config, mj.DetectConfig) and batch_size >= len(images)
        batches.append(len(images))
        return [find_square(image) for image in images]

    def found_in_one(params, image, config):
        return found(params, [image], config, batch_size=1)[0]

    monkeypatch.setattr(detection, "detect", found_in_one)
    monkeypatch.setattr(detection, "detect_batch", found)
    return batches


@pytest.fixture
def clip(tmp_path):
    """A square that moves by 5 pixels a frame, 12 frames."""
    return write_clip(tmp_path / "clip.mp4", [square(5 + 5 * i) for i in range(12)], sound="aac")


class TestDetectVideo:
    def test_gives_times_and_faces_with_ids(self, stand_in, clip):
        for i, (time, faces) in enumerate(mj.detect_video({}, clip)):
            assert time == pytest.approx(i / 25)
            assert isinstance(faces, mj.TrackedFaces) and faces.ids.tolist() == [1]
            np.testing.assert_allclose(faces.boxes, [[5 + 5 * i, 10, 25 + 5 * i, 30]], atol=1)
        assert i == 11 and stand_in == [1] * 12

    def test_every_fourth(self, stand_in, clip):
        times = [time for time, _ in mj.detect_video({}, str(clip), every=4)]
        np.testing.assert_allclose(times, [0, 4 / 25, 8 / 25])
        assert stand_in == [1] * 3

    def test_in_batches_it_is_the_same(self, stand_in, clip):
        alone = list(mj.detect_video({}, clip, every=2))
        together = list(mj.detect_video({}, clip, every=2, batch_size=4))
        assert stand_in[6:] == [4, 2]
        for (time, faces), (other_time, others) in zip(alone, together, strict=True):
            assert time == other_time
            np.testing.assert_array_equal(faces.boxes, others.boxes)

    def test_without_tracking(self, stand_in, clip):
        assert all(type(faces) is mj.Faces for _, faces in mj.detect_video({}, clip, track=False))

    def test_smoothed(self, stand_in, clip):
        raw = [faces.boxes[0, 0] for _, faces in mj.detect_video({}, clip)]
        smooth = [faces.boxes[0, 0] for _, faces in mj.detect_video({}, clip, smooth=True)]
        slow = mj.Smoothing(min_cutoff=0.1, beta=0)
        slower = [faces.boxes[0, 0] for _, faces in mj.detect_video({}, clip, smooth=slow)]
        assert raw[0] == smooth[0] == slower[0]
        assert all(a > b > c for a, b, c in zip(raw[1:], smooth[1:], slower[1:], strict=True))

    def test_patience(self, stand_in, tmp_path):
        frames = [square(20), *[square(20) * 0] * 3, square(20)]
        path = write_clip(tmp_path / "x.mp4", frames)
        for patience, last in ((3, [1]), (2, [2])):
            *_, (_, faces) = mj.detect_video({}, path, patience=patience)
            assert faces.ids.tolist() == last

    def test_is_read_while_it_goes_on(self, stand_in, tmp_path):
        path = write_clip(tmp_path / "x.mp4", [square(20)] * 60)
        threads, seen = threading.active_count(), mj.detect_video({}, path)
        next(seen)
        assert threading.active_count() == threads + 1
        seen.close()
        del seen
        assert threading.active_count() == threads and len(stand_in) == 1

    @pytest.mark.parametrize(
        ("options", "error"),
        [({"every": 0}, "every is 0; accepted"), ({"every": 1.5}, "every is 1.5; accepted"),
         ({"patience": -1}, "patience is -1; accepted"), ({"batch_size": 0}, "batch_size is 0"),
         ({"smooth": True, "track": False}, "smooth without track; accepted")],
    )  # fmt: skip
    def test_settings_are_checked_at_the_call(self, clip, options, error):
        with pytest.raises(ValueError, match=error):
            mj.detect_video({}, clip, **options)

    def test_arguments_are_checked_at_the_call(self, clip):
        with pytest.raises(FileNotFoundError, match=r"none\.mp4.*accepted: a video file"):
            mj.detect_video({}, "none.mp4")
        with pytest.raises(TypeError, match="path is a bytes; accepted is the path"):
            mj.detect_video({}, clip.read_bytes())
        with pytest.raises(TypeError, match="smooth is a float; accepted"):
            mj.detect_video({}, clip, smooth=0.5)
        with pytest.raises(TypeError, match="config"):
            mj.detect_video({}, clip, {"min_face_size": 20})


def test_what_breaks_off_gives_what_there_is_and_then_an_error(stand_in, tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 150, (64, 96, 3), np.uint8) for _ in range(24)]
    path = write_clip(tmp_path / "x.mkv", images)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"x\.mkv' breaks off after \d+ frames"):
        list(mj.detect_video({}, path))
    assert 5 < len(stand_in) < 24


class TestAnnotateVideo:
    def test_draws_on_each_frame_and_keeps_times(self, stand_in, clip, tmp_path):
        assert mj.annotate_video({}, clip, tmp_path / "y.mp4") == 12
        for old, new in zip(read_frames(clip), read_frames(tmp_path / "y.mp4"), strict=True):
            assert old.time == new.time and old.image.shape == new.image.shape
            x = 5 + 5 * old.index
            green = new.image[20, x - 1].astype(int)
            assert green[1] > green[0] + 40 and abs(int(new.image[60, 90, 0]) - 60) < 12

    def test_draws_what_it_is_told_between_frames_looked_at_too(self, stand_in, clip, tmp_path):
        def hide(image, faces):
            image = image.copy()
            for x1, y1, x2, y2 in faces.boxes.round().astype(int):
                image[y1:y2, x1:x2] = 0
            return image

        assert mj.annotate_video({}, clip, tmp_path / "y.mp4", draw=hide, every=3) == 12
        assert len(stand_in) == 4
        for picture in read_frames(tmp_path / "y.mp4"):
            if picture.index <= 9:  # Looked at were 0, 3, 6 and 9.
                bright = (picture.image[..., 1] > 160).sum()
                assert bright <= 40

    def test_a_face_that_is_missed_for_a_frame_is_hidden_all_the_same(
        self, stand_in, clip, tmp_path, monkeypatch
    ):
        seen = detection.detect

        def blink(params, image, config):
            found = seen(params, image, config)
            return found[:0] if len(stand_in) in (4, 5) else found

        def boxes_of(linger):
            told = []

            def note(image, faces):
                told.append(faces.boxes[:, 0].round().tolist())
                return image

            stand_in.clear()
            mj.annotate_video({}, clip, tmp_path / "y.mp4", draw=note, linger=linger)
            return told

        monkeypatch.setattr(detection, "detect", blink)
        assert boxes_of(0)[2:6] == [[15], [], [], [30]]
        assert boxes_of(1)[2:6] == [[15], [15], [], [30]]
        assert boxes_of(2)[2:6] == [[15], [15], [15], [30]]

    def test_checks_before_it_writes(self, clip, tmp_path):
        with pytest.raises(ValueError, match="every is 0"):
            mj.annotate_video({}, clip, tmp_path / "y.mp4", every=0)
        with pytest.raises(ValueError, match="linger is -1; accepted"):
            mj.annotate_video({}, clip, tmp_path / "y.mp4", linger=-1)
        with pytest.raises(ValueError, match="linger without track; accepted"):
            mj.annotate_video({}, clip, tmp_path / "y.mp4", linger=5, track=False)
        assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def faces(*rows):
    """`TrackedFaces` of (id, x)."""
    xs = np.array([x for _, x in rows], np.float32).reshape(-1, 1)
    boxes = np.concatenate([xs, xs * 0, xs + 10, xs * 0 + 10], axis=1)
    points = np.repeat(xs[:, None], 5, 1).repeat(2, 2)
    ids = np.array([i for i, _ in rows], np.int64)
    return mj.TrackedFaces(boxes, np.full(len(rows), 0.5, np.float32), points, ids)


class TestBetween:
    def test_moves_what_is_in_both_and_keeps_what_is_in_one(self):
        found = between(faces((1, 0), (2, 50)), faces((3, 90), (1, 20)), 0.25)
        places = dict(zip(found.ids.tolist(), found.boxes[:, 0].tolist(), strict=True))
        assert places == {1: 5.0, 2: 50.0, 3: 90.0}
        assert found.landmarks[found.ids == 1, 0, 0] == 5 and found.scores.tolist() == [0.5] * 3

    def test_of_nothing(self):
        assert len(between(faces(), faces(), 0.5)) == 0

    def frames(self, *found):
        image = np.zeros((4, 4, 3), np.uint8)
        return [Frame(Picture(i, i / 10, i, image), one) for i, one in enumerate(found)]

    def test_of_a_film_the_last_frames_have_those_seen_last(self):
        frames = self.frames(faces((1, 0)), None, None, None, faces((1, 8)), None)
        filled = list(with_all_faces(frames))
        assert [frame.picture.index for frame in filled] == list(range(6))
        np.testing.assert_allclose([f.faces.boxes[0, 0] for f in filled], [0, 2, 4, 6, 8, 8])

    def test_faces_linger_where_they_were_as_long_as_told(self):
        gone, none = faces((1, 0), (2, 30)), faces((1, 5))
        frames = self.frames(gone, none, None, none, none)
        kept = [frame.faces for frame in lingering(iter(frames), 2)]
        assert kept[2] is None
        assert [one.ids.tolist() for one in kept if one] == [[1, 2], [1, 2], [1, 2], [1]]
        assert kept[1].boxes[:, 0].tolist() == [5, 30]
        assert [frame.faces for frame in lingering(iter(frames), 0)][3] is none

    def test_no_more_frames_are_held_than_told(self):
        taken = []

        def frames():
            for frame in self.frames(faces((1, 0)), *[None] * 100):
                taken.append(frame)
                yield frame

        for given, _ in enumerate(with_all_faces(frames()), 1):
            assert len(taken) - given <= HELD
        assert given == 101


class TestTrackedFaces:
    FACES = faces((7, 0), (4, 20), (9, 40))

    def test_ids_are_kept_where_faces_are_chosen(self):
        assert self.FACES[[2, 0]].ids.tolist() == [9, 7]
        assert self.FACES[self.FACES.boxes[:, 0] > 10].ids.tolist() == [4, 9]
        assert self.FACES.most_central((10, 90)).ids.tolist() == [9]

    def test_they_leave_with_their_ids(self):
        assert [one["id"] for one in self.FACES.to_dicts()] == [7, 4, 9]
        assert self.FACES.to_pandas()["id"].tolist() == [7, 4, 9]

    def test_are_a_pytree(self):
        moved = jax.jit(lambda f: jax.tree.map(lambda leaf: leaf + 1, f))(self.FACES)
        assert isinstance(moved, mj.TrackedFaces) and moved.ids.tolist() == [8, 5, 10]

    def test_are_drawn_with_their_ids(self):
        image = np.zeros((200, 200, 3), np.uint8)
        one = mj.TrackedFaces(
            np.float32([[50, 90, 150, 190]]), np.float32([0.5]), np.zeros((1, 5, 2), np.float32),
            np.array([4]),
        )  # fmt: skip
        told = np.asarray(mj.draw_faces(image, one, labels=["4"]))
        assert np.array_equal(np.asarray(one.show(image)), told)
        assert not np.array_equal(told, np.asarray(mj.draw_faces(image, one)))

    def test_arrays_of_two_lengths(self):
        with pytest.raises(ValueError, match=r"ids \[2\]"):
            dataclasses.replace(self.FACES, ids=np.array([1, 2]))


def test_a_face_that_crosses_the_picture_is_followed_by_the_networks(tmp_path):
    """Two faces of a photo move over grey and pass each other."""
    with Image.open(ROOT / "docs/astronaut.jpg") as photo:
        face = photo.convert("RGB").crop((160, 20, 310, 190)).resize((45, 51))
    frames = []
    for i in range(12):
        picture = Image.new("RGB", (320, 240), (120, 110, 100))
        picture.paste(face, (10 + 15 * i, 60 + 2 * i))
        picture.paste(face.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (250 - 15 * i, 130 + 2 * i))
        frames.append(np.asarray(picture))
    path = write_clip(tmp_path / "x.mp4", frames)
    params = mj.load_params()
    seen = list(look(params, read_frames(path), mj.DetectConfig(), Options()))
    first = seen[0].faces
    assert len(first) == 2
    upper = int(first.ids[np.argmin(first.boxes[:, 1])])
    for frame in seen:
        assert sorted(frame.faces.ids.tolist()) == [1, 2]
        assert frame.faces.ids[np.argmin(frame.faces.boxes[:, 1])] == upper
        plain = mj.detect(params, frame.picture.image)
        np.testing.assert_array_equal(frame.faces.boxes, plain.boxes)
