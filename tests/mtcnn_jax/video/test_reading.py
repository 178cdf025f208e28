"""Frames of files: upright, in time, in any pixel format; and files that are no videos."""

import sys
import threading
from fractions import Fraction

import numpy as np
import pytest

import mtcnn_jax as mj
from mtcnn_jax.video.ahead import ahead
from mtcnn_jax.video.reading import read_frames
from tests.clips import write_clip

av = pytest.importorskip("av")

RED, GREEN, BLUE, GREY = (200, 40, 40), (40, 180, 40), (40, 40, 200), (120, 120, 120)
FLAG = np.zeros((48, 64, 3), np.uint8)
FLAG[:24, :32], FLAG[:24, 32:], FLAG[24:, :32], FLAG[24:, 32:] = RED, GREEN, BLUE, GREY

FINE = {"crf": "4"}


def corners(image):
    """The colours of the four quarters, as they are read."""
    h, w = image.shape[:2]
    rows = [image[y * h // 4, x * w // 4].astype(int) for y in (1, 3) for x in (1, 3)]
    return np.array(rows)


def is_like(image, colours):
    return np.abs(corners(image) - np.array(colours)).max() <= 6


def noise(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 48, 64, 3), np.uint8)


class TestFrames:
    def test_come_in_order_with_their_times(self, tmp_path):
        path = write_clip(tmp_path / "x.mp4", [FLAG] * 10)
        frames = list(read_frames(path))
        assert [frame.index for frame in frames] == list(range(10))
        np.testing.assert_allclose([frame.time for frame in frames], np.arange(10) / 25)
        assert all(frame.image.dtype == np.uint8 for frame in frames)
        assert all(is_like(frame.image, [RED, GREEN, BLUE, GREY]) for frame in frames)

    def test_of_a_variable_rate_have_the_streams_times(self, tmp_path):
        ticks = [0, 400, 5000, 5001, 90_000]
        path = write_clip(tmp_path / "x.mp4", [FLAG] * 5, ticks=ticks)
        frames = list(read_frames(path))
        assert [frame.tick for frame in frames] == ticks
        assert [frame.time for frame in frames] == [tick / 12_800 for tick in ticks]

    def test_every_third(self, tmp_path):
        path = write_clip(tmp_path / "x.mp4", [FLAG] * 8)
        frames = list(read_frames(path, every=3))
        assert [frame.index for frame in frames] == [0, 3, 6]
        np.testing.assert_allclose([frame.time for frame in frames], [0, 3 / 25, 6 / 25])

    @pytest.mark.parametrize(
        ("turn", "quarters"),
        [(0, [RED, GREEN, BLUE, GREY]), (90, [GREEN, GREY, RED, BLUE]),
         (180, [GREY, BLUE, GREEN, RED]), (-90, [BLUE, RED, GREY, GREEN])],
    )  # fmt: skip
    def test_are_turned_as_a_phone_asks(self, tmp_path, turn, quarters):
        """By degrees against the clock."""
        path = write_clip(tmp_path / "x.mp4", [FLAG] * 2, rotation=turn)
        for frame in read_frames(path):
            assert frame.image.shape == ((64, 48, 3) if turn in (90, -90) else (48, 64, 3))
            assert is_like(frame.image, quarters) and frame.image.flags.c_contiguous

    def test_are_mirrored_where_the_file_asks(self, tmp_path):
        path = write_clip(tmp_path / "x.mp4", [FLAG] * 2, matrix=[-(2**16), 0, 0, 0, 2**16, 0])
        for frame in read_frames(path):
            assert is_like(frame.image, [GREEN, RED, GREY, BLUE])

    @pytest.mark.parametrize(
        ("ending", "codec", "pixels"),
        [("mp4", "libx264", "yuv444p"), ("mp4", "libx264", "yuvj420p"), ("mkv", "ffv1", "bgr0"),
         ("mkv", "ffv1", "yuv420p10le"), ("mov", "prores_ks", "yuv422p10le"),
         ("mkv", "ffv1", "yuva420p"), ("webm", "libvpx-vp9", "yuv420p"), ("mov", "qtrle", "rgb24"),
         ("avi", "mpeg4", "yuv420p"), ("avi", "rawvideo", "bgr24")],
    )  # fmt: skip
    def test_of_any_pixel_format(self, tmp_path, ending, codec, pixels):
        options = FINE if codec == "libx264" else {"q": "2"} if codec == "mpeg4" else {}
        path = write_clip(
            tmp_path / f"x.{ending}", [FLAG] * 3, codec=codec, pixels=pixels, options=options,
            time_base=Fraction(1, 25),
        )  # fmt: skip
        frames = list(read_frames(path))
        assert len(frames) == 3
        assert all(is_like(frame.image, [RED, GREEN, BLUE, GREY]) for frame in frames)

    def test_of_grey_films_are_rgb(self, tmp_path):
        path = write_clip(tmp_path / "x.mkv", [FLAG] * 2, codec="ffv1", pixels="gray")
        assert all(
            np.ptp(frame.image.astype(int), axis=-1).max() == 0 for frame in read_frames(path)
        )

    def test_of_a_stream_without_a_clock_have_its_rates(self, tmp_path):
        path = write_clip(tmp_path / "x.h264", [FLAG] * 6)
        times = [frame.time for frame in read_frames(path)]
        np.testing.assert_allclose(times, np.arange(6) / 25)

    @pytest.mark.parametrize("name", ["a:b.mp4", "x%03d.mp4", "-x.mp4", "film ä.mp4"])
    def test_of_files_whatever_they_are_called(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        write_clip(tmp_path / "x.mp4", [FLAG] * 2).rename(tmp_path / name)
        assert len(list(read_frames(name))) == 2


class TestWhatIsNoWholeVideo:
    def test_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"none\.mp4"):
            next(read_frames(tmp_path / "none.mp4"))

    def test_is_a_folder(self, tmp_path):
        with pytest.raises(OSError, match=str(tmp_path)):
            next(read_frames(tmp_path))

    @pytest.mark.parametrize("content", [b"", b"text\n" * 100, b"\0" * 5000, b"\x1aE\xdf\xa3\xff"])
    def test_is_something_else(self, tmp_path, content):
        path = tmp_path / "x.mp4"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.mp4' (cannot be read as a|holds no) .*accepted:"):
            list(read_frames(path))

    def test_holds_sound_only(self, tmp_path):
        path = tmp_path / "x.m4a"
        with av.open(str(path), "w") as file:
            track = file.add_stream("aac", 48_000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), "s16", "stereo")
            frame.sample_rate = 48_000
            file.mux(track.encode(frame))
            file.mux(track.encode())
        with pytest.raises(ValueError, match=r"x\.m4a' holds no video stream; accepted"):
            next(read_frames(path))

    @pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
    def test_breaks_off(self, tmp_path, ending):
        """The frames before come, then an error; a whole one is none."""
        codec = "mpeg4" if ending == "avi" else "libx264"
        path = write_clip(
            tmp_path / f"x.{ending}", noise(24), codec=codec, time_base=Fraction(1, 25),
            container={"movflags": "faststart"} if ending == "mp4" else {},
        )  # fmt: skip
        assert len(list(read_frames(path))) == 24
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 6 // 10])
        count = 0
        with pytest.raises(ValueError, match=rf"x\.{ending}' (breaks off|is damaged) after \d+ fr"):
            for _ in read_frames(path):
                count += 1
        assert 1 < count < 24

    def test_lacks_its_end_where_the_index_is(self, tmp_path):
        path = write_clip(tmp_path / "x.mp4", noise(24))
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 6 // 10])
        with pytest.raises(ValueError, match=r"x\.mp4' cannot be read as a video: .*; accepted"):
            next(read_frames(path))

    def test_is_damaged_inside(self, tmp_path):
        path = write_clip(tmp_path / "x.mp4", noise(24))
        content = bytearray(path.read_bytes())
        half = len(content) // 2
        content[half : half + 4000] = np.random.default_rng(1).bytes(4000)
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.mp4' (cannot be read as a video|is damaged)"):
            list(read_frames(path))


def test_without_pyav_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mtcnn_jax\[video\]'"):
        mj.detect_video({}, "x.mp4")


class TestAhead:
    def test_gives_the_same_and_then_the_error(self):
        def items():
            yield from range(5)
            raise ValueError("broken")

        found = []
        with pytest.raises(ValueError, match="broken"):
            for item in ahead(items(), 3):
                found.append(item)
        assert found == list(range(5))

    def test_takes_no_more_than_so_many_and_ends_its_thread_when_closed(self):
        taken, closed = [], []

        def items():
            try:
                for i in range(1000):
                    taken.append(i)
                    yield i
            finally:
                closed.append(True)

        before = threading.active_count()
        coming = ahead(items(), 3)
        assert not taken
        assert [next(coming), next(coming)] == [0, 1]
        assert threading.active_count() == before + 1
        coming.close()
        assert threading.active_count() == before and closed == [True]
        assert len(taken) <= 2 + 3 + 1
