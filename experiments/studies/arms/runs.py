"""Arms of a study: cells of a sweep that differ in what is studied, and in nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.sweeps.cells import SweepConfig, run_cells
from experiments.training.cascade import CascadeConfig
from mtcnn_jax import load_params

Params = Any


class Arm(NamedTuple):
    """One side of a comparison.

    Attributes:
        name: in results.
        title: of its curve and column.
        changes: texts by the names of a recipe's fields, what differs from the study's recipe.
    """

    name: str
    title: str
    changes: Mapping[str, str]


def cells_of(arms: Sequence[Arm], seeds: Sequence[int]) -> list[dict[str, str]]:
    """Every arm with every seed; seed by seed, so that a study that is stopped has whole pairs."""
    return [{**arm.changes, "seed": str(seed)} for seed in seeds for arm in arms]


def train(
    base: CascadeConfig, arms: Sequence[Arm], seeds: Sequence[int], config: SweepConfig
) -> dict[str, list[Params]]:
    """Trains every arm with every seed, or goes on with what is there.

    Args:
        base: the study's recipe.
        arms: what is compared.
        seeds: of the runs, the same for all arms.
        config: the stage that is trained, its samples, and the folder for the runs.

    Returns:
        For each arm's name the network of each seed.

    Raises:
        FloatingPointError: if the loss of a run is no number.
    """
    rows = run_cells(base, cells_of(arms, seeds), config)
    nets: dict[str, list[Params]] = {arm.name: [] for arm in arms}
    for number, row in enumerate(rows):
        if row.failed:
            raise FloatingPointError(row.failed)
        weights = row.folder / config.stage / f"{config.stage}.npz"
        params = load_params(weights, stages=(config.stage,))[config.stage]
        nets[arms[number % len(arms)].name].append(params)
    return nets
