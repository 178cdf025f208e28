"""Trains a grid of cells that differ in fields of a recipe, and tables what comes out.

    python -m experiments.sweep --grid='ohem_ratio=0.5,0.7,1.0;seed=0,1,2' --stage=pnet \
        --data_dir=DATA --workdir=DIR

`--config` and the flags of fields make the recipe that all cells start from, as for
`experiments.train`; the grid changes it for each. Fields of the grid are parted by `;`, values by
`,`, numbers of one value by `:` (ratio=3:1:1:2) and a value for each stage by `|`. Samples are
mined once and shared by the cells whose settings of mining are the same; a cell's `seed` is of its
training alone, unless the grid says `mine_seed`, too. R-Net and O-Net want `--weights` of the
stages before; `--samples` takes samples that are there already.

DIR gets results.csv, results.md (means, and deviations over seeds), results.png, and the runs in
cells/. Started again after it was stopped, finished cells are kept and the one under way goes on.
`--cells=2/3` trains every third cell from the second on, for the second of three machines; without
it a run in the folder with all their cells/ joins the results.
"""

from typing import Any

from absl import app, flags, logging

from experiments.console.command import parse_flags, run_command
from experiments.evaluation.settings import FOLDERS, Settings
from experiments.recipes import flags as recipe_flags
from experiments.sweeps.cells import SweepConfig, run_cells
from experiments.sweeps.grid import parse_grid, parse_part
from experiments.sweeps.measures import Evaluation
from experiments.sweeps.tables import as_markdown
from experiments.training.cascade import STAGES
from mtcnn_jax.commandline.compilations import keep_compilations
from mtcnn_jax.runtime import keep_memory

OWN_FOLDERS = tuple(name for name in FOLDERS if name != "data_dir")


def define_flags() -> None:
    """Defines the command's flags."""
    flags.FLAGS.set_default("verbosity", logging.INFO)
    flags.DEFINE_string("grid", None, "The cells: field=value,value;field=value.", required=True)
    flags.DEFINE_enum("stage", None, [*STAGES, "all"], "What each cell trains.", required=True)
    flags.DEFINE_string("workdir", None, "The folder for results.", required=True)
    flags.DEFINE_list("weights", [], "Weights (.npz) of the stages before: a file, or one each.")
    flags.DEFINE_string("samples", "", "Folder of samples that are there; mined if not given.")
    flags.DEFINE_string("cells", "", "K/N: only the cells of machine K of N.")
    flags.DEFINE_list("evaluate", [], "Benchmarks of experiments.evaluate for each cell's cascade.")
    for name in OWN_FOLDERS:
        flags.DEFINE_string(name, "", f"Folder of {FOLDERS[name]}; --data_dir if not given.")
    recipe_flags.define_recipe_flags()
    flags.adopt_module_key_flags(recipe_flags)  # --help lists them.


def read_config(values: Any, data_dir: str) -> SweepConfig:
    """What the flags ask to do with each cell, checked.

    Raises:
        ValueError: if a flag is wrong; the message names it and what is accepted.
    """
    evaluation = None
    if values.evaluate:
        folders = {name: getattr(values, name) or data_dir for name in OWN_FOLDERS}
        evaluation = Evaluation(Settings(data_dir, "", **folders), tuple(values.evaluate))
    return SweepConfig(
        workdir=values.workdir,
        stage=values.stage,
        weights=tuple(values.weights),
        samples=values.samples,
        evaluation=evaluation,
        part=parse_part(values.cells),
    )


def sweep(values: Any) -> None:
    """Trains what the flags ask for and prints the table."""
    changes = parse_grid(values.grid)
    base = recipe_flags.asked_for(values, values.stage)
    config = read_config(values, base.mining.data_dir)
    keep_compilations()
    keep_memory()
    print(as_markdown(run_cells(base, changes, config)), end="")


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    return run_command(argv, lambda: sweep(flags.FLAGS))


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse_flags)
