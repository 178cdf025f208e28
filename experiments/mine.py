"""Makes the samples of a stage: random windows for P-Net, the stages before for R-Net and O-Net.

    python -m experiments.mine --stage=rnet --weights=pnet.npz --data_dir=DIR
    --output=SAMPLES/rnet/train

Faces of WIDER FACE give negatives, parts and positives; faces of CelebA the landmark samples. Work
is saved in shards of pictures: a run that was interrupted goes on with the first shard that is
missing, and each picture's randomness follows from the seed and its number, so both give the same
samples.
"""

import dataclasses
import pathlib

from absl import app, flags

from experiments.console.command import run_command
from experiments.console.compilations import keep_compilations
from experiments.mining.config import MineConfig
from experiments.mining.shards import STAGES, mine_stage, stages_before
from mtcnn_jax import load_params
from mtcnn_jax.runtime import keep_memory


def define_flags() -> None:
    """Defines the command's flags: its own, and one for each field of `MineConfig`."""
    flags.DEFINE_enum("stage", None, STAGES, "Network to make samples for.", required=True)
    flags.DEFINE_list("weights", [], "Weights (.npz) of the stages before: a file, or one each.")
    flags.DEFINE_string("judge", "", "Weights (.npz) of the stage from an earlier round.")
    flags.DEFINE_string("output", None, "Folder; samples go to <stage>/<split>.", required=True)
    flags.DEFINE_list("splits", ["train", "validation"], "Splits to make samples of.")
    for field in dataclasses.fields(MineConfig):
        if field.name == "data_dir":
            flags.DEFINE_string("data_dir", None, "Folder of the prepared data.", required=True)
        elif field.name == "thresholds":
            flags.DEFINE_list("thresholds", list(map(str, field.default)), "Of P-Net, R-Net.")
        else:
            define = {
                str: flags.DEFINE_string,
                int: flags.DEFINE_integer,
                float: flags.DEFINE_float,
            }
            define[field.type](field.name, field.default, f"See MineConfig.{field.name}.")


def mine_all(values: flags.FlagValues) -> None:
    """Makes the samples of every split that the flags ask for, and prints their folders."""
    keep_compilations()
    keep_memory()
    settings = {field.name: values[field.name].value for field in dataclasses.fields(MineConfig)}
    settings["thresholds"] = tuple(float(score) for score in settings["thresholds"])
    config, stage = MineConfig(**settings), values.stage
    params, before = {}, stages_before(stage)
    paths = values.weights * (len(before) if len(values.weights) == 1 else 1)
    if len(paths) != len(before):
        raise ValueError(
            f"--weights names {len(values.weights)} files; accepted for {stage}: one with "
            f"{', '.join(before) or 'nothing'}, or one for each"
        )
    for name, path in zip(before, paths, strict=True):
        params |= load_params(path, stages=(name,))
    judge = load_params(values.judge, stages=(stage,))[stage] if values.judge else None
    for split in values.splits:
        output = pathlib.Path(values.output) / stage / split
        print(mine_stage(config, stage, params, output, split=split, judge=judge))


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    return run_command(argv, lambda: mine_all(flags.FLAGS), quiet=True)


if __name__ == "__main__":
    define_flags()
    app.run(main)
