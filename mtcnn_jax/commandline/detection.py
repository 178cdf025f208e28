"""Detection of the faces of many pictures, into a folder."""

import collections
import contextlib
import dataclasses
import importlib.util
import json
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tqdm import tqdm

import mtcnn_jax as mj
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.commandline.clips import detect_clip
from mtcnn_jax.commandline.compilations import keep_compilations
from mtcnn_jax.commandline.copies import write_copies
from mtcnn_jax.commandline.endings import is_of_full_disk, told
from mtcnn_jax.commandline.lines import append_line
from mtcnn_jax.commandline.looking import Seen, look_through
from mtcnn_jax.commandline.options import Options, to_options
from mtcnn_jax.commandline.pictures import Found, find_pictures, is_clip
from mtcnn_jax.commandline.results import LINES, chosen, to_faces, to_record
from mtcnn_jax.commandline.resumption import Done, going_on, settings_of
from mtcnn_jax.commandline.tables import check_tables, remove_tables, write_tables
from mtcnn_jax.detect import checked
from mtcnn_jax.stream import default_ahead

LOOKED_AFTER = 16
"""Pictures between two looks at the memory map, which takes up to 30 ms."""


@dataclasses.dataclass
class _Tally:
    """What a run has done, counted as it goes on."""

    pictures: int = 0
    faces: int = 0
    before: int = 0
    unreadable: int = 0
    undrawn: int = 0
    clips: int = 0
    frames: int = 0
    in_clips: int = 0

    def told(self, left_out: int) -> str:
        parts = []
        if self.pictures or not self.clips:
            parts.append(f"pictures: {self.pictures}, faces: {self.faces}")
        if self.clips:
            parts.append(f"videos: {self.clips}, frames: {self.frames}, faces: {self.in_clips}")
        for words, count in (
            ("done before", self.before),
            ("not read", self.unreadable),
            ("not drawn", self.undrawn),
            ("other files left out", left_out),
        ):
            if count:
                parts.append(f"{words}: {count}")
        return ", ".join(parts)


def detect_files(params: Params, found: Found, output: str, options: Options) -> bool:
    """Detects the faces of all pictures found, writes the results and says what was done.

    Args:
        params: The networks' parameters.
        found: The pictures, and videos.
        output: The folder for the results, made where it is missing. Where it holds some of an
            earlier run, this one goes on with them.
        options: What is asked for.

    Returns:
        Whether every picture could be read, and drawn with its faces.

    Raises:
        OSError: A result cannot be written, a file of the user's own has the name of one, or
            another run is at work there; the text names it.
        ValueError: The folder's results are of other settings, or damaged.
    """
    folder = pathlib.Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings_of(found.root, params, options)
    within = {path: path.relative_to(found.root) for path in found.files}
    names = {path: name.as_posix() for path, name in within.items() if not is_clip(path)}
    check_tables(folder, options.format)
    clips = sorted(within.keys() - names.keys())
    begun = [folder / within[path] for path in clips]
    with going_on(folder, settings, options, names.values(), begun) as done:
        whole = done.files - done.lacking.keys()
        todo = {path: name for path, name in names.items() if name not in whole}
        tally = _Tally(len(done.files), done.faces, len(names) - len(todo))
        if not done.files.issuperset(names.values()):
            remove_tables(folder)
        _detect_pictures(params, todo, folder, options, done, tally)
        for path in clips:
            _detect_clip(params, path, (folder / within[path]).parent, options, tally)
        tables = write_tables(folder, options.format)
    where = [str(folder / LINES), *map(str, tables)] if names or not clips else [str(folder)]
    if names and (options.pictures or options.crops or options.blur):
        where.append(f"the {'annotated ' * options.pictures}pictures beside it")
    print(f"{tally.told(found.left_out)}; see {' and '.join(where)}")
    return not (tally.unreadable or tally.undrawn)


