"""Checkpoints of a run: the one place that knows Orbax.

A checkpoint is a flat tree of plain NumPy arrays under the names of the state's leaves, without
devices or classes, so that it can be read on another machine with other versions of Python, JAX and
Optax. `checksums.json` in it has the SHA-256 of each of its files; one that does not hold is
skipped for the one before.
"""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterator

import jax
import numpy as np
from absl import logging
from orbax.checkpoint import v1 as ocp

from experiments.cluster.agreement import agreed, is_first, tell
from mtcnn_jax.training.step import TrainState

KEPT = 2
"""Checkpoints kept, the newest ones."""

CHECKSUMS = "checksums.json"

ROOM = 2**20
"""Bytes that are to be free beside a checkpoint's arrays: of a full disk Orbax tells in pages."""

_FULL = f"os_error_code='{errno.ENOSPC}'"
"""How Orbax, which raises ValueError, tells of a full disk."""

_WHOLE = re.compile("[0-9]{8,}")
_LEFTOVER = re.compile(r"[0-9]{8,}\.(partial|(partial\.)?orbax-checkpoint-tmp.*)")

_UNREADABLE = (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What Orbax raises on broken files, of checkpoints without checksums."""


class DamagedError(ValueError):
    """A checkpoint that is not as it was written."""


def _named(state: TrainState) -> dict[str, jax.Array | np.ndarray]:
    """The state's leaves by name."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _flat(state: TrainState) -> dict[str, np.ndarray]:
    return {name: np.asarray(leaf) for name, leaf in _named(state).items()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Orbax, which tells of every save in dozens of lines, to its warnings."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(min(verbosity, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def checkpoint_steps(folder: str | os.PathLike[str]) -> list[int]:
    """The steps of which there are checkpoints, written to their end, in order."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return []
    paths = (path for path in folder.iterdir() if _WHOLE.fullmatch(path.name) and path.is_dir())
    return sorted(int(path.name) for path in paths)


def save_checkpoint(folder: str | os.PathLike[str], state: TrainState) -> None:
    """Writes a checkpoint, which appears only once it is whole, and removes old ones.

    Of several processes all write it together, to a folder that all of them see.

    Raises:
        OSError: if it cannot be written, as to a full disk.
    """
    folder = pathlib.Path(folder).resolve()
    step = int(state.step)
    path = folder / f"{step:08d}"
    partial = path.with_name(path.name + ".partial")
    # Of leaves on the devices of several processes Orbax has each write a part.
    flat = _flat(state) if jax.process_count() == 1 else _named(state)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    with agreed():
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < ROOM + sum(leaf.nbytes for leaf in flat.values()):
            raise full
    with agreed():
        try:
            with _quiet():
                ocp.save(partial, flat, overwrite=True)
        except ValueError as error:
            if _FULL not in str(error):
                raise
            raise full from error
    with agreed():
        if is_first():
            _finish(folder, path, partial)


def _finish(folder: pathlib.Path, path: pathlib.Path, partial: pathlib.Path) -> None:
    """Puts what Orbax wrote in its place, with checksums, and removes old checkpoints."""
    step = int(path.name)
    (partial / CHECKSUMS).write_text(json.dumps(_checksums(partial), indent=2) + "\n")
    if path.exists():
        shutil.rmtree(path)
    partial.rename(path)
    # Later ones than this are damaged, or this run would have gone on from them.
    for old in [before for before in checkpoint_steps(folder) if before <= step][:-KEPT]:
        shutil.rmtree(folder / f"{old:08d}")
    for leftover in folder.iterdir():
        if _LEFTOVER.fullmatch(leftover.name):  # Of a run that was killed while it wrote.
            shutil.rmtree(leftover)


def restore_checkpoint(folder: str | os.PathLike[str], state: TrainState) -> TrainState | None:
    """The newest checkpoint in the folder that is whole; the log says which were skipped, and why.

    Args:
        folder: where checkpoints are.
        state: a state of the same recipe, which gives names and shapes.

    Returns:
        The state with the leaves read, as NumPy arrays; None if there is no checkpoint.

    Raises:
        ValueError: if the checkpoint is of another recipe, or all of them are damaged.
    """
    folder = pathlib.Path(folder).resolve()
    skipped = []
    for step in reversed(checkpoint_steps(folder)):
        try:
            restored = _read(folder / f"{step:08d}", state, step)
        except DamagedError as error:
            skipped.append(str(error))
            continue
        for reason in skipped:
            logging.warning("%s; skipped for step %d", reason, step)
        return restored
    if skipped:
        raise ValueError(
            f"{folder} holds no whole checkpoint: {'; '.join(skipped)}; without this folder the "
            "run starts anew"
        )
    return None


def _checksums(path: pathlib.Path) -> dict[str, str]:
    """The SHA-256 of each file of a checkpoint, by its path within it."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def _check(path: pathlib.Path) -> None:
    """Raises DamagedError unless a checkpoint's files are as they were written.

    Those from before there were checksums are taken as they are.
    """
    if not (path / CHECKSUMS).exists():
        return
    try:
        wanted = dict(json.loads((path / CHECKSUMS).read_bytes()))
    except (OSError, TypeError, ValueError):
        raise DamagedError(f"{path / CHECKSUMS} is damaged") from None
    try:
        found = _checksums(path)
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {error}") from None
    for name, digest in wanted.items():
        if name not in found:
            raise DamagedError(f"{path / name} is missing")
        if found[name] != digest:
            raise DamagedError(f"{path / name} is damaged, by its checksum")


def _check_in_all(path: pathlib.Path) -> None:
    """`_check` by each process; what one finds damaged, all skip."""
    found = ""
    try:
        _check(path)
    except DamagedError as error:
        found = str(error)
    for damage in filter(None, tell(found)):
        raise DamagedError(damage)


def _read(path: pathlib.Path, state: TrainState, step: int) -> TrainState:
    """A checkpoint's state; see `restore_checkpoint`."""
    _check_in_all(path)
    wanted = _flat(state)
    try:
        with _quiet():
            metadata = ocp.metadata(path).metadata or {}
        found = {name: tuple(leaf.shape) for name, leaf in metadata.items()}
    except _UNREADABLE as error:
        raise DamagedError(f"{path} is damaged: {_short(error)}") from error
    if not found:
        raise DamagedError(f"{path} is damaged: Orbax finds no arrays in it")
    if found != {name: leaf.shape for name, leaf in wanted.items()}:
        names = sorted(
            name
            for name in found.keys() | wanted.keys()
            if name not in wanted or found.get(name) != wanted[name].shape
        )
        raise ValueError(
            f"{path} is of another recipe: {', '.join(names[:5])} differ; accepted are "
            "checkpoints of this recipe, or an empty working folder"
        )
    try:
        with _quiet():
            leaves = ocp.load(path, wanted)
    except _UNREADABLE as error:
        raise DamagedError(f"{path} is damaged: {_short(error)}") from error
    restored = jax.tree.unflatten(
        jax.tree.structure(state), [np.asarray(leaves[name]) for name in wanted]
    )
    if int(restored.step) != step:
        raise DamagedError(f"{path} is damaged: it says that it is of step {restored.step}")
    return restored


def _short(error: Exception) -> str:
    """The beginning of what Orbax says, which goes on for a page."""
    return f"{type(error).__name__} {error}".partition("\n")[0][:100]
