"""Study `networks`: Table I, P-, R- and O-Net against the 12-, 24- and 48-nets of Li et al., 2015.

Both networks of a group are trained on the same batches of the same samples, to tell faces from
the rest, and are timed in turns.
"""

import pathlib
from typing import Any

import numpy as np
from absl import logging

from data import records
from data.samples import POSITIVE, Samples, load_samples
from experiments.mining.before import stages_before
from experiments.mining.config import MineConfig
from experiments.mining.shards import mine_stage
from experiments.speed.machine import machine_in_words
from experiments.studies import table_one
from experiments.studies.config import StudyConfig
from experiments.studies.rivals.classify import (
    RIVALS,
    Run,
    fit,
    judged,
    scores_of,
    stopped,
)
from experiments.studies.rivals.passes import PASSES, time_passes
from experiments.studies.study import Outcome, Study, section
from experiments.studies.table_one import Judged
from experiments.training.validation import FALSE_POSITIVE_RATE, recall_at
from mtcnn_jax import load_params

SPLITS = ("train", "validation")


def check(config: StudyConfig) -> None:
    """Raises an OSError or ValueError where samples, or what they are mined from, are missing."""
    if config.samples:
        for stage in config.stages:
            for split in SPLITS:
                judged(load_samples(config.samples_folder / stage / split), 1)
        return
    if not config.data_dir:
        raise ValueError(
            "--data_dir and --samples are empty; accepted is the folder of prepared data sets, or "
            "one of samples"
        )
    for split in SPLITS:
        records.read_pictures(MineConfig.wider, split=split, data_dir=config.data_dir)
    load_params(*filter(None, [config.weights]))


def samples_of(config: StudyConfig, stage: str, split: str) -> Samples:
    """A stage's samples of one split, mined first where the study has its own."""
    folder = config.samples_folder / stage / split
    if not config.samples:
        # Faces and the rest are all that is learned here, so CelebA has nothing to add.
        mining = MineConfig(config.data_dir, celeb="", limit=config.limit)
        weights = load_params(*filter(None, [config.weights]))
        before = {name: weights[name] for name in stages_before(stage)}
        mine_stage(mining, stage, before, str(folder), split=split)
    return load_samples(folder)


def run_of(config: StudyConfig, name: str, stage: str, seed: int) -> Run:
    """The run of a network on a stage's samples."""
    steps, batch_size = (config.of_stage(of, stage) for of in ("steps", "batch_size"))
    return Run(name, stage, steps, batch_size, seed)


def folder_of(config: StudyConfig, run: Run) -> pathlib.Path:
    """Where a run's checkpoints are."""
    return config.folder / "runs" / f"{run.name}-{run.seed}"


def params_of(config: StudyConfig, name: str, stage: str) -> Any:
    """The parameters of a network from the first seed's finished run.

    Raises:
        FileNotFoundError: if it is not there.
    """
    run = run_of(config, name, stage, config.seeds[0])
    state = stopped(run, folder_of(config, run))
    if state is None or int(state.step) != run.steps:
        raise FileNotFoundError(
            f"{folder_of(config, run)} holds no finished run of {run.steps} steps; "
            "`--study=networks` with this --workdir makes it"
        )
    return state.params


def _judge(config: StudyConfig, name: str, stage: str, train: Samples, held: Samples) -> Judged:
    """Trains a network once for each seed, and scores the validation samples with it."""
    faces = held.kinds == POSITIVE
    correct, recalls = [], []
    for seed in config.seeds:
        run = run_of(config, name, stage, seed)
        params = fit(run, train, folder_of(config, run))
        scores = scores_of(name, params, held.patches)
        correct.append((scores > 0.5) == faces)
        recalls.append(recall_at(scores, faces, FALSE_POSITIVE_RATE))
        logging.info("%s seed %d accuracy %.4f", name, seed, correct[-1].mean())
    return Judged(np.array(correct), np.array(recalls))


def run(config: StudyConfig) -> Outcome:
    """Makes the study."""
    found, params = {}, {}
    for stage in config.stages:
        train, held = samples_of(config, stage, "train"), samples_of(config, stage, "validation")
        held = judged(held, config.validation_samples)
        for name in (RIVALS[stage], stage):
            found[name] = _judge(config, name, stage, train, held)
            params[name] = params_of(config, name, stage)
    times = time_passes(params, config.stages, runs=config.runs)
    rows = [
        {"network": name, "seed": seed, "accuracy": accuracy, "recall_at_fpr": recall}
        for name, one in found.items()
        for seed, accuracy, recall in zip(config.seeds, one.accuracy, one.recall, strict=True)
    ]
    rows += [
        {"network": name, "arrangement": kind, "windows": batch, **taken._asdict()}
        for (name, kind, batch), taken in times.items()
    ]
    steps, sizes = (
        ", ".join(f"{config.of_stage(of, stage):,}" for stage in config.stages)
        for of in ("steps", "batch_size")
    )
    text = section(
        "Table I: the networks",
        f"Seeds {', '.join(map(str, config.seeds))}; steps {steps}; batches of {sizes}.",
        table_one.accuracies(found),
        table_one.gaps(found, config.stages, resamples=config.resamples),
        f"{PASSES} forward passes, median (least) of {config.runs} rounds in turns, "
        f"on: {machine_in_words()}.",
        table_one.seconds(times),
        table_one.ratios(times, config.stages),
    )
    return Outcome(rows, text)


STUDY = Study(
    shows="Table I, the networks against those of the CNN cascade",
    run=run,
    check=check,
    defaults={"steps": (4000, 2000, 1000), "batch_size": (512, 256, 128)},
    quick={
        "steps": (3,),
        "batch_size": (8,),
        "limit": 8,
        "validation_samples": 20,
        "runs": 2,
        "resamples": 20,
    },
)
