"""Trains one network of the cascade, or all three one after the other.

    python -m experiments.train --stage=pnet --samples=SAMPLES --workdir=RUN
    python -m experiments.train --stage=all --data_dir=DATA --workdir=RUN

`SAMPLES/<stage>/train` and `.../validation` come from `python -m experiments.mine`; `--stage=all`
calls it. In `RUN/<stage>/` lie config.json, metrics.jsonl, checkpoints/, curves.png and
<stage>.npz, the weights.
Started again with the same flags, a run goes on from its last checkpoint.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from absl import app, flags, logging

from experiments.command import run_command
from experiments.compilations import keep_compilations
from experiments.curves import save_curves
from experiments.fit import Run
from experiments.train_config import TrainConfig
from mtcnn_jax.runtime.memory import keep_memory
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
"""What the stages differ in, where no flag says otherwise; the rates are Muon's. O-Net's recall (at
1% false positives, after 1,000 steps of a run of 12,000) is 0.59 at 0.01, 0.70 at 0.003."""

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
"""How the stages augment. The smaller the network, the less it bears: with the strengths of O-Net,
P-Net's recall (at 1% false positives, after 6,000 steps) is 0.43, without any it is 0.55."""

OF_RECIPE = (
    "warmup_steps",
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
    recipe = Recipe(
        stage=stage,
        steps=pick("steps", values.steps, stage, stages, int),
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


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    flags.FLAGS.set_default("verbosity", logging.INFO)
    recipe, run = Recipe("onet", 1000), TrainConfig(Recipe("onet", 1000), "", "")
    flags.DEFINE_enum("stage", None, [*STAGES, "all"], "The network to train.", required=True)
    flags.DEFINE_string("workdir", None, "The folder for results.", required=True)
    flags.DEFINE_string("samples", "", "The folder of samples; WORKDIR/samples if not given.")
    flags.DEFINE_list("steps", None, "Steps; for --stage=all one number or three.")
    flags.DEFINE_list("batch_size", None, "Samples a step; one number or three.")
    flags.DEFINE_list("learning_rate", None, "Its peak; one number or three.")
    flags.DEFINE_integer("warmup_steps", recipe.warmup_steps, "Steps of its rise.")
    flags.DEFINE_string("optimizer", recipe.optimizer, "muon, adamw or sgd.")
    flags.DEFINE_float("weight_decay", recipe.weight_decay, "On kernels.")
    flags.DEFINE_float("clip_norm", recipe.clip_norm, "Of gradients; 0 is off.")
    flags.DEFINE_float("ohem_ratio", recipe.ohem_ratio, "Hardest share that counts; 1 is all.")
    flags.DEFINE_list("face_iou", None, "Parts above it count as faces; one number or three.")
    flags.DEFINE_string("box_loss", recipe.box_loss, "l2 (the paper's), l1, smooth_l1 or wing.")
    flags.DEFINE_string("landmark_loss", recipe.landmark_loss, "The same for landmarks.")
    flags.DEFINE_bool(
        "auxiliary_landmarks", recipe.auxiliary_landmarks, "Train P-Net, R-Net on landmarks too."
    )
    flags.DEFINE_float("dropout", recipe.dropout, "Rate before the heads of R-Net and O-Net.")
    flags.DEFINE_float("ema_decay", recipe.ema_decay, "Of the averaged weights; 0 is off.")
    flags.DEFINE_string("compute_dtype", recipe.compute_dtype, "float32 or bfloat16.")
    flags.DEFINE_string(
        "augment", "default", "default, none, or settings to change such as grey=0,blur=0.5."
    )
    ratio = ":".join(f"{part:g}" for part in run.ratio)
    flags.DEFINE_string("ratio", ratio, "Negatives, positives, parts and landmarks in a batch.")
    flags.DEFINE_integer("seed", run.seed, "Of all randomness.")
    flags.DEFINE_string("init", "", "An .npz of weights to start from.")
    flags.DEFINE_integer("log_every", run.log_every, "Steps between lines of metrics.")
    flags.DEFINE_integer("evaluate_every", run.evaluate_every, "Between validations; 0 is off.")
    flags.DEFINE_integer("checkpoint_every", run.checkpoint_every, "Between checkpoints.")
    flags.DEFINE_integer("scan_steps", run.scan_steps, "Steps a dispatch on an accelerator.")
    flags.DEFINE_integer("validation_samples", run.validation_samples, "Of each kind, at most.")
    flags.DEFINE_string("data_dir", "", "For --stage=all: the folder of prepared data sets.")
    flags.DEFINE_integer("rounds", 1, "For --stage=all: how often R-Net and O-Net are mined for.")
    flags.DEFINE_list(
        "windows_per_picture", [], "For --stage=all: what P-Net, R-Net, O-Net leave, by bias."
    )
    flags.DEFINE_string("mine", "", "For --stage=all: settings of mining to change, name=number.")


def train(values: Any) -> None:
    """Trains what the flags ask for and prints where the weights are."""
    keep_compilations()
    keep_memory()
    if values.stage == "all":
        from experiments import pipeline  # It needs what reads the data sets.

        pipeline.train_all(values)
        return
    weights = Run(make_config(values, values.stage, [values.stage])).fit()
    save_curves(weights.parent)
    print(weights)


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    return run_command(argv, lambda: train(flags.FLAGS))


if __name__ == "__main__":
    define_flags()
    app.run(main)
