"""Trains one network of the cascade, or all three one after the other.

    python -m experiments.train --config=paper --stage=all --data_dir=DATA --workdir=RUN
    python -m experiments.train --stage=pnet --samples=SAMPLES --workdir=RUN --ohem_ratio=1.0

`--config` names a recipe of `experiments/configs`, a .py or .json file of one's own, or the
config.json of another run; each flag changes a field of it.
`SAMPLES/<stage>/train` and `.../validation` come from `python -m experiments.mine`; `--stage=all`
calls it. In `RUN/<stage>/` lie config.json, metrics.jsonl, checkpoints/, curves.png and
<stage>.npz, the weights.
Started again with the same flags, a run goes on from its last checkpoint.

All devices of the process share a batch. Several processes train together, on one machine or many,
that are each started with the same flags and `--coordinator_address=HOST:PORT --num_processes=N
--process_id=I`, or by a cluster that tells JAX of these (SLURM, Open MPI, ...); all see RUN and
SAMPLES.
"""

from typing import Any

from absl import app, flags, logging

from experiments.cluster import agreement, joining
from experiments.console.command import parse_flags, run_command
from experiments.recipes import flags as recipe_flags
from experiments.training.cascade import STAGES
from experiments.training.curves import save_curves
from experiments.training.loop import Run
from mtcnn_jax.commandline.compilations import keep_compilations
from mtcnn_jax.runtime import keep_memory


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    flags.FLAGS.set_default("verbosity", logging.INFO)
    flags.DEFINE_enum("stage", None, [*STAGES, "all"], "The network to train.", required=True)
    flags.DEFINE_string("workdir", None, "The folder for results.", required=True)
    flags.DEFINE_string("samples", "", "The folder of samples; WORKDIR/samples if not given.")
    flags.DEFINE_string("coordinator_address", "", "HOST:PORT of process 0, of several.")
    flags.DEFINE_integer("num_processes", None, "Processes that train together; 1 is this alone.")
    flags.DEFINE_integer("process_id", None, "Which of the processes this is, from 0.")
    recipe_flags.define_recipe_flags()
    flags.adopt_module_key_flags(recipe_flags)  # --help lists them.


def train(values: Any) -> None:
    """Trains what the flags ask for and prints where the weights are."""
    keep_compilations()
    keep_memory()
    recipe = recipe_flags.asked_for(values, values.stage)
    if values.stage == "all":
        from experiments.training import pipeline  # It needs what reads the data sets.

        pipeline.train_all(recipe, workdir=values.workdir, samples=values.samples)
        return
    run = recipe.of(values.stage).placed(values.workdir, values.samples)
    if not run.init and recipe.start_of(values.stage):
        logging.warning(
            "the recipe's %s goes on from a run that --stage=all does before; alone, and without "
            "--init, it starts from fresh parameters",
            values.stage,
        )
    weights = Run(run).fit()
    if agreement.is_first():
        save_curves(weights.parent)
        print(weights)


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""

    def work() -> None:
        values = flags.FLAGS
        joining.join(values.coordinator_address, values.num_processes, values.process_id)
        with joining.losses_told():
            train(values)

    return joining.leave(run_command(argv, work))


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse_flags)
