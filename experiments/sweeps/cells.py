"""The cells of a sweep, one after the other: samples shared, what is finished left as it is.

    rows = run_cells(base, [{"ohem_ratio": "0.7"}, {"ohem_ratio": "1.0"}], config)

A cell that is finished has a row.json; one under way goes on from its last checkpoint.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from absl import logging

from data import records
from data.samples import load_samples
from experiments.mining.before import load_before
from experiments.mining.origin import check_is_of, digests_of_weights, read_origin
from experiments.mining.shards import mine_stage
from experiments.mining.shared import SPLITS, shared_folder
from experiments.sweeps.grid import Cell, make_cells
from experiments.sweeps.measures import Evaluation, measures_of_run
from experiments.sweeps.tables import Row, save_plot, save_tables
from experiments.training.cascade import STAGES, CascadeConfig
from experiments.training.loop import fit
from experiments.training.pipeline import train_all
from mtcnn_jax import load_params
from mtcnn_jax.runtime import spare_mappings
from mtcnn_jax.writing import write_whole

_PLACES = ("data_dir", "samples", "workdir")
"""Settings that say where something is, which may be moved."""


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """What is done with each cell, and where.

    Attributes:
        workdir: folder for the results and the cells.
        stage: what is trained, a stage or "all".
        weights: files (.npz) of the stages before, that R-Net's and O-Net's samples are mined with.
        samples: folder of samples that are there already; "" to mine them.
        evaluation: that each cell's cascade goes through; None for none. Stages that a cell does
            not train are those of `weights`, else the bundled ones.
        part: K and N: of the cells every N-th is trained, from the K-th on.
    """

    workdir: str
    stage: str
    weights: tuple[str, ...] = ()
    samples: str = ""
    evaluation: Evaluation | None = None
    part: tuple[int, int] = (1, 1)

    def __post_init__(self):
        for name in ("weights", "samples"):
            if self.stage == "all" and getattr(self, name):
                raise ValueError(f"--{name} is given; accepted for --stage=all is none")

    @property
    def shared(self) -> pathlib.Path:
        """The folder of samples that cells share. Machines do not wait for each other's."""
        part, parts = self.part
        name = "samples" if parts == 1 else f"samples-{part}-of-{parts}"
        return pathlib.Path(self.workdir) / name

    def folder(self, cell: Cell) -> pathlib.Path:
        """Where a cell's results go."""
        return pathlib.Path(self.workdir) / "cells" / cell.name


def _told(settings: Any) -> Any:
    """Settings as JSON has them, without places."""
    if isinstance(settings, Mapping):
        return {name: _told(one) for name, one in settings.items() if name not in _PLACES}
    return [_told(one) for one in settings] if isinstance(settings, list | tuple) else settings


