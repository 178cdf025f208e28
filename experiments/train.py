"""Trains one network of the cascade, or all three one after the other.

    python -m experiments.train --stage=pnet --samples=SAMPLES --workdir=RUN
    python -m experiments.train --stage=all --data_dir=DATA --workdir=RUN

`SAMPLES/<stage>/train` and `.../validation` come from `python -m experiments.mine`; `--stage=all`
calls it. In `RUN/<stage>/` lie config.json, metrics.jsonl, checkpoints/, curves.png and
<stage>.npz, the weights.
Started again with the same flags, a run goes on from its last checkpoint.
"""

from typing import Any

from absl import app, flags, logging

from experiments.console.command import run_command
from experiments.console.compilations import keep_compilations
from experiments.training.config import TrainConfig
from experiments.training.curves import save_curves
from experiments.training.loop import Run
from experiments.training.settings import STAGES, make_config
from mtcnn_jax.runtime import keep_memory
from mtcnn_jax.training.recipe import Recipe


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
    rise = f"Steps of its rise; {recipe.warmup_steps}, or a tenth of a shorter run, if not given."
    flags.DEFINE_integer("warmup_steps", None, rise)
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
        from experiments.training import pipeline  # It needs what reads the data sets.

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
