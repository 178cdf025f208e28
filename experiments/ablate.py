"""Makes one of the paper's studies and sets what comes out beside the paper's own numbers.

    python -m experiments.ablate --study=networks --data_dir=DATA --workdir=STUDIES

`STUDIES/<study>/` then holds results.csv, section.md, figures where there are some, and the runs.
Started again with the same flags, a study goes on where it was stopped. `--quick` makes a small one
of a minute, whose figures mean nothing. A flag that is not given is as the study has it.
"""

import dataclasses
from typing import Any

from absl import app, flags, logging

from experiments.console.command import parse_flags, run_command
from experiments.studies.config import StudyConfig
from experiments.studies.registry import STUDIES, config_of, study_named
from experiments.studies.study import make_study
from mtcnn_jax.commandline.compilations import keep_compilations
from mtcnn_jax.runtime import keep_memory

_FIELDS = {
    field.name: field.type for field in dataclasses.fields(StudyConfig) if field.name != "study"
}


def define_flags() -> None:
    """Defines the command's flags: its own, and one for each field of `StudyConfig`."""
    flags.FLAGS.set_default("verbosity", logging.INFO)
    told = "; ".join(f"{name}: {study.shows}" for name, study in STUDIES.items())
    flags.DEFINE_string("study", None, f"The study to make. {told}.", required=True)
    flags.DEFINE_bool("quick", False, "A small form of it, to see that all of it works.")
    for name, kind in _FIELDS.items():
        define = flags.DEFINE_integer if kind is int else flags.DEFINE_string
        several = "" if kind in (int, str) else ", with commas"
        told = f"See StudyConfig.{name}{several}."
        define(name, None, told, required=name == "workdir")


def _parsed(name: str, kind: Any, value: Any) -> Any:
    """A flag's value as the field has it: numbers or names with commas between them, as a tuple."""
    if value is None or kind in (int, str):
        return value
    parts = tuple(value.split(","))
    if kind == tuple[str, ...]:
        return parts
    try:
        return tuple(int(part) for part in parts)
    except ValueError:
        raise ValueError(
            f"--{name}={value}; accepted: whole numbers with commas between them"
        ) from None


def make_config(values: Any) -> StudyConfig:
    """The checked settings that the flags ask for.

    Raises:
        ValueError: if a flag's value is not accepted.
    """
    study_named(values.study)
    given = {name: _parsed(name, kind, getattr(values, name)) for name, kind in _FIELDS.items()}
    return config_of(values.study, quick=values.quick, **given)


def ablate(values: Any) -> None:
    """Makes the study that the flags ask for and prints its section."""
    config = make_config(values)
    keep_compilations()
    keep_memory()
    print(make_study(study_named(config.study), config).section)


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    return run_command(argv, lambda: ablate(flags.FLAGS))


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse_flags)
