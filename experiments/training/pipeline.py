"""The whole cascade from pictures to weights: mine, P, mine, R, mine, O; `--stage=all`."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import logging

from data import records
from data.samples import LANDMARK
from experiments.cluster.agreement import agree, agreed, is_first
from experiments.mining.before import stages_before
from experiments.mining.calibration import calibrate
from experiments.mining.config import LANDMARK_SETS, MineConfig
from experiments.mining.origin import (
    check_is_of,
    digest_of_pictures,
    digests_of_weights,
    read_origin,
)
from experiments.mining.shards import mine_stage
from experiments.mining.shared import SPLITS, shared_folder
from experiments.training.cascade import STAGES, CascadeConfig
from experiments.training.config import TrainConfig
from experiments.training.curves import save_curves
from experiments.training.loop import check_goes_on, fit
from experiments.training.metrics import replace_text
from experiments.training.plans import plan_judging, plan_rounds, plan_starts
from mtcnn_jax import load_params, save_params


def calibrated_file(config: TrainConfig, target: float, *, name: str) -> pathlib.Path:
    """Where the weights of a stage go that is calibrated to so many windows."""
    return config.folder / f"{name}-{target:g}.npz"


def calibrated(
    config: TrainConfig,
    params: dict[str, Any],
    target: float,
    pictures: Sequence[records.Picture],
    images: Sequence[np.ndarray],
    *,
    name: str = "calibrated",
) -> pathlib.Path:
    """The file with a stage's calibrated weights; one that is there is kept, if of the same.

    Args:
        config: of the run that trained the stage.
        params: of the networks up to the stage.
        target: windows per picture.
        pictures: which it is calibrated on.
        images: these, read.
        name: that the file's begins with.

    Raises:
        ValueError: if the file that is there is of other weights or pictures.
    """
    stage = config.recipe.stage
    path = calibrated_file(config, target, name=name)
    origin = path.with_suffix(".json")
    made_of = {
        "windows_per_picture": target,
        "weights": digests_of_weights(params),
        "pictures": digest_of_pictures(pictures),
    }
    if path.exists() and origin.exists():
        what = f"{path} holds weights calibrated"
        check_is_of(what, read_origin(origin), made_of, accepted="no such file")
    elif path.exists():
        logging.warning("%s does not tell what it was calibrated on: taken as the same", path)
    else:
        replace_text(origin, json.dumps(made_of, indent=2) + "\n")
        save_params(path, {stage: calibrate(stage, params, images, target=target)[stage]})
    return path


def with_landmarks_there_are(recipe: CascadeConfig) -> CascadeConfig:
    """The recipe, without landmark samples where no face of its data sets has five points."""
    sets = [name for name in (recipe.mining.wider, recipe.mining.celeb) if name]
    wanted = any(recipe.of(stage).ratio[LANDMARK] for stage in STAGES)
    if not wanted or not sets or {*sets} & {*LANDMARK_SETS}:
        return recipe
    for name in sets:
        pictures = records.read_pictures(name, split="train", data_dir=recipe.mining.data_dir)
        if any(records.known_points(picture).any() for picture in pictures):
            return recipe
    fresh = "" if recipe.onet.init else ", which then mean nothing: O-Net starts from no weights"
    told = " and ".join(sets)
    logging.warning("no face of %s has five points: no landmarks are trained%s", told, fresh)
    return recipe.without_landmarks()


class Training:
    """The cascade while it is trained: what is known of it, stage by stage.

    Attributes:
        params: of the stages trained so far.
    """

    def __init__(
        self,
        validation: Sequence[records.Picture],
        images: Sequence[np.ndarray],
        *,
        shared: str | pathlib.Path = "",
    ):
        """Starts without any stage.

        Args:
            validation: pictures that biases are calibrated on.
            images: these, read; none where nothing is calibrated.
            shared: folder of samples that runs share; "" for samples of each run's own.
        """
        self.params: dict[str, Any] = {}
        self._validation, self._images, self._shared = validation, images, shared

    def advance(
        self,
        config: TrainConfig,
        mining: MineConfig,
        windows: Sequence[float],
        *,
        start: TrainConfig | None = None,
    ) -> None:
        """Mines for a stage, trains it, and calibrates it where it is to leave so many windows.

        Args:
            config: the run of the stage.
            mining: what its samples are made of.
            windows: that P-Net, R-Net and O-Net are to leave, as far as given.
            start: a run on the same samples before, which that one goes on from.
        """
        stage = config.recipe.stage
        judge = self.params.get(stage)
        before = {name: self.params[name] for name in stages_before(stage)}
        if self._shared:
            folder = shared_folder(self._shared, mining, stage, before, judge)
            config = dataclasses.replace(config, samples=str(folder))
        for split in SPLITS:
            output = pathlib.Path(config.samples) / stage / split
            mine_stage(mining, stage, before, output, split=split, judge=judge)
        for run in filter(None, (start, config)):
            weights = fit(dataclasses.replace(run, samples=config.samples))
            if is_first():
                save_curves(run.folder)
        self.params |= load_params(weights, stages=(stage,))
        self.calibrate(config, windows)

    def calibrate(
        self, config: TrainConfig, windows: Sequence[float], *, name: str = "calibrated"
    ) -> None:
        """Moves the stage's bias, where it is to leave so many windows."""
        stage = config.recipe.stage
        number = STAGES.index(stage)
        if number < len(windows):
            up_to = {one: self.params[one] for one in STAGES[: number + 1]}
            pictures, target = (self._validation, self._images), windows[number]
            with agreed():
                if is_first():
                    calibrated(config, up_to, target, *pictures, name=name)
            moved = calibrated_file(config, target, name=name)
            self.params |= load_params(moved, stages=(stage,))


