"""The faces of a video, into a folder: a line a frame, and copies of it."""

import contextlib
import functools
import itertools
import json
import pathlib
from typing import Any, NamedTuple, TextIO

from tqdm import tqdm

import mtcnn_jax as mj
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.commandline.options import Options
from mtcnn_jax.commandline.results import chosen, start_of, taken, to_record
from mtcnn_jax.video.annotation import Draw, draw_known, lingering, with_all_faces
from mtcnn_jax.video.detection import Frame, check_video, look
from mtcnn_jax.video.detection import Options as Way
from mtcnn_jax.video.reading import Picture, count_frames, read_frames
from mtcnn_jax.video.writing import ENDINGS as WRITTEN
from mtcnn_jax.video.writing import is_ours, recording
from mtcnn_jax.writing import whole_path

LINES = ".faces.jsonl"
"""What the name of a video's lines ends with, after its own whole name."""

LINGER = 10
"""Frames, of those looked at, through which a face that is away is hidden where it was."""

_KINDS = _DRAWN, _HIDDEN = "faces", "blurred"

_RECORD = b'{"frame": '


def detect_clip(
    params: Params,
    path: pathlib.Path,
    folder: pathlib.Path,
    config: mj.DetectConfig,
    options: Options,
) -> tuple[int, int]:
    """Detects the faces of a video and writes what was found.

    In `folder` there is, of `clip.mp4`, `clip.mp4.faces.jsonl` with a line for each frame that was
    looked at, and with the same times and sound `clip.mp4.faces.mp4`, with faces drawn, and
    `clip.mp4.blurred.mp4`, without them, as far as they were asked for. Each appears once it is
    whole, the lines last: where they are, and the copies, an earlier run was through with the
    video, and nothing is done. One that was stopped is begun anew.

    Args:
        params: The networks' parameters.
        path: The video.
        folder: Where results go; it is made where it is missing.
        config: How to look.
        options: What the run is asked for.

    Returns:
        How many frames have a line, and how many faces these have.

    Raises:
        OSError: A file cannot be read or written, or one that is no result of an earlier run is in
            the place of one; the text names it.
        ValueError: The video cannot be read, or breaks off; the text names it.
        ModuleNotFoundError: PyAV is not installed.
    """
    way = Way(every=options.every, smooth=options.smooth, batch_size=options.batch_size)
    check_video(path, config, way)
    lines, copies = folder / (path.name + LINES), _copies(path, folder, options)
    for result in (lines, *copies):
        _check_replaced(result)
    if not options.overwrite and all(result.exists() for result in (lines, *copies)):
        return _counted(lines)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        told = stack.enter_context(whole_path(lines))
        file = stack.enter_context(open(told, "w", encoding="utf-8"))
        writers = [stack.enter_context(recording(path, copy)) for copy in copies]
        total = count_frames(path)
        bar = tqdm(desc=path.name, total=total, unit="frame", disable=None, leave=False)
        stack.enter_context(bar)
        pictures = read_frames(path, every=1 if copies else way.every)
        seen = stack.enter_context(contextlib.closing(look(params, pictures, config, way)))
        written = _Lines(file, options)
        streams = itertools.tee(map(written.take, seen), max(1, len(copies)))
        waits = [copy.linger for copy in copies.values()] or [0]
        filled = [with_all_faces(lingering(*one)) for one in zip(streams, waits, strict=True)]
        for frames in zip(*filled, strict=True):  # One step of each at a time: few are held.
            for writer, copy, frame in zip(writers, copies.values(), frames, strict=False):
                writer.write(frame.picture, copy.draw(frame.picture.image, frame.faces))
            bar.update(frames[0].picture.index + 1 - bar.n)
    return written.frames, written.faces


class _Lines:
    """A video's lines, as they are written; how many, and of how many faces."""

    def __init__(self, file: TextIO, options: Options) -> None:
        self._file, self._options = file, options
        self.frames = self.faces = 0

    def take(self, frame: Frame) -> Frame:
        """Writes the line of a frame that was looked at, and leaves it the faces that count."""
        if frame.faces is None:
            return frame
        faces = chosen(frame.faces, frame.picture.image.shape[:2], self._options)
        print(json.dumps(to_line(frame.picture, faces)), file=self._file)
        self.frames, self.faces = self.frames + 1, self.faces + len(faces)
        return frame._replace(faces=faces)


def to_line(picture: Picture, faces: mj.TrackedFaces) -> dict[str, Any]:
    """One line of a video's faces; seconds rounded to the millionth part, else as of pictures."""
    record = to_record("", *picture.image.shape[:2], faces)
    del record["file"]
    return {
        "frame": picture.index,
        "time": round(picture.time, 6),
        **record,
        "ids": faces.ids.tolist(),
    }


class _Copy(NamedTuple):
    """What a copy of a video shows.

    Attributes:
        draw: Makes its frames.
        linger: Frames through which it shows faces that are away.
    """

    draw: Draw
    linger: int = 0


def _copies(
    path: pathlib.Path, folder: pathlib.Path, options: Options
) -> dict[pathlib.Path, _Copy]:
    """The videos to write."""
    ending = path.suffix.lower() if path.suffix.lower() in WRITTEN else ".mkv"
    copies = {}
    if options.pictures:
        copies[folder / f"{path.name}.{_DRAWN}{ending}"] = _Copy(draw_known)
    if options.blur:
        hide = functools.partial(mj.blur_faces, how=options.blur)
        copies[folder / f"{path.name}.{_HIDDEN}{ending}"] = _Copy(hide, LINGER)
    return copies


def told_in(folder: pathlib.Path) -> list[pathlib.Path]:
    """The videos of which there are lines in a folder of results, from earlier runs.

    Returns:
        Their paths as they are within the folder.
    """
    found = filter(_is_ours, folder.rglob(f"*{LINES}"))
    return [lines.with_name(lines.name.removesuffix(LINES)) for lines in found]


def remove_results(original: pathlib.Path) -> None:
    """Removes what earlier runs made of a video, and nothing else."""
    endings = [LINES, *(f".{kind}{ending}" for kind in _KINDS for ending in WRITTEN)]
    for ending in endings:
        if _is_ours(path := original.with_name(original.name + ending)):
            path.unlink()


def _check_replaced(path: pathlib.Path) -> None:
    """Refuses to replace what is there unless it is an earlier run's, or a link."""
    if path.exists() and not path.is_symlink() and not _is_ours(path):
        raise FileExistsError(taken(path))


def _is_ours(path: pathlib.Path) -> bool:
    """Whether a file is one that an earlier run wrote."""
    if not path.is_file():
        return False
    return start_of(path, len(_RECORD)) == _RECORD if path.name.endswith(LINES) else is_ours(path)


def _counted(lines: pathlib.Path) -> tuple[int, int]:
    """How many frames there are in a video's lines, and how many faces."""
    with open(lines, encoding="utf-8") as file:
        counts = [len(json.loads(line)["scores"]) for line in file]
    return len(counts), sum(counts)
