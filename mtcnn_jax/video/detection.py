"""The faces of a video, frame by frame."""

import contextlib
import itertools
import os
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig, is_whole, plain_number
from mtcnn_jax.detect import checked, detect
from mtcnn_jax.faces import Faces
from mtcnn_jax.stream import detect_batch
from mtcnn_jax.video.ahead import ahead
from mtcnn_jax.video.reading import Picture, load_av, read_frames
from mtcnn_jax.video.smoothing import Smoothing, nothing_filtered, smoothed
from mtcnn_jax.video.tracked_faces import TrackedFaces
from mtcnn_jax.video.tracking import no_tracks, tracked

AHEAD = 4
"""Frames that are decoded before they are looked at; as many as a batch, if that is more."""


class Options(NamedTuple):
    """How to go through a video; `detect_video` says more.

    Attributes:
        every: looks at the first frame and at every so many-th after it.
        track: gives the faces ids.
        smooth: whether to smooth boxes and points, or how much.
        patience: frames that are looked at, through which a face that is away keeps its id.
        batch_size: frames that are looked at together; None for what suits the device.
    """

    every: int = 1
    track: bool = True
    smooth: bool | Smoothing = False
    patience: int = 10
    batch_size: int | None = None


class Frame(NamedTuple):
    """A frame with its faces.

    Attributes:
        picture: the frame.
        faces: those in it; None of a frame that was not looked at.
    """

    picture: Picture
    faces: Faces | None


def detect_video(
    params: Params,
    path: str | os.PathLike,
    config: DetectConfig = DetectConfig(),
    *,
    every: int = 1,
    track: bool = True,
    smooth: bool | Smoothing = False,
    patience: int = 10,
    batch_size: int | None = None,
) -> Iterator[tuple[float, Faces]]:
    """Detects the faces of a video, as long as it may be.

    Frames are decoded in a thread some frames ahead, turned as the file asks (phones hold films
    on their side), and let go of once they have been looked at.

    Args:
        params: from `load_params`.
        path: the file, in any format that FFmpeg reads. Of several films in it the first is read.
        config: how to look.
        every: look at the first frame and at every so many-th after it only.
        track: give each face an id, that it keeps from frame to frame (`video.tracking`).
        smooth: take the trembling from boxes and points (`video.smoothing`); a `Smoothing` says
            how much.
        patience: frames, of those looked at, through which a face that is away keeps its id.
        batch_size: frames that are looked at together, by default 1 on a CPU and 16 elsewhere.

    Yields:
        For each frame looked at its time in seconds, by the stream's own clock, and its faces:
        `TrackedFaces`, with `ids`, or without `track` plain `Faces`.

    Raises:
        OSError: there is no such file, or it may not be read.
        TypeError: if an argument is of a kind that is not accepted.
        ValueError: if a setting is not accepted; if the file is no video, or is broken: where that
            shows, after the frames before. The text names it.
        ModuleNotFoundError: if PyAV is not installed: `pip install 'mtcnn_jax[video]'`.

    Example:
        >>> import mtcnn_jax as mj
        >>> for time, faces in mj.detect_video(mj.load_params(), "clip.mp4", every=2):
        ...     print(f"{time:.2f} s: {faces.ids}")
        0.00 s: [1]
        0.08 s: [1]
    """
    options = Options(every, track, smooth, patience, batch_size)
    check_video(path, config, options)
    frames = read_frames(path, every=every)
    return ((frame.picture.time, frame.faces) for frame in look(params, frames, config, options))


def check_video(path: Any, config: Any, options: Options) -> None:
    """Checks arguments before any frame is read.

    Raises:
        FileNotFoundError, ModuleNotFoundError, TypeError, ValueError: as `detect_video`.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path is a {type(path).__name__}; accepted is the path of a video file")
    load_av()
    if not pathlib.Path(path).exists():
        raise FileNotFoundError(f"no such file: {os.fspath(path)!r}; accepted: a video file")
    checked(config, options.batch_size)
    if not is_whole(plain_number(options.every), least=1):
        raise ValueError(f"every is {options.every!r}; accepted are whole numbers from 1 up")
    if not is_whole(options.patience, least=0):
        raise ValueError(f"patience is {options.patience!r}; accepted are whole numbers from 0 up")
    if not isinstance(options.smooth, (bool, Smoothing)):
        raise TypeError(
            f"smooth is a {type(options.smooth).__name__}; accepted are a bool or a Smoothing"
        )
    if options.smooth and not options.track:
        raise ValueError(
            "smooth without track; accepted is both: each face has a filter of its own"
        )


def look(
    params: Params, pictures: Iterator[Picture], config: DetectConfig, options: Options
) -> Iterator[Frame]:
    """Looks at frames, at `options.every`-th ones, and says who is who.

    A thread takes the frames ahead; it ends with them, or where this generator is closed.

    Args:
        params: from `load_params`.
        pictures: in order, from `read_frames`; those whose index `options.every` does not divide
            are passed on.
        config: how to look.
        options: how to go through them.

    Yields:
        Each with its faces.
    """
    size = checked(config, options.batch_size)
    smoothing = options.smooth if isinstance(options.smooth, Smoothing) else Smoothing()
    tracks, filtered = no_tracks(), nothing_filtered()
    with contextlib.closing(ahead(pictures, max(AHEAD, size))) as coming:
        while batch := list(itertools.islice(coming, size)):
            wanted = [picture.image for picture in batch if picture.index % options.every == 0]
            found = iter(_found(params, wanted, config, size))
            for picture in batch:
                if picture.index % options.every:
                    yield Frame(picture, None)
                    continue
                faces = next(found)
                if options.track:
                    tracks, ids = tracked(tracks, faces, patience=options.patience)
                    faces = TrackedFaces(faces.boxes, faces.scores, faces.landmarks, ids)
                if options.smooth:
                    time = picture.time
                    filtered, faces = smoothed(filtered, time, faces, smoothing=smoothing)
                yield Frame(picture, faces)


def _found(
    params: Params, images: list[np.ndarray], config: DetectConfig, size: int
) -> list[Faces]:
    if size == 1:
        return [detect(params, image, config) for image in images]
    return detect_batch(params, images, config, batch_size=size) if images else []


def between(before: Faces, after: Faces, share: float) -> Faces:
    """The faces of a frame that was not looked at, from those around it that were.

    Args:
        before: those before.
        after: those after; both `TrackedFaces`, or both plain.
        share: where in between the frame is, from 0 to 1.

    Returns:
        Those of both moved evenly, by their ids, and those of one alone where they are there.
        Without ids, those of the frame before.
    """
    if not (isinstance(before, TrackedFaces) and isinstance(after, TrackedFaces)):
        return before
    _, rows, others = np.intersect1d(before.ids, after.ids, return_indices=True)
    new = after[np.setdiff1d(np.arange(len(after)), others)]
    kept = before[np.concatenate([rows, np.setdiff1d(np.arange(len(before)), rows)])]
    moved = [
        np.concatenate([a[: len(rows)] * (1 - share) + b[others] * share, a[len(rows) :], c])
        for a, b, c in [
            (kept.boxes, after.boxes, new.boxes),
            (kept.scores, after.scores, new.scores),
            (kept.landmarks, after.landmarks, new.landmarks),
        ]
    ]
    ids = np.concatenate([kept.ids, new.ids])
    return TrackedFaces(*(array.astype(np.float32) for array in moved), ids)
