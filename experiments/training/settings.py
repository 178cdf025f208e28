"""A stage's checked config from the flags of `experiments.train`, and its defaults."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from absl import logging

from experiments.training.config import TrainConfig
from mtcnn_jax.training.augment import AugmentConfig
from mtcnn_jax.training.recipe import Recipe
from mtcnn_jax.training.samples import POSITIVE_ABOVE

STAGES = ("pnet", "rnet", "onet")

DEFAULTS = {
    "pnet": {"steps": 12_000, "batch_size": 512, "learning_rate": 0.01, "face_iou": POSITIVE_ABOVE},
    "rnet": {"steps": 5_000, "batch_size": 512, "learning_rate": 0.01, "face_iou": POSITIVE_ABOVE},
    "onet": {
        "steps": 5_000,
        "batch_size": 256,
        "learning_rate": 0.003,
        "face_iou": POSITIVE_ABOVE,
    },
}
"""What the stages differ in, where no flag says otherwise; the rates are Muon's (decision 0025)."""

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

OF_RECIPE = (
    "optimizer",
    "weight_decay",
    "clip_norm",
    "ohem_ratio",
    "box_loss",
    "landmark_loss",
    "auxiliary_landmarks",
    "ema_decay",
    "compute_dtype",
)
OF_RUN = (
    "workdir",
    "seed",
    "init",
    "log_every",
    "evaluate_every",
    "checkpoint_every",
    "scan_steps",
    "validation_samples",
)


def pick(name: str, values: Sequence[str] | None, stage: str, stages: Sequence[str], kind: type):
    """A stage's own of a flag's values: one for all stages, or as many as there are stages."""
    if values is None:
        return DEFAULTS[stage][name]
    if len(values) not in (1, len(stages)):
        raise ValueError(
            f"--{name}={','.join(values)}; accepted: one number"
            + (f", or one for each of {', '.join(stages)}" if len(stages) > 1 else "")
        )
    value = values[stages.index(stage) if len(values) > 1 else 0]
    try:
        return kind(value)
    except ValueError:
        raise ValueError(
            f"--{name}={value}; accepted: {'whole ' if kind is int else ''}numbers"
        ) from None


def warmup_within(steps: int, warmup_steps: int, stage: str) -> int:
    """As many steps of warm-up, or a tenth of the run where it is not longer than they are."""
    if not 1 <= steps <= warmup_steps:
        return warmup_steps
    logging.info(
        "%s warms up for %d steps: a run of %d has no room for %d",
        *(stage, steps // 10, steps, warmup_steps),
    )
    return steps // 10


def parse_settings(name: str, text: str, default: Any) -> Any:
    """A config dataclass with some fields set anew, as in "grey=0,blur=0.5"."""
    fields = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}
    changed: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, separator, value = part.partition("=")
        if not separator or not isinstance(fields.get(key), int | float):
            numbers = [field for field, kept in fields.items() if isinstance(kept, int | float)]
            raise ValueError(
                f"--{name}={text}: {part!r} is not of the form name=number with a name among "
                f"{', '.join(numbers)}"
            )
        try:
            changed[key] = type(fields[key])(value)
        except ValueError:
            raise ValueError(f"--{name}={text}: {value!r} is not a number") from None
    return dataclasses.replace(default, **changed)


def parse_augment(text: str, stage: str) -> AugmentConfig | None:
    """The value of --augment: "default", "none", or settings such as "grey=0,blur=0.5"."""
    if text == "none":
        return None
    return parse_settings("augment", "" if text == "default" else text, AUGMENTS[stage])


def parse_ratio(text: str) -> tuple[float, ...]:
    """The value of --ratio, numbers with colons between them."""
    try:
        return tuple(float(part) for part in text.split(":"))
    except ValueError:
        raise ValueError(f"--ratio={text}; accepted: four numbers such as 3:1:1:2") from None


def make_config(values: Any, stage: str, stages: Sequence[str]) -> TrainConfig:
    """The checked config of one stage.

    Args:
        values: the flags, as attributes.
        stage: the stage in question.
        stages: all that are going to be trained.

    Raises:
        ValueError: if a flag's value is wrong; the message names it and what is accepted.
    """
    rates = values.learning_rate
    if rates is None and values.optimizer in OTHER_RATES:
        rates = [str(OTHER_RATES[values.optimizer])]
    steps, warmup = pick("steps", values.steps, stage, stages, int), values.warmup_steps
    if warmup is None:
        warmup = warmup_within(steps, Recipe.warmup_steps, stage)
    recipe = Recipe(
        stage=stage,
        steps=steps,
        warmup_steps=warmup,
        learning_rate=pick("learning_rate", rates, stage, stages, float),
        face_iou=pick("face_iou", values.face_iou, stage, stages, float),
        dropout=0.0 if stage == "pnet" and len(stages) > 1 else values.dropout,
        augment=parse_augment(values.augment, stage),
        **{name: getattr(values, name) for name in OF_RECIPE},
    )
    return TrainConfig(
        recipe=recipe,
        samples=values.samples or f"{values.workdir}/samples",
        batch_size=pick("batch_size", values.batch_size, stage, stages, int),
        ratio=parse_ratio(values.ratio),
        **{name: getattr(values, name) for name in OF_RUN},
    )
