"""Study `sources`: what the ways of section III.A of making samples are worth in this pipeline.

Beyond the paper. R-Nets (or O-Nets) that differ in one way are trained from the same parameters,
and look at the same windows of the stages before:

- the ratio of kinds in a batch, where the paper has 3:1:1:2;
- the IoU from which a window is a face, where the paper has 0.65;
- windows of the stages before, as in the paper, against random ones and squares about the faces;
- a second round on negatives that the network of the first round is wrong about, against as many
  steps more on the samples of the first.
"""

import dataclasses
from typing import Any

from experiments.mining.shards import mine_stage
from experiments.mining.shared import SPLITS, shared_folder
from experiments.studies import detection
from experiments.studies.arms.comparison import Results
from experiments.studies.arms.detections import detect, look_at_windows
from experiments.studies.arms.runs import Arm, cells_of, train
from experiments.studies.config import StudyConfig
from experiments.studies.study import Outcome, Study, section
from experiments.sweeps.grid import make_cells

DEFAULT = Arm("default", "as in the paper", {})
ARMS = (
    DEFAULT,
    Arm("equal", "fewer negatives, 1:1:1:2", {"ratio": "1:1:1:2"}),
    Arm("no_parts", "no parts, 3:1:0:2", {"ratio": "3:1:0:2"}),
    Arm("loose", "faces from IoU 0.5", {"face_iou": "0.5"}),
    Arm("random", "random windows", {"mine_random_windows": "true"}),
)
AGAIN = Arm("again", "the same samples", {})
HARD = Arm("hard", "hard negatives", {})
TITLES = {arm.name: arm.title for arm in (*ARMS, AGAIN, HARD)}

TITLE = "Sources of samples (section III.A, beyond the paper)"


def check(config: StudyConfig) -> None:
    """Raises an OSError or ValueError where something that the study needs is missing."""
    if "pnet" in config.stages:
        raise ValueError("stages has pnet; accepted are rnet and onet, which have a stage before")
    if config.samples:
        raise ValueError("--samples is given; accepted is none, since this study mines of its own")
    detection.check(config, config.stages)


def networks(config: StudyConfig, stage: str) -> dict[str, list[Any]]:
    """Trains every arm of a stage with every seed, then the second rounds."""
    base = detection.recipe_of(config, stage)
    sweep = detection.sweep_of(config, stage, f"runs/{stage}")
    nets = train(base, ARMS, config.seeds, sweep)
    before, mining = detection.weights_before(config, stage), base.mining_of(stage)
    same = shared_folder(sweep.shared, mining, stage, before)
    # One network judges for all seeds: samples of its own for each take longer than training.
    judge = nets[DEFAULT.name][0]
    later = dataclasses.replace(mining, seed=mining.seed + 1)
    hard = shared_folder(sweep.shared, later, stage, before, judge)
    for split in SPLITS:
        mine_stage(later, stage, before, hard / stage / split, split=split, judge=judge)
    steps = str(max(1, base.of(stage).recipe.steps // 2))
    for arm, samples in ((AGAIN, same), (HARD, hard)):
        second = detection.sweep_of(config, stage, f"runs/{stage}-{arm.name}", str(samples))
        nets[arm.name] = []
        for seed in config.seeds:
            (first,) = make_cells(base, cells_of([DEFAULT], [seed]), stage)
            weights = sweep.folder(first) / stage / f"{stage}.npz"
            one = arm._replace(changes={"steps": steps, "init": str(weights)})
            own = dataclasses.replace(second, workdir=f"{second.workdir}/{seed}")
            nets[arm.name] += train(base, [one], [seed], own)[arm.name]
    return nets


def judge(config: StudyConfig, stage: str, nets: dict[str, list[Any]]) -> dict[str, Results]:
    """Lets all networks of a stage look at the same windows, and scores them."""
    numbered = {(arm, number): net for arm in nets for number, net in enumerate(nets[arm])}
    before = detection.weights_before(config, stage)

    def look(on: Any) -> dict[str, list[Any]]:
        told = look_at_windows(stage, numbered, before, on.pictures)
        return {
            arm: [[detect(stage, one) for one in told[arm, row]] for row in range(len(runs))]
            for arm, runs in nets.items()
        }

    return detection.score(config, look)


def run(config: StudyConfig) -> Outcome:
    """Trains the arms of every stage and compares each with the paper's way."""
    rows, parts = [], []
    for stage in config.stages:
        results = judge(config, stage, networks(config, stage))
        others = [arm.name for arm in ARMS if arm != DEFAULT]
        parts += [
            f"{stage}, one change at a time against samples as in the paper.",
            detection.against_default(config, results, TITLES, DEFAULT.name, others),
            f"{stage}, a second round of half as many steps, from the weights of the first.",
            detection.against_default(config, results, TITLES, AGAIN.name, [HARD.name]),
        ]
        rows += detection.rows_of(config, results, stage=stage)
    return Outcome(rows, section(TITLE, *parts))


STUDY = Study(
    shows="ratios, IoU bands and sources of samples, and rounds of mining",
    run=run,
    check=check,
    defaults={"stages": ("rnet", "onet")},
    quick={
        "stages": ("rnet",),
        "steps": (6,),
        "batch_size": (32,),
        "limit": 24,
        "pictures": 6,
        "resamples": 50,
    },
)
