"""Study `networks`: Table I, P-, R- and O-Net against the 12-, 24- and 48-nets of Li et al., 2015.

Both networks of a group are trained on the same batches of the same samples, to tell faces from
the rest, and are timed in turns.
"""

import pathlib
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from data import records
from data.samples import POSITIVE, Samples, load_samples
from experiments.console.markdown import table
from experiments.mining.config import MineConfig
from experiments.mining.shards import mine_stage, stages_before
from experiments.speed.machine import machine
from experiments.studies.config import StudyConfig
from experiments.studies.intervals import interval
from experiments.studies.rivals.classify import (
    RIVALS,
    Run,
    fit,
    judged,
    scores_of,
    stopped,
)
from experiments.studies.rivals.passes import ARRANGED, BATCHES, PASSES, PLAIN, time_passes
from experiments.studies.study import Outcome, Study, section, verdict
from experiments.training.validation import FALSE_POSITIVE_RATE, recall_at
from mtcnn_jax import load_params

TITLES = {
    "pnet": "P-Net",
    "net12": "12-net",
    "rnet": "R-Net",
    "net24": "24-net",
    "onet": "O-Net",
    "net48": "48-net",
}

PAPER = {
    "net12": (94.4, 0.038),
    "pnet": (94.6, 0.031),
    "net24": (95.1, 0.738),
    "rnet": (95.4, 0.458),
    "net48": (93.2, 3.577),
    "onet": (95.4, 1.347),
}
"""Table I: validation accuracy in percent, and seconds of 300 forward passes."""

SPLITS = ("train", "validation")


class Judged(NamedTuple):
    """How one network's runs do on the validation samples.

    Attributes:
        correct: bool [runs, n], in the order of the samples.
        recall: float [runs], of faces where `FALSE_POSITIVE_RATE` of the rest pass.
    """

    correct: np.ndarray
    recall: np.ndarray


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
    rows, lines, gaps = [], [], []
    for stage in config.stages:
        train, held = samples_of(config, stage, "train"), samples_of(config, stage, "validation")
        held = judged(held, config.validation_samples)
        found = {name: _judge(config, name, stage, train, held) for name in (RIVALS[stage], stage)}
        for name, one in found.items():
            accuracy = 100 * one.correct.mean(1)
            for seed, percent, recall in zip(config.seeds, accuracy, one.recall, strict=True):
                rows.append(
                    {"network": name, "seed": seed, "accuracy": percent, "recall_at_fpr": recall}
                )
            each = " / ".join(f"{percent:.2f}" for percent in accuracy)
            count = f"{held.kinds.size:,}"
            percent, paper = f"{accuracy.mean():.2f}", f"{PAPER[name][0]:.1f}"
            lines.append([TITLES[name], count, percent, each, paper])
        mean, low, high = (
            100 * value
            for value in interval(
                found[stage].correct, found[RIVALS[stage]].correct, count=config.resamples
            )
        )
        ours, theirs = PAPER[stage][0], PAPER[RIVALS[stage]][0]
        gaps.append(
            [
                f"{TITLES[stage]} over {TITLES[RIVALS[stage]]}",
                f"{mean:+.2f} ({low:+.2f} to {high:+.2f})",
                f"{ours - theirs:+.1f}",
                verdict(low, high, claimed=1),
            ]
        )
    params = {
        name: params_of(config, name, stage)
        for stage in config.stages
        for name in (RIVALS[stage], stage)
    }
    times = time_passes(params, config.stages, runs=config.runs)
    for (name, kind, batch), taken in times.items():
        rows.append(
            {"network": name, "arrangement": kind, "windows": batch, "seconds": taken.median}
        )
    return Outcome(rows, _section(config, lines, gaps, times))


def _section(config: StudyConfig, lines: list, gaps: list, times: dict) -> str:
    by_network = [
        [
            TITLES[name] + (", arranged" if kind == ARRANGED else ""),
            *(f"{times[name, kind, batch].median:.3f}" for batch in BATCHES),
            f"{PAPER[name][1]:.3f}" if kind == PLAIN else "",
        ]
        for name, kind, batch in times
        if batch == BATCHES[0]
    ]
    shares = []
    for stage in config.stages:
        rival = RIVALS[stage]
        over = [
            times[stage, PLAIN, batch].median / times[rival, PLAIN, batch].median
            for batch in BATCHES
        ]
        paper = PAPER[stage][1] / PAPER[rival][1]
        name = f"{TITLES[stage]} over {TITLES[rival]}"
        shares.append([name, *(f"{share:.2f}" for share in over), f"{paper:.2f}"])
    told = ", ".join(f"{name} {value}" for name, value in machine().items())
    steps = ", ".join(f"{config.of_stage('steps', stage):,}" for stage in config.stages)
    sizes = ", ".join(str(config.of_stage("batch_size", stage)) for stage in config.stages)
    header = ["network", "samples", "accuracy, %", "each seed", "paper, %"]
    windows = [f"{batch} window{'s' * (batch > 1)}, s" for batch in BATCHES]
    return section(
        "Table I: the networks",
        f"Seeds {', '.join(map(str, config.seeds))}; steps {steps}; batches of {sizes}.",
        table(header, lines),
        table(["difference", "points (95% interval)", "paper", "verdict"], gaps),
        f"{PASSES} forward passes, median of {config.runs} rounds in turns, on: {told}.",
        table(["network", *windows, "paper, s"], by_network),
        table(["times as long", *(window[:-3] for window in windows), "paper"], shares),
    )


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
