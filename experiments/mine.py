"""Makes the samples of a stage: random windows for P-Net, the stages before for R-Net and O-Net.

    python -m experiments.mine --stage=rnet --weights=pnet.npz --data_dir=DIR --output=SAMPLES

`--config` makes those of a recipe, as `experiments.train` does; the other flags change its fields.
Faces of WIDER FACE give negatives, parts and positives; faces of CelebA the landmark samples. Work
is saved in shards of pictures: a run that was interrupted goes on with the first shard that is
missing, and each picture's randomness follows from the seed and its number, so both give the same
samples.
"""

import dataclasses
import pathlib
from typing import Any

from absl import app, flags

from experiments.console.command import parse_flags, run_command
from experiments.mining.before import load_before
from experiments.mining.config import MineConfig
from experiments.mining.shards import STAGES, mine_stage
from experiments.recipes.fields import FIELDS, parse
from experiments.recipes.files import NAMES, read_recipe
from mtcnn_jax import load_params
from mtcnn_jax.commandline.compilations import keep_compilations
from mtcnn_jax.runtime import keep_memory


def define_flags() -> None:
    """Defines the command's flags: its own, and one for each field of `MineConfig`."""
    flags.DEFINE_enum("stage", None, STAGES, "Network to make samples for.", required=True)
    flags.DEFINE_list("weights", [], "Weights (.npz) of the stages before: a file, or one each.")
    flags.DEFINE_string("judge", "", "Weights (.npz) of the stage from an earlier round.")
    flags.DEFINE_string("output", None, "Folder; samples go to <stage>/<split>.", required=True)
    flags.DEFINE_list("splits", ["train", "validation"], "Splits to make samples of.")
    names = ", ".join(NAMES)
    flags.DEFINE_string("config", "", f"Recipe whose samples to make: {names}, a .py or .json.")
    for name, field in FIELDS.items():
        if field.owner is MineConfig:
            flags.DEFINE_string(name.removeprefix("mine_"), None, field.help)


def read_config(values: Any) -> MineConfig:
    """What samples are made of: the recipe's, with what the flags change.

    Raises:
        ValueError: if a flag is wrong, or no folder of data is named.
    """
    given = {}
    for name, field in FIELDS.items():
        if field.owner is MineConfig:
            own = name.removeprefix("mine_")
            if getattr(values, own) is not None:
                given[field.attribute] = parse(name, getattr(values, own), flag=own)
    recipe = read_recipe(values.config, values.stage)
    config = dataclasses.replace(recipe.mining_of(values.stage), **given)
    if not config.data_dir:
        raise ValueError("--data_dir is not given; accepted is the folder of the prepared data")
    return config


def mine_all(values: Any) -> None:
    """Makes the samples of every split that the flags ask for, and prints their folders."""
    keep_compilations()
    keep_memory()
    config, stage = read_config(values), values.stage
    params = load_before(values.weights, stage)
    judge = load_params(values.judge, stages=(stage,))[stage] if values.judge else None
    for split in values.splits:
        output = pathlib.Path(values.output) / stage / split
        print(mine_stage(config, stage, params, output, split=split, judge=judge))


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    return run_command(argv, lambda: mine_all(flags.FLAGS), quiet=True)


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse_flags)
