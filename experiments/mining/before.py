"""The stages before one, whose networks propose its windows."""

from collections.abc import Sequence
from typing import Any

from mtcnn_jax import load_params
from mtcnn_jax.networks.layers import INPUT_SIZE

STAGES = tuple(INPUT_SIZE)


def stages_before(stage: str) -> tuple[str, ...]:
    """The stages whose weights proposing windows for `stage` takes."""
    return STAGES[: STAGES.index(stage)]


def load_before(paths: Sequence[str], stage: str) -> dict[str, Any]:
    """The parameters of the stages before `stage`, from a file, or from one for each.

    "bundled" is the file that comes with the package.

    Raises:
        ValueError: if there are fewer files, or more.
    """
    before = stages_before(stage)
    each = [*paths] * (len(before) if len(paths) == 1 else 1)
    if len(each) != len(before):
        raise ValueError(
            f"--weights names {len(paths)} files; accepted for {stage}: one with "
            f"{', '.join(before) or 'nothing'}, or one for each"
        )
    params: dict[str, Any] = {}
    for name, path in zip(before, each, strict=True):
        params |= load_params(None if path == "bundled" else path, stages=(name,))
    return params
