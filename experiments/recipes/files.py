"""Recipes as files: Python files whose `config()` gives one, and the JSON that runs leave."""

import dataclasses
import pathlib
import runpy
import traceback
import types
import typing
from collections.abc import Mapping
from typing import Any

from experiments.mining.origin import read_origin
from experiments.training.cascade import CascadeConfig
from experiments.training.config import TrainConfig
from experiments.training.settings import default_config

FOLDER = pathlib.Path(__file__).parents[1] / "configs"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("[a-z]*.py")))
"""The recipes that come with the project, each a file of this name in `FOLDER`."""

_KINDS = {int: "whole numbers", float: "numbers", bool: "true and false", str: "text"}

_MISTAKES = (
    *(ArithmeticError, AttributeError, ImportError, LookupError, NameError),
    *(SyntaxError, TypeError, ValueError),
)
"""What a file of the user's may raise, that is told with its line."""


def _build(kind: Any, told: Any, name: str) -> Any:
    """What JSON tells, as a value of a kind: a dataclass, a tuple of numbers, or plain."""
    if isinstance(kind, types.UnionType):
        (other,) = (one for one in typing.get_args(kind) if one is not type(None))
        return None if told is None else _build(other, told, name)
    if dataclasses.is_dataclass(kind):
        if not isinstance(told, Mapping):
            raise ValueError(f"{name} is no JSON object")
        hints = typing.get_type_hints(kind)
        if unknown := told.keys() - hints.keys():
            raise ValueError(f"{name}.{min(unknown)} is unknown; accepted are {', '.join(hints)}")
        needed = {field.name for field in dataclasses.fields(kind) if _is_needed(field)}
        if missing := needed - told.keys():
            raise ValueError(f"{name}.{min(missing)} is missing")
        return kind(**{key: _build(hints[key], told[key], f"{name}.{key}") for key in told})
    if typing.get_origin(kind) is tuple:
        if not isinstance(told, list):
            raise ValueError(f"{name} is {told!r}; accepted are lists of numbers")
        return tuple(_build(float, part, name) for part in told)
    fine = isinstance(told, int | float if kind is float else kind)
    if not fine or isinstance(told, bool) is not (kind is bool):
        raise ValueError(f"{name} is {told!r}; accepted are {_KINDS[kind]}")
    return kind(told)


def _is_needed(field: dataclasses.Field) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _from_json(path: pathlib.Path, stage: str) -> CascadeConfig:
    told = read_origin(path)
    try:
        if "recipe" not in told:
            return _build(CascadeConfig, told, "it")
        run = _build(TrainConfig, told, "it")
    except ValueError as error:
        raise ValueError(f"{path} is no recipe: {error}") from error
    if run.recipe.stage != stage:
        raise ValueError(
            f"{path} is the recipe of {run.recipe.stage} alone; accepted is "
            f"--stage={run.recipe.stage}"
        )
    return dataclasses.replace(default_config(), **{stage: run})


def _from_python(path: pathlib.Path) -> CascadeConfig:
    try:
        found = runpy.run_path(str(path)).get("config")
        made = found() if callable(found) else None
    except _MISTAKES as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else [None, *lines][-1]
        told = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(f"{path}, line {line}: {told}") from error
    if not isinstance(made, CascadeConfig):
        raise ValueError(
            f"{path} gives no recipe; accepted is a file with a function config() that returns a "
            "CascadeConfig"
        )
    return made


def read_recipe(text: str, stage: str) -> CascadeConfig:
    """The recipe that `--config` names.

    Args:
        text: a name of `NAMES`, or the path of a .py or .json file; "" for the default.
        stage: what is going to be trained, a stage or "all".

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of these, or the file gives no recipe.
    """
    if not text:
        return default_config()
    if text in NAMES:
        return _from_python(FOLDER / f"{text}.py")
    path = pathlib.Path(text)
    if path.suffix not in (".py", ".json"):
        raise ValueError(f"--config={text}; accepted: {', '.join(NAMES)}, or a .py or .json file")
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}; accepted is a recipe in .py or .json")
    return _from_json(path, stage) if path.suffix == ".json" else _from_python(path)
