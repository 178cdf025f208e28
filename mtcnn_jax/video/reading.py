"""Reading videos: a file in, its frames out, upright and at their times.

PyAV, which brings FFmpeg's libraries, does the work.
"""

import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

ACCEPTED = "a video file in a format that FFmpeg reads, such as MP4, MOV, MKV, WebM or AVI"

LARGE = 2**17
"""Pixels of a frame from which on a decoder's memory, some 80 MB for 640x480, is given back at the
end of a video. Python would let it lie for long: PyAV's objects are parts of circles."""


class Picture(NamedTuple):
    """One frame.

    Attributes:
        index: from 0 up.
        time: seconds, by the stream's own clock, which in most files begins at 0.
        tick: the same in units of the stream's time base.
        image: uint8 [h, w, 3], RGB, turned as the file asks.
    """

    index: int
    time: float
    tick: int
    image: np.ndarray


def load_av() -> Any:
    """PyAV.

    Raises:
        ModuleNotFoundError: It is not installed; the text says how to.
    """
    try:
        import av
        import av.sidedata.sidedata
        import av.video.reformatter
    except ModuleNotFoundError as error:
        if error.name != "av":
            raise
        raise ModuleNotFoundError(
            "videos are read and written by PyAV, which is not installed; "
            "pip install 'mtcnn_jax[video]' brings it",
            name="av",
        ) from None
    return av


def local(path: str | os.PathLike) -> str:
    """A path as FFmpeg takes it, also where it looks like the address of something else."""
    return f"file:{os.fsdecode(path)}"


def read_frames(path: str | os.PathLike, *, every: int = 1) -> Iterator[Picture]:
    """Reads the frames of a video, one after the other.

    Args:
        path: the file. Of several films in it the first is read; a cover is none.
        every: give the first frame and every so many-th after it.

    Yields:
        The frames in the order in which they are shown.

    Raises:
        OSError: There is no such file, or it may not be read; the text names it.
        ValueError: It is no video, holds sound only, or is broken: where that shows, after the
            frames before.
        ModuleNotFoundError: PyAV is not installed.
    """
    av = load_av()
    name = os.fsdecode(path)
    convert = av.video.reformatter.VideoReformatter()
    count, last, time = 0, None, 0.0

    def where() -> str:
        return f" after {count} frames ({time:.2f} s)" if count else ""

    with contextlib.ExitStack() as stack:
        stack.enter_context(errors_told(name, where=where))
        file = stack.enter_context(av.open(local(path)))
        stream = film_of(file, name)
        if stream.width * stream.height >= LARGE:
            stack.callback(gc.collect)
        stream.thread_type = "AUTO"
        step = max(1, round(1 / (stream.guessed_rate or 25) / stream.time_base))
        end = max((one.pos + one.size for one in stream.index_entries), default=0)
        for packet in file.demux(stream):
            if packet.is_corrupt:
                raise ValueError(f"{name!r} is damaged{where()}; accepted: a whole video")
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise ValueError(f"{name!r} is damaged{where()}; accepted: a whole video")
                tick = frame.pts
                if tick is None:  # A stream without a clock.
                    tick = 0 if last is None else last + step
                last, time = tick, float(tick * stream.time_base)
                if count % every == 0:
                    rgb = convert.reformat(frame, format="rgb24", threads=1).to_ndarray()
                    yield Picture(count, time, tick, _turned(rgb, frame, av))
                count += 1
        if file.size < max(end, _told_size(path)):
            raise ValueError(f"{name!r} breaks off{where()}; accepted: a whole video")
        if not count:
            raise ValueError(f"{name!r} holds no frame; accepted: {ACCEPTED}")


def count_frames(path: str | os.PathLike) -> int | None:
    """How many frames a file says that it has; None where it does not."""
    av, name = load_av(), os.fsdecode(path)
    with errors_told(name), av.open(local(path)) as file:
        return film_of(file, name).frames or None


def film_of(file: Any, name: str) -> Any:
    """The stream of a file's film.

    Raises:
        ValueError: There is none, or a cover only.
    """
    av = load_av()
    cover = av.stream.Disposition.attached_pic
    for stream in file.streams.video:
        if not stream.disposition & cover:
            return stream
    raise ValueError(f"{name!r} holds no video stream; accepted: {ACCEPTED}")


@contextlib.contextmanager
def errors_told(name: str, done: str = "read", where: Callable[[], str] = str) -> Iterator[None]:
    """Has FFmpeg's errors name the file, what could not be done with it, and where in it."""
    av = load_av()
    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, name) from None
        accepted = f"; accepted: {ACCEPTED}" if done == "read" else ""
        raise ValueError(
            f"{name!r} cannot be {done} as a video{where()}: {error.strerror}{accepted}"
        ) from error


def _told_size(path: str | os.PathLike) -> int:
    """Bytes that an AVI or Matroska file says it has at least; 0 where it does not."""
    with open(path, "rb") as file:
        start = file.read(4096)
    if start[:4] == b"RIFF":
        return 8 + int.from_bytes(start[4:8], "little")
    place = 0
    while start[:4] == b"\x1aE\xdf\xa3" and place + 12 <= len(start):  # EBML.
        segment = start[place : place + 4] == b"\x18S\x80g"
        width = 9 - start[place + 4].bit_length()
        place += 4 + width
        size = int.from_bytes(start[place - width : place]) - (1 << 7 * width)
        if segment:  # All ones: it was not known when it was written.
            return place + size if size != (1 << 7 * width) - 1 else 0
        place += size
    return 0


def _turned(image: np.ndarray, frame: Any, av: Any) -> np.ndarray:
    """A picture as its frame's display matrix asks, in quarters of a turn, mirrored or not."""
    data = frame.side_data
    kind = av.sidedata.sidedata.Type.DISPLAYMATRIX
    if kind not in [one.type for one in data]:
        return image
    # A point (x, y) is shown at (a x + c y, b x + d y), give or take a shift.
    a, b, _, c, d, *_ = np.frombuffer(bytes(data[kind]), np.int32).tolist()
    if abs(a) + abs(d) < abs(b) + abs(c):
        image, a, d = image.swapaxes(0, 1), c, b
    if a < 0:
        image = image[:, ::-1]
    if d < 0:
        image = image[::-1]
    return np.ascontiguousarray(image)
