"""Going on where a run was stopped: what a folder of results holds, and by which settings."""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import jax
import numpy as np

import mtcnn_jax as mj
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.commandline.clips import remove_results, told_in
from mtcnn_jax.commandline.copies import copies_of, remove_copies
from mtcnn_jax.commandline.lines import length_of_whole_lines, read_records
from mtcnn_jax.commandline.options import FLAGS, Options
from mtcnn_jax.commandline.results import LINES, RECORD, check_replaced, is_ours
from mtcnn_jax.writing import BESIDE, write_whole

SETTINGS = "faces.settings.json"
"""The file that tells by which settings a folder's results were made."""

_START = b'{"mtcnn_jax": '

_ANY_TIME = {"format", "overwrite", "batch_size", "weights"}
"""Flags that may differ when a run goes on: the results are the same. Weights go by content."""

_CONFIG = (
    *("min_face_size", "thresholds", "scale_factor"),
    *("voting", "second_look", "size_prior"),
)

_DEFAULTS = {flag.name: flag.default for flag in FLAGS}

_FOLDER = "the pictures' folder"


class Done(NamedTuple):
    """What a folder of results holds.

    Attributes:
        files: The pictures that have a line, by their names in it.
        faces: How many these have.
        lacking: The records of those of which a copy is missing.
    """

    files: set[str]
    faces: int
    lacking: dict[str, dict[str, Any]]


def settings_of(root: pathlib.Path, params: Params, options: Options) -> dict[str, Any]:
    """All that results depend on, by flag, as JSON gives it back."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(params):
        digest.update(np.asarray(leaf).tobytes())
    config = {name: getattr(options.config, name) for name in _CONFIG}
    values = {name: value for name, value in options.values.items() if name not in _ANY_TIME}
    values |= {"max_faces": options.max_faces, "weights": digest.hexdigest()[:16]} | config
    if not options.crops:
        values["crop_size"] = None
    return json.loads(json.dumps({_FOLDER: str(root), **values}))


@contextlib.contextmanager
def going_on(
    folder: pathlib.Path,
    settings: Mapping[str, Any],
    options: Options,
    names: Iterable[str],
    clips: Sequence[pathlib.Path] = (),
) -> Iterator[Done]:
    """Begins a folder of results, or goes on with it; meanwhile no other run can.

    Args:
        folder: It is there.
        settings: From `settings_of`.
        options: What the run is asked for.
        names: Those of the pictures to come, relative to the folder.
        clips: The videos to come, their paths as they are within the folder.

    Yields:
        What the folder holds. The last line, if it was cut short, is gone, and so is what a run
        that was killed left half made.

    Raises:
        FileExistsError: There is a file that is none of an earlier run.
        OSError: Another run is at work there, or a file cannot be written; the text names it.
        ValueError: The results there are of other settings, or damaged; the text says where.
    """
    lines = folder / LINES
    check_replaced(lines, RECORD)
    check_replaced(folder / SETTINGS, _START)
    if lines.is_symlink() or not lines.exists():
        write_whole(lines, b"")
    with _locked(lines) as file:
        length = length_of_whole_lines(lines)
        if options.overwrite:
            _forget(lines)
            length = 0
            for clip in told_in(folder):
                remove_results(clip)
        if length or told_in(folder):
            _check_settings(folder, settings)
        else:
            file.truncate(0)  # First: lines never lie beside settings that are not theirs.
            told = json.dumps({"mtcnn_jax": mj.__version__, "settings": settings}, indent=2)
            write_whole(folder / SETTINGS, _START + told.encode().partition(b": ")[2] + b"\n")
        file.truncate(length)
        parents = {path.parent for path in (*clips, *(folder / name for name in names))}
        for parent in {folder, *parents}:
            for left in parent.glob(f"{BESIDE}*"):
                shutil.rmtree(left)
        yield _done(folder, options)


def _check_settings(folder: pathlib.Path, settings: Mapping[str, Any]) -> None:
    path = folder / SETTINGS
    accepted = f"accepted: another --output, or --overwrite, which begins {str(folder)!r} anew"
    try:
        before = json.loads(path.read_bytes())["settings"]
        # A flag that is younger than the results was not there to differ.
        pairs = {name: (before.get(name, _DEFAULTS.get(name)), settings[name]) for name in settings}
    except FileNotFoundError:
        raise ValueError(
            f"{str(folder / LINES)!r} is of a run that did not note its settings; {accepted}"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{str(path)!r} is damaged; {accepted}") from None
    changed = [
        f"{name if name == _FOLDER else f'--{name}'} was {json.dumps(was)} and is {json.dumps(now)}"
        for name, (was, now) in pairs.items()
        if was != now
    ]
    if changed:
        raise ValueError(
            f"{str(folder)!r} holds results of other settings: {', '.join(changed)}; {accepted}, "
            "or the settings of before"
        )


def _done(folder: pathlib.Path, options: Options) -> Done:
    files: set[str] = set()
    lacking = {}
    faces = 0
    for record in read_records(folder / LINES):
        name, count = record["file"], len(record["scores"])
        if name in files:
            raise ValueError(
                f"{str(folder / LINES)!r} has two lines of {name!r}; accepted: another --output, "
                "or --overwrite"
            )
        files.add(name)
        faces += count
        if not all(map(is_ours, copies_of(folder / name, count, options))):
            lacking[name] = record
    return Done(files, faces, lacking)


def _forget(lines: pathlib.Path) -> None:
    """Removes what earlier runs made of the pictures that they tell of."""
    with contextlib.suppress(ValueError):  # Of which, a damaged line does not tell.
        for record in read_records(lines):
            remove_copies(lines.parent / record["file"])


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[BinaryIO]:
    """A file, opened, that no other run has while the block lasts."""
    with open(os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)), "r+b") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass  # Windows, where that another run is at work is for the user to know.
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise BlockingIOError(
                    f"another run is at work in {str(path.parent)!r}; accepted: another --output, "
                    "or this one once that is through"
                ) from None
            # Else the file system has no locks.
        yield file
