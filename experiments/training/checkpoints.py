"""Checkpoints of a run: the one place that knows Orbax.

A checkpoint is a flat tree of plain NumPy arrays under the names of the state's leaves, without
devices or classes, so that it can be read on another machine with other versions of Python, JAX and
Optax.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

import jax
import numpy as np
from absl import logging
from orbax.checkpoint import v1 as ocp

from mtcnn_jax.training.step import TrainState

KEPT = 2
"""Checkpoints kept, the newest ones."""


def _flat(state: TrainState) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf)
        for path, leaf in leaves
    }


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
    """The steps of which there are whole checkpoints, in order."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def save_checkpoint(folder: str | os.PathLike[str], state: TrainState) -> None:
    """Writes a checkpoint, which appears only once it is whole, and removes old ones."""
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _quiet():
        ocp.save(folder / f"{int(state.step):08d}", _flat(state), overwrite=True)
    for step in checkpoint_steps(folder)[:-KEPT]:
        shutil.rmtree(folder / f"{step:08d}")
    for leftover in folder.iterdir():
        if not leftover.name.isdigit():  # Of a run that was killed while it wrote.
            shutil.rmtree(leftover)


def restore_checkpoint(folder: str | os.PathLike[str], state: TrainState) -> TrainState | None:
    """The newest checkpoint in the folder.

    Args:
        folder: where checkpoints are.
        state: a state of the same recipe, which gives names and shapes.

    Returns:
        The state with the leaves read, as NumPy arrays; None if there is no checkpoint.

    Raises:
        ValueError: if the checkpoint is of another recipe.
    """
    folder = pathlib.Path(folder).resolve()
    steps = checkpoint_steps(folder)
    if not steps:
        return None
    path = folder / f"{steps[-1]:08d}"
    wanted = _flat(state)
    with _quiet():
        metadata = ocp.metadata(path).metadata
    found = {name: tuple(leaf.shape) for name, leaf in metadata.items()}
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
    with _quiet():
        leaves = ocp.load(path, wanted)
    return jax.tree.unflatten(
        jax.tree.structure(state), [np.asarray(leaves[name]) for name in wanted]
    )