def _detect_pictures(
    params: Params,
    names: Mapping[pathlib.Path, str],
    folder: pathlib.Path,
    options: Options,
    done: Done,
    tally: _Tally,
) -> None:
    """Detects the faces of pictures that the folder lacks results of, by their paths."""
    batch_size = checked(options.config, options.batch_size)
    being_written: collections.deque[tuple[dict, Future]] = collections.deque()

    def known(path: pathlib.Path) -> mj.Faces | None:
        record = done.lacking.get(names[path])
        return None if record is None else to_faces(record)

    def begin(seen: Seen) -> None:
        name = names[seen.path]
        faces, size = seen.faces, seen.image.shape[:2]
        if name not in done.lacking:
            faces = chosen(faces, size, options)
        record = to_record(name, *size, faces)
        # Of the record's faces, so that they are the same when a later run makes them.
        copies = writers.submit(write_copies, folder / name, seen.image, to_faces(record), options)
        being_written.append((record, copies))

    def finish() -> None:
        record, copies = being_written.popleft()
        undrawn = copies.result()
        for sentence in undrawn:
            tqdm.write(f"not drawn: {sentence}", file=sys.stderr)
        tally.undrawn += bool(undrawn)
        if record["file"] not in done.lacking:  # Last, so that what has a line is whole.
            append_line(folder / LINES, json.dumps(record))
            tally.pictures += 1
            tally.faces += len(record["scores"])
        bar.update()

    with (
        tqdm(total=len(names), unit="picture", disable=None) as bar,  # None: only on a terminal.
        ThreadPoolExecutor(os.cpu_count() or 1) as writers,
        contextlib.closing(
            look_through(params, [*names], options.config, batch_size=batch_size, known=known)
        ) as pictures,
    ):
        try:
            for number, seen in enumerate(pictures, 1):
                if number % LOOKED_AFTER == 0:
                    mj.runtime.spare_mappings()
                if seen.failure:
                    tally.unreadable += 1
                    tqdm.write(f"not read: {seen.failure}", file=sys.stderr)
                    bar.update()
                    continue
                begin(seen)
                if len(being_written) > default_ahead(batch_size):
                    finish()
            while being_written:
                finish()
        except KeyboardInterrupt:  # What was looked at is not thrown away.
            while being_written:
                finish()
            raise


def _detect_clip(
    params: Params, path: pathlib.Path, folder: pathlib.Path, options: Options, tally: _Tally
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        frames, faces = detect_clip(params, path, folder, options.config, options)
    except (OSError, ValueError) as error:
        if is_of_full_disk(error):
            raise
        tally.unreadable += 1
        print(f"not read: {error}", file=sys.stderr)
        return
    tally.clips += 1
    tally.frames += frames
    tally.in_clips += faces


def run(sources: Sequence[str], output: str, values: Mapping[str, Any]) -> int:
    """Checks the command's arguments, runs it and gives its exit code.

    Args:
        sources: Paths of files and folders, and glob patterns.
        output: The folder for results.
        values: Of all flags, by name.
    """
    try:
        options = to_options(values)
        found = find_pictures(sources, output)
        _check_video(found)
        params = mj.load_params(options.weights)
        os.makedirs(output, exist_ok=True)
    except (OSError, ValueError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    keep_compilations()
    mj.runtime.keep_memory()
    try:
        return 0 if detect_files(params, found, output, options) else 1
    except (OSError, ValueError) as error:
        stays = "; what was written before stays" if isinstance(error, OSError) else ""
        print(f"error: {told(error)}{stays}", file=sys.stderr)
        return 2


def _check_video(found: Found) -> None:
    clips = [path for path in found.files if is_clip(path)]
    if clips and importlib.util.find_spec("av") is None:
        raise ValueError(
            f"{str(clips[0])!r} is a video, which is read through PyAV; install it with: python -m "
            "pip install 'mtcnn_jax[video]'"
        )
