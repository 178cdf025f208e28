"""A recipe with some fields changed, from texts by name, as flags and sweeps give them."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.mining.config import MineConfig
from experiments.recipes.fields import FIELDS, check_name, parse, pick
from experiments.training.cascade import ASIDE, STAGES, CascadeConfig
from experiments.training.config import TrainConfig
from experiments.training.settings import AUGMENTS, default_rate, warmup_within
from mtcnn_jax.training.augment_config import AugmentConfig
from mtcnn_jax.training.recipe import Recipe


@contextlib.contextmanager
def _named(prefix: str) -> Iterator[None]:
    """Has errors about a field name it as its flag."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{prefix}{error}") from error


def _augment(recipe: Recipe, mode: str | None, changed: dict[str, Any]) -> AugmentConfig | None:
    """How a stage augments: its recipe's way, or none, with some numbers changed."""
    if mode not in (None, "default", "none"):
        raise ValueError(f"--augment={mode}; accepted: default, none")
    augment = recipe.augment
    if mode:
        augment = (augment or AUGMENTS[recipe.stage]) if mode == "default" else None
    if augment is None and changed:
        raise ValueError(
            f"augment_{min(changed)} is given, and {recipe.stage} is not augmented; accepted is it "
            "with --augment=default"
        )
    with _named("augment_"):
        return dataclasses.replace(augment, **changed) if changed else augment


def override_run(
    run: TrainConfig, changed: Mapping[str, str], stages: Sequence[str] = STAGES
) -> TrainConfig:
    """The run of a stage with some fields changed; see `override`."""
    recipe, given = run.recipe, {}
    for name, text in changed.items():
        # P-Net has no layers to drop from: a rate for all stages is one for the others.
        bare = name == "dropout" and recipe.stage == "pnet" and len(stages) > 1
        if FIELDS[name].of_stage and not (bare and "," not in text):
            given[name] = pick(name, text, recipe.stage, stages)
    mode = given.pop("augment", None)

    def of(owner: type) -> dict[str, Any]:
        named = ((FIELDS[name], value) for name, value in given.items())
        return {field.attribute: value for field, value in named if field.owner is owner}

    new = of(Recipe)
    if new.get("optimizer", recipe.optimizer) != recipe.optimizer:
        new.setdefault("learning_rate", default_rate(new["optimizer"], recipe.stage))
    if "warmup_steps" not in new:
        steps = new.get("steps", recipe.steps)
        new["warmup_steps"] = warmup_within(steps, recipe.warmup_steps, recipe.stage)
    new["augment"] = _augment(recipe, mode, of(AugmentConfig))
    return dataclasses.replace(run, recipe=dataclasses.replace(recipe, **new), **of(TrainConfig))


def override(
    config: CascadeConfig, changed: Mapping[str, str], stages: Sequence[str] = STAGES
) -> CascadeConfig:
    """A recipe with some fields changed.

    An optimiser that is changed alone has its own learning rate; a run that becomes too short for
    its warm-up warms up for a tenth of it; a seed is that of mining, too.

    Args:
        config: the recipe.
        changed: texts by the fields' names. What each stage has for itself is given once, or once
            for each of `stages`; the runs besides are changed alike.
        stages: those that are going to be trained; the runs of the others stay.

    Raises:
        ValueError: naming the field and what is accepted.
    """
    for name in changed:
        check_name(name)
    new: dict[str, Any] = {}
    for stage in stages:
        new[stage] = override_run(config.of(stage), changed, stages)
    for name in ASIDE if len(stages) > 1 else ():
        if run := getattr(config, name):
            new[name] = override_run(run, changed, stages)
    mining: dict[str, Any] = {}
    if "seed" in changed:
        mining["seed"] = new[stages[0]].seed
    for name, text in changed.items():
        field = FIELDS[name]
        if field.owner is MineConfig:
            mining[field.attribute] = parse(name, text)
        elif field.owner is CascadeConfig:
            new[name] = parse(name, text)
    with _named("mine_"):
        new["mining"] = dataclasses.replace(config.mining, **mining)
    return dataclasses.replace(config, **new)
