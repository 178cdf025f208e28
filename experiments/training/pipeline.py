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
from experiments.mining.calibration import calibrate
from experiments.mining.config import MineConfig
from experiments.mining.origin import (
    check_is_of,
    digest_of_pictures,
    digests_of_weights,
    read_origin,
)
from experiments.mining.shards import mine_stage, stages_before
from experiments.training.config import TrainConfig
from experiments.training.curves import save_curves
from experiments.training.loop import fit
from experiments.training.metrics import replace_text
from experiments.training.settings import make_config, parse_settings, warmup_within
from mtcnn_jax import load_params, save_params
from mtcnn_jax.networks.layers import INPUT_SIZE

SPLITS = ("train", "validation")

LATER_SHARE = 0.5
"""Steps of a round after the first, which goes on from its weights, over those of the first."""


def parse_windows(texts: list[str]) -> dict[str, float]:
    """The value of --windows_per_picture: what P-Net, R-Net and perhaps O-Net are to leave."""
    if not texts:
        return {}
    try:
        counts = [float(text) for text in texts]
    except ValueError:
        counts = []
    if len(counts) not in (2, 3) or min(counts) <= 0:
        raise ValueError(
            f"--windows_per_picture={','.join(texts)}; accepted are two or three numbers "
            "above 0, for P-Net, R-Net and O-Net"
        )
    return dict(zip(INPUT_SIZE, counts, strict=False))


def plan_rounds(values: Any) -> list[list[TrainConfig]]:
    """The checked configs of every round: P-Net, R-Net and O-Net, then R-Net and O-Net again."""
    if values.rounds < 1:
        raise ValueError(f"--rounds={values.rounds}; accepted are whole numbers from 1 up")
    stages = tuple(INPUT_SIZE)
    first = [make_config(values, stage, stages) for stage in stages]
    plan = [first]
    for number in range(2, values.rounds + 1):
        later = []
        for config, before in zip(first[1:], plan[-1][-2:], strict=True):
            steps = max(1, round(config.recipe.steps * LATER_SHARE))
            warmup = warmup_within(steps, config.recipe.warmup_steps, config.recipe.stage)
            recipe = dataclasses.replace(config.recipe, steps=steps, warmup_steps=warmup)
            workdir, samples = f"{config.workdir}/round{number}", f"{config.samples}/round{number}"
            later.append(
                dataclasses.replace(
                    config,
                    recipe=recipe,
                    workdir=workdir,
                    samples=samples,
                    init=str(before.weights),
                )
            )
        plan.append(later)
    return plan


def calibrated(
    config: TrainConfig,
    params: dict[str, Any],
    target: float,
    pictures: Sequence[records.Picture],
    images: Sequence[np.ndarray],
) -> pathlib.Path:
    """The file with a stage's calibrated weights; one that is there is kept, if of the same.

    Args:
        config: of the run that trained the stage.
        params: of the networks up to the stage.
        target: windows per picture.
        pictures: which it is calibrated on.
        images: these, read.

    Raises:
        ValueError: if the file that is there is of other weights or pictures.
    """
    stage = config.recipe.stage
    path = config.folder / f"calibrated-{target:g}.npz"
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


def train_all(values: Any) -> pathlib.Path:
    """Trains the three networks one after the other, each on what those before it find.

    What is done already, samples and stages alike, is left as it is, so the command goes on where
    it was stopped.

    Args:
        values: the flags of `experiments.train`, as attributes.

    Returns:
        The file with the weights of all three.

    Raises:
        FileNotFoundError: if a data set is not prepared.
        ValueError: if a flag's value is wrong; before anything is done.
    """
    plan = plan_rounds(values)
    windows = parse_windows(values.windows_per_picture)
    default = MineConfig(data_dir=values.data_dir, seed=values.seed)
    mining = parse_settings("mine", values.mine, default)
    if not plan[0][0].ratio[LANDMARK]:
        logging.info("%s is left out: the ratio asks for no landmarks", mining.celeb)
        mining = dataclasses.replace(mining, celeb="")
    for dataset in filter(None, (mining.wider, mining.celeb)):
        for split in SPLITS:
            records.read_pictures(dataset, split=split, data_dir=mining.data_dir)
    validation = records.read_pictures(mining.wider, split="validation", data_dir=mining.data_dir)
    images = [records.read_pixels(picture) for picture in validation] if windows else []
    weights = pathlib.Path(values.workdir) / "weights.npz"
    params: dict[str, Any] = {}
    for number, configs in enumerate(plan):
        mining = dataclasses.replace(mining, seed=values.seed + number)
        for config in configs:
            stage = config.recipe.stage
            judge = params.get(stage)
            before = {name: params[name] for name in stages_before(stage)}
            for split in SPLITS:
                output = pathlib.Path(config.samples) / stage / split
                mine_stage(mining, stage, before, output, split=split, judge=judge)
            params = {**params, **load_params(fit(config), stages=(stage,))}
            save_curves(config.folder)
            if stage in windows:
                up_to = {name: params[name] for name in (*stages_before(stage), stage)}
                moved = calibrated(config, up_to, windows[stage], validation, images)
                params = {**params, **load_params(moved, stages=(stage,))}
            save_params(weights, params)
            logging.info("%s of round %d is done, in %s", stage, number + 1, weights)
    return weights