def train_all(
    recipe: CascadeConfig,
    *,
    workdir: str,
    samples: str = "",
    shared: str | pathlib.Path = "",
) -> pathlib.Path:
    """Trains the three networks one after the other, each on what those before it find.

    What is done already, samples and stages alike, is left as it is, so the command goes on where
    it was stopped. The recipe goes to `config.json` in the folder.

    Args:
        recipe: what is trained, and how.
        workdir: folder for results.
        samples: folder for samples; `samples` in the other if not given.
        shared: folder of samples that runs share, in place of that.

    Returns:
        The file with the weights of all three.

    Raises:
        FileNotFoundError: if a data set is not prepared.
        ValueError: if the folder holds runs with other settings; before anything is done.
    """
    agree(dataclasses.asdict(recipe), "trains")
    recipe = with_landmarks_there_are(recipe)
    plan = plan_rounds(recipe, workdir, samples)
    judges = plan_judging(recipe, workdir, samples)
    starts = plan_starts(recipe, workdir, samples)
    for config in (*sum(plan, []), *judges, *starts.values()):
        check_goes_on(config)
    mining = {stage: recipe.mining_of(stage) for stage in STAGES}
    data_dir = recipe.mining.data_dir
    for dataset in dict.fromkeys((recipe.mining.wider, *(one.celeb for one in mining.values()))):
        for split in SPLITS if dataset else ():
            records.read_pictures(dataset, split=split, data_dir=data_dir)
    windows, final = recipe.windows_per_picture, recipe.final_windows
    validation, images = [], []
    if windows or final:
        wider = recipe.mining.wider
        validation = records.read_pictures(wider, split="validation", data_dir=data_dir)
        with agreed():
            # A gigabyte, which only the process that calibrates needs.
            images = [records.read_pixels(picture) for picture in validation if is_first()]
    folder = pathlib.Path(workdir)
    with agreed():
        if is_first():
            folder.mkdir(parents=True, exist_ok=True)
            told = json.dumps(dataclasses.asdict(recipe), indent=2)
            replace_text(folder / "config.json", told + "\n")
    training, weights = Training(validation, images, shared=shared), folder / "weights.npz"
    for config in judges:
        training.advance(config, mining["pnet"], ())
    for number, configs in enumerate(plan):
        for config in configs:
            stage = config.recipe.stage
            seeded = dataclasses.replace(mining[stage], seed=recipe.mining.seed + number)
            start = starts.get(stage) if number == 0 else None
            training.advance(config, seeded, windows, start=start)
            _save(weights, training.params)
            logging.info("%s of round %d is done, in %s", stage, number + 1, weights)
    for config in (plan[0][0], *plan[-1][-2:]):
        training.calibrate(config, final, name="final")
    _save(weights, training.params)
    return weights


def _save(weights: pathlib.Path, params: dict[str, Any]) -> None:
    with agreed():
        if is_first():
            save_params(weights, params)