def _few(names: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    first, *others = [*sorted(names), ""]
    return f"{first} and {len(others) - 1} more" if len(others) > 1 else first


class Sweep:
    """A sweep that is ready to start: everything checked, and its folder this sweep's own."""

    def __init__(
        self, base: CascadeConfig, changes: Sequence[Mapping[str, str]], config: SweepConfig
    ):
        """Checks all that can be told before the first cell, and writes what the sweep is.

        See `run_cells`.
        """
        self.config, stage = config, config.stage
        self.cells = make_cells(base, changes, stage, mined=not config.samples)
        mines = stage != "all" and not config.samples
        self._before = load_before(config.weights, stage) if mines or config.weights else {}
        self._check_data()
        digests = digests_of_weights(self._before)
        benchmarks = [*config.evaluation.benchmarks] if config.evaluation else []
        self._common = {"stage": stage, "weights": digests, "benchmarks": benchmarks}
        self._check_folder()

    def _check_data(self) -> None:
        """Opens what will be read."""
        config = self.config
        if config.samples:
            for split in SPLITS:
                load_samples(pathlib.Path(config.samples) / config.stage / split)
        else:
            stages = STAGES if config.stage == "all" else (config.stage,)
            every = {cell.recipe.mining_of(stage) for cell in self.cells for stage in stages}
            for name, data_dir in sorted(
                {(name, one.data_dir) for one in every for name in (one.wider, one.celeb) if name}
            ):
                for split in SPLITS:
                    records.read_pictures(name, split=split, data_dir=data_dir)
        if config.evaluation:
            config.evaluation.check()

    def _made_of(self, cell: Cell) -> dict[str, Any]:
        """What a cell's row depends on."""
        stage, recipe = self.config.stage, cell.recipe
        if stage == "all":
            return {**self._common, **_told(dataclasses.asdict(recipe))}
        told = {"run": _told(dataclasses.asdict(recipe.of(stage)))}
        if not self.config.samples:
            told["mining"] = _told(dataclasses.asdict(recipe.mining_of(stage)))
        return {**self._common, **told}

    def _check_folder(self) -> None:
        """Refuses a folder that holds another sweep; else writes which one this is."""
        path = pathlib.Path(self.config.workdir) / "sweep.json"
        now = {cell.name: self._made_of(cell) for cell in self.cells}
        if path.exists():
            before = read_origin(path)
            new, gone = (_few(one) for one in (now.keys() - before, before.keys() - now))
            if new or gone:
                raise ValueError(
                    f"{path.parent} holds a sweep of other cells ({new or 'none'} new, "
                    f"{gone or 'none'} gone); accepted are the same grid, another --workdir, or "
                    f"this one without its {path.name}: what is finished is kept"
                )
            for name, made_of in now.items():
                what = f"{path.parent} holds a sweep whose cell {name} was begun"
                check_is_of(what, before[name], made_of, accepted="another --workdir")
        for cell in self.cells:
            self.row(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(now, indent=2).encode())

    def row(self, cell: Cell) -> Row | None:
        """What came out of a cell, if it is finished.

        Raises:
            ValueError: if it was one with other settings.
        """
        folder = self.config.folder(cell)
        path = folder / "row.json"
        if not path.exists():
            return None
        told = read_origin(path)
        what = f"{folder} holds a cell"
        check_is_of(
            what, told.get("made_of", {}), self._made_of(cell), accepted="another --workdir"
        )
        return Row(cell, folder, told["measures"], told["failed"])

    def _train(self, cell: Cell) -> dict[str, float]:
        """Trains a cell, or goes on with it; its measures."""
        config, recipe, folder = self.config, cell.recipe, self.config.folder(cell)
        if config.stage == "all":
            weights = train_all(recipe, workdir=str(folder), shared=config.shared)
            last = folder if recipe.rounds == 1 else folder / f"round{recipe.rounds}"
            folders = {"pnet": folder / "pnet", "rnet": last / "rnet", "onet": last / "onet"}
            found = {
                f"{stage}/{name}": value
                for stage, one in folders.items()
                for name, value in measures_of_run(one).items()
            }
            params = load_params(weights)
        else:
            samples, stage = config.samples, config.stage
            if not samples:
                mining = recipe.mining_of(stage)
                samples = shared_folder(config.shared, mining, stage, self._before)
                for split in SPLITS:
                    output = samples / stage / split
                    mine_stage(mining, stage, self._before, output, split=split)
            weights = fit(recipe.of(stage).placed(str(folder), str(samples)))
            found = measures_of_run(folder / stage)
            params = load_params() if config.evaluation else {}
            params |= {**self._before, **load_params(weights, stages=(stage,))}
        if config.evaluation:
            found |= config.evaluation.measures(folder / "evaluation", params)
        return found

    def rows(self) -> list[Row]:
        """What came out of all cells that are finished, whichever machine trained them."""
        return [row for row in map(self.row, self.cells) if row]

    def finish(self, cell: Cell) -> None:
        """Trains and measures a cell, and writes its row."""
        folder, failed, measures = self.config.folder(cell), "", {}
        try:
            measures = self._train(cell)
        except FloatingPointError as error:
            failed = str(error)
            logging.warning("%s: %s", cell.name, failed)
        told = {"made_of": self._made_of(cell), "measures": measures, "failed": failed}
        write_whole(folder / "row.json", json.dumps(told, indent=2).encode())


def run_cells(
    base: CascadeConfig, changes: Sequence[Mapping[str, str]], config: SweepConfig
) -> list[Row]:
    """Trains and measures the cells of a sweep; writes its tables after each, at last its plot.

    Args:
        base: the recipe that all cells start from.
        changes: of each cell, texts by the names of fields.
        config: what is done with each, and where.

    Returns:
        The rows of all cells that are finished, those of other machines with them, in order.

    Raises:
        FileNotFoundError: if samples or a data set are missing.
        ValueError: if a field or value is wrong, two cells are the same, or the folder holds
            another sweep; before anything is written.
    """
    sweep = Sweep(base, changes, config)
    part, parts = config.part
    for number, cell in enumerate(sweep.cells):
        if number % parts == part - 1 and sweep.row(cell) is None:
            logging.info("cell %d of %d: %s", number + 1, len(sweep.cells), cell.name)
            sweep.finish(cell)
            spare_mappings()
            save_tables(pathlib.Path(config.workdir), sweep.rows())
    rows = sweep.rows()
    if rows:  # There may be more machines than cells.
        save_tables(pathlib.Path(config.workdir), rows)
        save_plot(pathlib.Path(config.workdir) / "results.png", rows)
    return rows
