"""Writing a video like another one: other pictures at the same times, with the same sound."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from mtcnn_jax.video.reading import Picture, errors_told, film_of, load_av, local
from mtcnn_jax.video.sound import Sound
from mtcnn_jax.writing import whole_path

ENDINGS = (".mp4", ".m4v", ".mov", ".mkv")
"""Of files that can be written."""

MARK = "mtcnn_jax: faces"
"""The comment in each file written, that tells it from a file of the user's."""

ENCODERS = {"libx264": {"preset": "veryfast", "crf": "20"}, "libopenh264": {}, "mpeg4": {"q": "3"}}
"""By preference, with their settings."""

_MOST_TICKS = 65_535
"""Ticks a second of MPEG-4, which serves where there is no encoder of H.264."""

_MATRICES = {1: "ITU709", 5: "ITU601", 6: "ITU601", 7: "SMPTE240M", 9: "BT2020", 10: "BT2020"}
"""From a stream's matrix of colours to its name in FFmpeg's scaler."""

_UNTOLD, _SD, _LIMITED = 2, 6, 1


@contextlib.contextmanager
def recording(source: str | os.PathLike, output: str | os.PathLike) -> Iterator["Recording"]:
    """Writes a video that has another one's times and sound.

    It appears, whole, when the block of `with` ends, and not at all after an error or Ctrl-C.
    It is H.264 where there is an encoder, yuv420p, of the frames' size; that holds even numbers of
    rows and columns, so that an odd one has its last repeated.

    Args:
        source: the file that was read.
        output: the file to write, .mp4, .mov or .mkv; one already there is replaced.

    Yields:
        What takes the frames.

    Raises:
        OSError: one of the files cannot be opened or written; the text names it.
        ValueError: `output` has another ending or is `source`, it cannot hold the sound, or the
            frames change their size.
        ModuleNotFoundError: PyAV is not installed.
    """
    av = load_av()
    source, output = pathlib.Path(source), pathlib.Path(output)
    if output.suffix.lower() not in ENDINGS:
        raise ValueError(f"output is {str(output)!r}; accepted are names in {', '.join(ENDINGS)}")
    if output.exists() and source.exists() and output.samefile(source):
        raise ValueError(f"output is {str(output)!r}, the video itself; accepted: another name")
    with errors_told(str(source)), whole_path(output) as whole, av.open(local(source)) as read:
        film = film_of(read, str(source))
        with errors_told(str(output), "written"):
            settings = _settings(output.suffix.lower(), film.time_base)
            with av.open(local(whole), "w", container_options=settings) as file:
                file.metadata["comment"] = MARK
                writes = Recording(file, film, Sound(read, file, str(source), output.suffix))
                yield writes
                writes.end()


def is_ours(path: str | os.PathLike) -> bool:
    """Whether a file is a video that `recording` wrote."""
    av = load_av()
    try:
        with av.open(local(path)) as file:
            return MARK in dict(file.metadata).values()
    except av.error.FFmpegError:
        return False


def _settings(ending: str, base: Fraction) -> dict[str, str]:
    """Of a container: of MP4 and MOV, that a film begins at its tick, and plays while it loads."""
    if ending == ".mkv":
        return {}
    return {"movflags": "+faststart", "movie_timescale": str(max(1000, base.denominator))}


class Recording:
    """Frames in, a file out; see `recording`."""

    def __init__(self, file: Any, like: Any, sound: Sound) -> None:
        self._av = load_av()
        self._file, self._like, self._sound = file, like, sound
        self._encoder = next(name for name in ENCODERS if name in self._av.codecs_available)
        self._base = like.time_base
        if self._encoder == "mpeg4" and self._base.denominator > _MOST_TICKS:
            self._base = Fraction(1, 60_000)
        self._convert = self._av.video.reformatter.VideoReformatter()
        self._film: Any = None

    def write(self, picture: Picture, image: np.ndarray | Image.Image) -> None:
        """Writes a frame.

        Args:
            picture: the frame as it was read, for its time; in order.
            image: RGB, of its size, what to show instead.
        """
        image = np.asarray(image)
        height, width = image.shape[:2]
        tick = round(picture.tick * self._like.time_base / self._base)
        if self._film is None:
            self._size, self._last = (height, width), tick - 1
            self._begin()
        if (height, width) != self._size:
            raise ValueError(
                f"{self._sound.name!r} changes from {self._size[1]} x {self._size[0]} to "
                f"{width} x {height} pixels at {picture.time:.2f} s; accepted: one size"
            )
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = self._av.VideoFrame.from_ndarray(image, format="rgb24")
        frame = self._convert.reformat(
            frame,
            format="yuv420p",
            threads=1,
            dst_colorspace=_MATRICES.get(self._matrix, "ITU601"),
            dst_color_range=_LIMITED,
        )
        # A clock that stands still or goes back, as of a damaged stream, can't be written.
        self._last = max(tick, self._last + 1)
        frame.pts, frame.time_base = self._last, self._base
        self._sound.copy(until=self._last * self._base)
        self._file.mux(self._film.encode(frame))

    def end(self) -> None:
        """Writes what is left."""
        if self._film is not None:
            self._file.mux(self._film.encode())
            self._sound.copy()

    def _begin(self) -> None:
        height, width = self._size
        like = self._like.codec_context
        # Without pictures out of order, times stay as they are in every container.
        options = {**ENCODERS[self._encoder], "bf": "0"}
        rate = self._like.guessed_rate or 25
        film = self._file.add_stream(self._encoder, rate, options=options, time_base=self._base)
        film.width, film.height = width + width % 2, height + height % 2
        film.pix_fmt = "yuv420p"
        ratio = self._like.sample_aspect_ratio
        if ratio:
            turned = height != width and (height, width) == (like.width, like.height)
            film.codec_context.sample_aspect_ratio = 1 / ratio if turned else ratio
        # A stream that does not say stays one that does not: players guess for both alike.
        known = like.colorspace in _MATRICES or like.colorspace == _UNTOLD
        self._matrix = like.colorspace if known else _SD
        film.codec_context.colorspace, film.codec_context.color_range = self._matrix, _LIMITED
        film.codec_context.color_primaries = like.color_primaries
        film.codec_context.color_trc = like.color_trc
        film.codec_context.open()
        self._sound.begin()
        self._film = film
