"""A video with its faces drawn, or hidden."""

import collections
import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig, is_whole
from mtcnn_jax.draw import draw_faces
from mtcnn_jax.faces import Faces
from mtcnn_jax.video.detection import Frame, Options, between, check_video, look
from mtcnn_jax.video.reading import read_frames
from mtcnn_jax.video.smoothing import Smoothing
from mtcnn_jax.video.tracked_faces import TrackedFaces, draw_tracked
from mtcnn_jax.video.writing import recording

HELD = 32
"""Frames at most that wait for the next one that is looked at."""

Draw = Callable[[Any, Faces], Any]
"""A picture, uint8 [h, w, 3], and its faces in, another of the same size out."""


def annotate_video(
    params: Params,
    path: str | os.PathLike,
    output: str | os.PathLike,
    config: DetectConfig = DetectConfig(),
    *,
    draw: Draw | None = None,
    linger: int = 0,
    every: int = 1,
    track: bool = True,
    smooth: bool | Smoothing = False,
    patience: int = 10,
    batch_size: int | None = None,
) -> int:
    """Writes a video with its faces drawn, or with whatever `draw` makes of each frame.

    It has the frames' size, times and sound, H.264 where there is an encoder. It appears, whole,
    at the end. Metadata, subtitles and chapters are not taken along.

    Args:
        params: from `load_params`.
        path: the video.
        output: the file to write, .mp4, .mov or .mkv; one already there is replaced.
        config: how to look.
        draw: takes a frame, uint8 [h, w, 3], and its faces, and gives the frame to write; by
            default boxes, points and ids are drawn. `blur_faces` hides faces.
        linger: frames, of those looked at, through which a face that is away is still drawn where
            it was last: for hiding faces, of which detection may miss one for a frame.
        every: as in `detect_video`; faces of the frames in between move evenly from the one before
            to the one after, and those seen in one of these alone stay where they are there.
        track: as in `detect_video`.
        smooth: as in `detect_video`.
        patience: as in `detect_video`.
        batch_size: as in `detect_video`.

    Returns:
        How many frames were written.

    Raises:
        OSError, TypeError, ValueError, ModuleNotFoundError: as `detect_video`; also if the output
            cannot be written, has another ending or is the video itself, or cannot hold the sound.

    Example:
        >>> import mtcnn_jax as mj
        >>> params = mj.load_params()
        >>> mj.annotate_video(params, "clip.mp4", "clip.faces.mp4")
        4
        >>> mj.annotate_video(params, "clip.mp4", "blurred.mp4", draw=mj.blur_faces, linger=10)
        4
    """
    options = Options(every, track, smooth, patience, batch_size)
    check_video(path, config, options)
    if not is_whole(linger, least=0):
        raise ValueError(f"linger is {linger!r}; accepted are whole numbers from 0 up")
    if linger and not track:
        raise ValueError("linger without track; accepted are both: a face is known by its id")
    draw, count = draw or draw_known, 0
    seen = look(params, read_frames(path), config, options)
    with contextlib.closing(seen), recording(path, output) as writes:
        for frame in with_all_faces(lingering(seen, linger)):
            writes.write(frame.picture, draw(frame.picture.image, frame.faces))
            count += 1
    return count


def draw_known(image: Any, faces: Faces) -> Any:
    """Draws boxes and points, and ids where faces have them, else scores."""
    draw = draw_tracked if isinstance(faces, TrackedFaces) else draw_faces
    return draw(image, faces)


def lingering(frames: Iterable[Frame], count: int) -> Iterator[Frame]:
    """Gives frames also the faces that were there up to `count` frames ago, where they were."""
    last: dict[int, tuple[int, TrackedFaces]] = {}
    number = 0
    for frame in frames:
        if frame.faces is None or not count:
            yield frame
            continue
        number += 1
        for row, i in enumerate(frame.faces.ids.tolist()):
            last[i] = number, frame.faces[row : row + 1]
        last = {i: (seen, face) for i, (seen, face) in last.items() if number - seen <= count}
        away = [face for seen, face in last.values() if seen < number]
        yield frame._replace(faces=_joined([frame.faces, *away]))


def _joined(parts: list[TrackedFaces]) -> TrackedFaces:
    names = [field.name for field in dataclasses.fields(TrackedFaces)]
    return TrackedFaces(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


def with_all_faces(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Gives frames that were not looked at the faces between those before and after them.

    Args:
        frames: of which the first was looked at. Up to `HELD` that were not are held.

    Yields:
        The same, each with faces: where too many are in between, or none comes after, those of
        the last one looked at.
    """
    before: Any = None
    held: collections.deque[Frame] = collections.deque()
    for frame in frames:
        if frame.faces is None:
            held.append(frame)
            if len(held) > HELD:
                yield held.popleft()._replace(faces=before.faces)
            continue
        while held:
            one = held.popleft()
            passed = frame.picture.time - before.picture.time
            share = (one.picture.time - before.picture.time) / passed if passed > 0 else 0.0
            yield one._replace(faces=between(before.faces, frame.faces, min(max(share, 0.0), 1.0)))
        before = frame
        yield frame
    for one in held:
        yield one._replace(faces=before.faces)
