"""Videos written: the same size, times and sound, and nothing that only looks whole."""

import pathlib
from fractions import Fraction

import numpy as np
import pytest

from mtcnn_jax.video import writing
from mtcnn_jax.video.reading import read_frames
from mtcnn_jax.video.writing import MARK, recording
from tests.clips import write_clip

av = pytest.importorskip("av")

HALVES = np.zeros((48, 64, 3), np.uint8)
HALVES[:, :32], HALVES[:, 32:] = (200, 60, 40), (40, 90, 200)


def copy(source, output, change=lambda image: image):
    with recording(source, output) as writes:
        for picture in read_frames(source):
            writes.write(picture, change(picture.image))
    return output


def sound_of(path):
    """The packets of sound: what each holds, and when, in seconds."""
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(audio=0) if packet.size]
        return [(bytes(packet), float(packet.pts * packet.time_base)) for packet in packets]


def times_of(path):
    return [picture.time for picture in read_frames(path)]


@pytest.mark.parametrize(
    ("source", "output", "codec"),
    [("x.mp4", "y.mp4", "aac"), ("x.mov", "y.mov", "pcm_s16le"), ("x.mkv", "y.mkv", "libopus"),
     ("x.avi", "y.mkv", "pcm_s16le"), ("x.mov", "y.mp4", "alac"), ("x.mkv", "y.mp4", "mp3float")],
)  # fmt: skip
def test_times_and_sound_are_those_of_the_source(tmp_path, source, output, codec):
    base = Fraction(1, 25) if source.endswith("avi") else Fraction(1, 12_800)
    film = "mpeg4" if source.endswith("avi") else "libx264"
    codec = "libmp3lame" if codec == "mp3float" else codec
    source = write_clip(tmp_path / source, [HALVES] * 20, sound=codec, time_base=base, codec=film)
    output = copy(source, tmp_path / output)
    np.testing.assert_allclose(times_of(output), times_of(source), rtol=0, atol=1e-9)
    sound, wanted = sound_of(output), sound_of(source)
    assert len(wanted) > 5 and [packet for packet, _ in sound] == [packet for packet, _ in wanted]
    # Matroska and some others count sound in milliseconds.
    np.testing.assert_allclose([t for _, t in sound], [t for _, t in wanted], rtol=0, atol=1.1e-3)
    with av.open(str(output)) as file:
        (film,) = file.streams.video
        assert (film.codec_context.name, film.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (film.width, film.height) == (64, 48)
        assert MARK in dict(file.metadata).values()


def test_a_variable_rate_stays_and_so_does_a_late_start(tmp_path):
    ticks, fine = [1225, 1600, 5000, 5001, 90_001], {"movie_timescale": "12800"}
    source = write_clip(tmp_path / "x.mp4", [HALVES] * 5, ticks=ticks, sound="aac", container=fine)
    output = copy(source, tmp_path / "y.mp4")
    assert times_of(output) == times_of(source) == [tick / 12_800 for tick in ticks]
    assert [t for _, t in sound_of(output)] == [t for _, t in sound_of(source)]


@pytest.mark.parametrize(
    ("codec", "pixels", "ending"),
    [("libx264", "yuv420p", "mp4"), ("libx264", "yuvj420p", "mp4"), ("ffv1", "bgr0", "mkv")],
)
def test_colours_stay(tmp_path, codec, pixels, ending):
    options = {"crf": "4"} if codec == "libx264" else {}
    source = write_clip(
        tmp_path / f"x.{ending}", [HALVES] * 3, codec=codec, pixels=pixels, options=options
    )
    for picture in read_frames(copy(source, tmp_path / "y.mp4")):
        for x in (8, 56):
            seen, wanted = picture.image[24, x].astype(int), HALVES[24, x].astype(int)
            assert np.abs(seen - wanted).max() <= 6


def test_colours_of_a_tagged_film_stay_and_so_do_its_tags(tmp_path):
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w") as file:
        film = file.add_stream("libx264", 25, options={"crf": "4"})
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        film.codec_context.colorspace = film.codec_context.color_primaries = 1
        film.codec_context.color_trc, film.codec_context.color_range = 1, 1
        film.codec_context.sample_aspect_ratio = Fraction(16, 15)
        for i in range(3):
            frame = av.VideoFrame.from_ndarray(HALVES, "rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            file.mux(film.encode(frame))
        file.mux(film.encode())
    output = copy(path, tmp_path / "y.mp4")
    with av.open(str(output)) as file:
        context = file.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert context.sample_aspect_ratio == Fraction(16, 15)
    for picture in read_frames(output):
        assert np.abs(picture.image[24, 8].astype(int) - HALVES[24, 8]).max() <= 6


def test_odd_sizes_have_their_last_row_and_column_repeated(tmp_path):
    source = write_clip(tmp_path / "x.mkv", [HALVES[:-1, :-3]] * 3, codec="ffv1", pixels="bgr0")
    frames = list(read_frames(copy(source, tmp_path / "y.mp4")))
    assert [frame.image.shape for frame in frames] == [(48, 62, 3)] * 3
    last = frames[0].image[-1, -1].astype(int)
    assert np.abs(last - HALVES[0, -1]).max() <= 10


def test_a_turned_film_is_written_upright(tmp_path):
    source = write_clip(tmp_path / "x.mp4", [HALVES] * 3, rotation=90)
    output = copy(source, tmp_path / "y.mp4")
    with av.open(str(output)) as file:
        frame = next(file.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (48, 64, 0)
        assert (
            np.abs(frame.to_ndarray(format="rgb24")[8, 24].astype(int) - HALVES[24, 56]).max() < 9
        )


def test_where_there_is_no_encoder_of_h264(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "ENCODERS", {"none_such": {}, "mpeg4": {"q": "3"}})
    ticks = [0, 3600, 7300, 90_000]
    base = Fraction(1, 90_000)
    source = write_clip(tmp_path / "x.mp4", [HALVES] * 4, ticks=ticks, time_base=base)
    output = copy(source, tmp_path / "y.mp4")
    np.testing.assert_allclose(times_of(output), times_of(source), atol=1 / 60_000)
    with av.open(str(output)) as file:
        assert file.streams.video[0].codec_context.name == "mpeg4"


def test_a_clock_that_goes_back_is_written_as_one_that_hardly_moves(tmp_path):
    source = write_clip(tmp_path / "x.mp4", [HALVES] * 4)
    with recording(source, tmp_path / "y.mp4") as writes:
        for picture in read_frames(source):
            writes.write(picture._replace(tick=[0, 512, 500, 1024][picture.index]), picture.image)
    assert times_of(tmp_path / "y.mp4") == [0, 512 / 12_800, 513 / 12_800, 1024 / 12_800]


def test_what_a_container_does_not_hold_is_one_sentence(tmp_path):
    source = write_clip(tmp_path / "x.mkv", [HALVES] * 5, sound="flac")
    with pytest.raises(ValueError, match=r"x\.mkv' has sound of the codec flac, .*accepted: .*mkv"):
        copy(source, tmp_path / "y.mov")
    assert left_in(tmp_path) == ["x.mkv"]


def left_in(folder):
    return sorted(path.name for path in pathlib.Path(folder).iterdir())


@pytest.mark.parametrize("name", ["y.webm", "y.avi", "y", "y.mp4.txt"])
def test_other_endings(tmp_path, name):
    source = write_clip(tmp_path / "x.mp4", [HALVES] * 2)
    with pytest.raises(ValueError, match=r"accepted are names in \.mp4"):
        copy(source, tmp_path / name)


def test_the_video_itself_is_never_written_over(tmp_path):
    source = write_clip(tmp_path / "x.mp4", [HALVES] * 2)
    (tmp_path / "y.mp4").symlink_to(source)
    before = source.read_bytes()
    for name in ("x.mp4", "y.mp4"):
        with pytest.raises(ValueError, match="the video itself; accepted: another name"):
            copy(source, tmp_path / name)
    assert source.read_bytes() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_after_an_error_there_is_no_file_and_one_from_before_stays(tmp_path, error):
    source = write_clip(tmp_path / "x.mp4", [HALVES] * 4, sound="aac")
    (tmp_path / "old.mp4").write_bytes(b"as it was")
    for name in ("new.mp4", "old.mp4"):
        with pytest.raises(error), recording(source, tmp_path / name) as writes:
            for picture in read_frames(source):
                writes.write(picture, picture.image)
                if picture.index == 2:
                    raise error
    assert left_in(tmp_path) == ["old.mp4", "x.mp4"]
    assert (tmp_path / "old.mp4").read_bytes() == b"as it was"


def test_a_folder_that_is_not_there(tmp_path):
    source = write_clip(tmp_path / "x.mp4", [HALVES] * 2)
    with pytest.raises(FileNotFoundError, match=r"nowhere/y\.mp4"):
        copy(source, tmp_path / "nowhere" / "y.mp4")


def test_frames_that_change_their_size(tmp_path):
    source = write_clip(tmp_path / "x.mp4", [HALVES] * 3)
    with (
        pytest.raises(ValueError, match=r"changes from 64 x 48 to 32 x 48 pixels at 0\.04 s"),
        recording(source, tmp_path / "y.mp4") as writes,
    ):
        for picture in read_frames(source):
            writes.write(picture, picture.image[:, : 64 // (1 + picture.index)])
    assert left_in(tmp_path) == ["x.mp4"]
