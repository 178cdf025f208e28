"""What the studies share whose networks are judged by what they detect."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data import records
from data.samples import load_samples
from experiments.evaluation.settings import Result
from experiments.mining.before import stages_before
from experiments.mining.config import MineConfig
from experiments.mining.shared import SPLITS
from experiments.recipes.fields import as_text
from experiments.recipes.overrides import override
from experiments.studies.arms import comparison, judges
from experiments.studies.arms.detections import Detected
from experiments.studies.config import StudyConfig
from experiments.studies.study import verdict
from experiments.sweeps.cells import SweepConfig
from experiments.training.cascade import CascadeConfig
from experiments.training.settings import default_config
from mtcnn_jax import load_params

Detect = Callable[[judges.Judge], Mapping[str, Sequence[Sequence[Detected]]]]
"""Of each arm, by its name, what the network of each seed finds in a judge's pictures."""


def check(config: StudyConfig, stages: Sequence[str]) -> None:
    """Raises an OSError or ValueError where what a study needs is missing; it writes nothing."""
    if not config.data_dir:
        raise ValueError("--data_dir is empty; accepted is the folder of prepared data sets")
    judges_of(config)
    load_params(*filter(None, [config.weights]))
    for split in SPLITS:
        for dataset in (MineConfig.wider, MineConfig.celeb) if not config.samples else ():
            records.read_pictures(dataset, split=split, data_dir=config.data_dir)
        for stage in stages if config.samples else ():
            load_samples(config.samples_folder / stage / split)


def judges_of(config: StudyConfig) -> list[judges.Judge]:
    """What detections are scored on."""
    return judges.open_judges(config.data_dir, config.truth_dir, config.fddb_dir, config.pictures)


def weights_before(config: StudyConfig, stage: str) -> dict[str, Any]:
    """The networks that propose windows for a stage."""
    weights = load_params(*filter(None, [config.weights]))
    return {name: weights[name] for name in stages_before(stage)}


def recipe_of(config: StudyConfig, stage: str) -> CascadeConfig:
    """The default recipe with the study's steps, batches and pictures; arms differ from it."""
    changes = {
        "data_dir": config.data_dir,
        "mine_limit": config.limit,
        "steps": config.of_stage("steps", stage),
        "batch_size": config.of_stage("batch_size", stage),
        "validation_samples": config.validation_samples,
    }
    texts = {name: as_text(value) for name, value in changes.items()}
    return override(default_config(), texts, (stage,))


def sweep_of(config: StudyConfig, stage: str, name: str = "runs", samples: str = "") -> SweepConfig:
    """Where the runs of a stage go, and what its samples are mined with.

    Args:
        config: of the study.
        stage: what is trained.
        name: of the folder.
        samples: a folder of samples; those of the settings, or mined ones, if not given.
    """
    samples = samples or config.samples
    before = () if stage == "pnet" or samples else (config.weights or "bundled",)
    return SweepConfig(str(config.folder / name), stage, before, samples)


def score(config: StudyConfig, detect: Detect) -> dict[str, comparison.Results]:
    """Scores every arm and seed, on everything that judges: judge's name -> arm -> results."""
    found: dict[str, dict[str, list[Result]]] = {}
    for judge in judges_of(config):
        found[judge.name] = {
            arm: [judge.score(one) for one in runs] for arm, runs in detect(judge).items()
        }
    return found


def compared(
    config: StudyConfig,
    results: Mapping[str, comparison.Results],
    titles: Mapping[str, str],
    pair: tuple[str, str],
    *,
    claimed: int,
) -> str:
    """A table for each judge of one arm against another, with the verdict on the paper's claim.

    Args:
        config: of the study.
        results: from `score`.
        titles: of the arms.
        pair: the names of the arm compared with, and of the other.
        claimed: the sign of the difference by the paper.
    """
    tables = []
    for arms in results.values():
        found = comparison.differences(arms, *pair, count=config.resamples)
        verdicts = {
            title: verdict(one.low, one.high, claimed=claimed) for title, one in found.items()
        }
        tables.append(comparison.comparison_table(arms, titles, found, verdicts, pair))
    return "\n\n".join(tables)


def against_default(
    config: StudyConfig,
    results: Mapping[str, comparison.Results],
    titles: Mapping[str, str],
    default: str,
    others: Sequence[str],
) -> str:
    """A table for each judge of arms against one, where the paper claims no difference in number.

    Args:
        config: of the study.
        results: from `score`.
        titles: of the arms.
        default: the name of the arm compared with.
        others: names of those compared.
    """
    tables = []
    for arms in results.values():
        found = {
            other: comparison.differences(arms, default, other, count=config.resamples)
            for other in others
        }
        tables.append(comparison.many_table(arms, titles, found, default))
    return "\n\n".join(tables)


def rows_of(
    config: StudyConfig, results: Mapping[str, comparison.Results], **told: Any
) -> list[dict[str, Any]]:
    """Lines of results.csv for every run, on everything that judges."""
    return [
        {**told, **row}
        for judge, arms in results.items()
        for row in comparison.rows(arms, config.seeds, judge)
    ]


def figure_line(path: pathlib.Path, drawn: bool) -> list[str]:
    """The figure in Markdown, where it was drawn."""
    return [f"![detection curves]({path.name})"] if drawn else []
