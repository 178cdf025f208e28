"""The fields of a recipe by name, as flags and sweeps change them: their kinds, help and values.

A value is written as text. What a stage has for itself may be given once for all of them, or once
for each, as in `steps=40000,10000,12000`.
"""

import difflib
import inspect
import re
import typing
from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.mining.config import MineConfig
from experiments.training.cascade import CascadeConfig
from experiments.training.config import TrainConfig
from mtcnn_jax.training.augment_config import AugmentConfig
from mtcnn_jax.training.recipe import Recipe


class Field(NamedTuple):
    """A field of a recipe.

    Attributes:
        owner: the dataclass that it is of.
        attribute: its name there.
        kind: int, float, bool, str or tuple (of numbers).
        help: what it is.
    """

    owner: type
    attribute: str
    kind: type
    help: str

    @property
    def of_stage(self) -> bool:
        """Whether each stage has one for itself."""
        return self.owner in (Recipe, TrainConfig, AugmentConfig)


def documented(owner: type) -> dict[str, str]:
    """What a config's docstring says of each of its attributes."""
    _, _, text = (inspect.getdoc(owner) or "").partition("Attributes:\n")
    parts = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE)
    return {name: " ".join(told.split()) for name, told in parts}


def _fields() -> dict[str, Field]:
    """All of them; what `AugmentConfig` and `MineConfig` hold has the word before it."""
    prefixes = {CascadeConfig: "", TrainConfig: "", Recipe: "", AugmentConfig: "augment_"}
    found = {}
    for owner, prefix in {**prefixes, MineConfig: "mine_"}.items():
        told = documented(owner)
        for name, hint in typing.get_type_hints(owner).items():
            kind = tuple if typing.get_origin(hint) is tuple else hint
            if kind in (int, float, bool, str, tuple):
                found[prefix + name] = Field(owner, name, kind, told.get(name, ""))
    for place in ("stage", "samples", "workdir"):
        del found[place]
    found["data_dir"] = found.pop("mine_data_dir")
    told = '"none" is not to augment at all, "default" as the recipe does.'
    return {**found, "augment": Field(Recipe, "augment", str, told)}


FIELDS = _fields()
"""Each field by the name of its flag."""

_ACCEPTED = {int: "whole numbers", float: "numbers", bool: "true and false"}


def check_name(name: str) -> Field:
    """The field of that name.

    Raises:
        ValueError: if there is none; the message names those like it.
    """
    if name not in FIELDS:
        near = difflib.get_close_matches(name, FIELDS, n=3) or sorted(FIELDS)
        raise ValueError(f"{name!r} is no field of a recipe; accepted are {', '.join(near)}")
    return FIELDS[name]


def parse(name: str, text: str, *, flag: str = "") -> Any:
    """A field's value from its text; a tuple's numbers have `:` or `,` between them.

    Args:
        name: of the field.
        text: what is read.
        flag: what the field is called where it is read; its name if not given.

    Raises:
        ValueError: naming the field, the text and what is accepted.
    """
    kind = FIELDS[name].kind
    if kind is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        if kind is tuple:
            return tuple(float(part) for part in re.split("[:,]", text)) if text else ()
        if kind is not bool:
            return kind(text)
    except ValueError:
        pass
    accepted = _ACCEPTED.get(kind, "numbers with : between them")
    if name == "ratio":
        accepted = "four numbers such as 3:1:1:2"
    raise ValueError(f"--{flag or name}={text}; accepted: {accepted}")


def pick(name: str, text: str, stage: str, stages: Sequence[str]) -> Any:
    """A stage's own of a field's values: one for all stages, or as many as there are stages."""
    parts = text.split(",")
    if len(parts) not in (1, len(stages)):
        what = "number" if FIELDS[name].kind in (int, float) else "value"
        raise ValueError(
            f"--{name}={text}; accepted: one {what}"
            + (f", or one for each of {', '.join(stages)}" if len(stages) > 1 else "")
        )
    return parse(name, parts[stages.index(stage) if len(parts) > 1 else 0].strip())


def as_text(value: Any) -> str:
    """A value as `parse` reads it."""
    if isinstance(value, tuple | list):
        return ":".join(map(as_text, value))
    return repr(value) if isinstance(value, float) else str(value)
