"""What a run is trained with where nothing says otherwise, and the recipe that flags ask for."""

from typing import Any

from absl import logging

from experiments.training.cascade import STAGES, CascadeConfig
from experiments.training.config import TrainConfig
from mtcnn_jax.training.augment import AugmentConfig
from mtcnn_jax.training.recipe import Recipe
from mtcnn_jax.training.samples import POSITIVE_ABOVE

DEFAULTS: dict[str, dict[str, Any]] = {
    "pnet": {"steps": 12_000, "batch_size": 512, "learning_rate": 0.01, "face_iou": POSITIVE_ABOVE},
    "rnet": {"steps": 5_000, "batch_size": 512, "learning_rate": 0.01, "face_iou": POSITIVE_ABOVE},
    "onet": {
        "steps": 5_000,
        "batch_size": 256,
        "learning_rate": 0.003,
        "face_iou": POSITIVE_ABOVE,
    },
}
"""What the stages differ in, where nothing says otherwise; the rates are Muon's (decision 0025)."""

OTHER_RATES = {"adamw": 1e-3, "sgd": 1e-2}
"""Learning rates of the other optimisers, of all stages."""

AUGMENTS = {
    "pnet": AugmentConfig(
        plain=0.9,
        rotation=0.0,
        shift=0.0,
        scale=0.0,
        grey=0.2,
        tint=0.05,
        brightness=0.1,
        contrast=0.2,
        dark=0.05,
        curve=0.2,
        blur=0.1,
        noise=0.02,
        occlusion=0.0,
    ),
    "rnet": AugmentConfig(plain=0.8, rotation=5.0, blur=0.2, noise=0.03),
    "onet": AugmentConfig(plain=0.8),
}
"""How the stages augment. The smaller the network, the less it bears (decision 0022)."""


def default_run(stage: str, **changed: Any) -> TrainConfig:
    """The run of a stage where nothing says otherwise; `changed` are fields of its `Recipe`."""
    numbers = {**DEFAULTS[stage]}
    batch_size = numbers.pop("batch_size")
    settings = {"augment": AUGMENTS[stage], **numbers, **changed}
    return TrainConfig(Recipe(stage, **settings), "", "", batch_size=batch_size)


def default_config() -> CascadeConfig:
    """The recipe where nothing says otherwise."""
    return CascadeConfig(**{stage: default_run(stage) for stage in STAGES})


def default_rate(optimizer: str, stage: str) -> float:
    """The learning rate of an optimiser where nothing says otherwise."""
    return OTHER_RATES.get(optimizer, DEFAULTS[stage]["learning_rate"])


def warmup_within(steps: int, warmup_steps: int, stage: str) -> int:
    """As many steps of warm-up, or a tenth of the run where it is not longer than they are."""
    if not 1 <= steps <= warmup_steps:
        return warmup_steps
    logging.info(
        "%s warms up for %d steps: a run of %d has no room for %d",
        *(stage, steps // 10, steps, warmup_steps),
    )
    return steps // 10
