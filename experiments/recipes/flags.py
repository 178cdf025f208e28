"""A flag for each field of a recipe, and the recipe that flags ask for."""

from typing import Any

from absl import flags

from experiments.recipes.fields import FIELDS, as_text
from experiments.recipes.files import NAMES, read_recipe
from experiments.recipes.overrides import override
from experiments.training.cascade import STAGES, CascadeConfig


def define_recipe_flags() -> None:
    """Defines --config, and a flag for each field, which changes that of the recipe."""
    names = ", ".join(NAMES)
    flags.DEFINE_string("config", "", f"The recipe: {names}, or a .py or .json file.")
    for name, field in FIELDS.items():
        if field.kind is bool:
            flags.DEFINE_bool(name, None, field.help)
        else:
            stages = " One value, or one for each stage." if field.of_stage else ""
            flags.DEFINE_string(name, None, field.help + stages)
    flags.DEFINE_string("mine", None, "Gone: --mine_negatives=50, and so on.")


def _check_old_spellings(values: Any) -> None:
    """Refuses settings within the value of --augment and --mine, saying how to write them."""
    for name in ("augment", "mine"):
        text = getattr(values, name)
        if text is None or (name == "augment" and "=" not in text):
            continue
        now = " ".join(f"--{name}_{part.strip()}" for part in text.split(",") if part.strip())
        raise ValueError(f"--{name}={text} is written {now or 'as nothing at all'} now")


def changes(values: Any) -> dict[str, str]:
    """What the flags change: texts by the fields' names.

    Args:
        values: the flags, as attributes; None where one is not given.
    """
    _check_old_spellings(values)
    given = {name: getattr(values, name) for name in FIELDS}
    return {name: as_text(value) for name, value in given.items() if value is not None}


def asked_for(values: Any, stage: str) -> CascadeConfig:
    """The recipe that the flags ask for, checked.

    Args:
        values: the flags, as attributes.
        stage: what is going to be trained, a stage or "all".

    Raises:
        FileNotFoundError: if --config names a file that is not there.
        ValueError: if a flag is wrong; the message names it and what is accepted.
    """
    recipe = read_recipe(values.config, stage)
    return override(recipe, changes(values), STAGES if stage == "all" else (stage,))
