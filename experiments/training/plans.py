"""The runs that a recipe of the cascade asks for, in their order, and where each is."""

import dataclasses

from experiments.training.cascade import STAGES, CascadeConfig
from experiments.training.config import TrainConfig
from experiments.training.settings import warmup_within

LATER_SHARE = 0.5
"""Steps of a round after the first, which goes on from its weights, over those of the first."""


def plan_rounds(recipe: CascadeConfig, workdir: str, samples: str = "") -> list[list[TrainConfig]]:
    """The runs of every round: P-Net, R-Net and O-Net, then R-Net and O-Net again."""
    first = [recipe.of(stage).placed(workdir, samples) for stage in STAGES]
    for stage, start in plan_starts(recipe, workdir, samples).items():
        number = STAGES.index(stage)
        first[number] = dataclasses.replace(first[number], init=str(start.weights))
    plan = [first]
    for number in range(2, recipe.rounds + 1):
        later = []
        for config, before in zip(first[1:], plan[-1][-2:], strict=True):
            steps = max(1, round(config.recipe.steps * LATER_SHARE))
            warmup = warmup_within(steps, config.recipe.warmup_steps, config.recipe.stage)
            run = dataclasses.replace(
                config,
                recipe=dataclasses.replace(config.recipe, steps=steps, warmup_steps=warmup),
                init=str(before.weights),
            )
            place = f"{config.workdir}/round{number}", f"{config.samples}/round{number}"
            later.append(run.placed(*place))
        plan.append(later)
    return plan


def plan_judging(recipe: CascadeConfig, workdir: str, samples: str = "") -> list[TrainConfig]:
    """The run of the P-Net that judges the negatives of the cascade's."""
    if recipe.judging is None:
        return []
    run = recipe.judging.placed(workdir, samples)
    return [run.placed(f"{workdir}/judging", f"{run.samples}/judging")]


def plan_starts(recipe: CascadeConfig, workdir: str, samples: str = "") -> dict[str, TrainConfig]:
    """The runs that those of the first round go on from, on the same samples, by their stages."""
    return {
        stage: run.placed(workdir, samples).placed(f"{workdir}/starting")
        for stage in STAGES
        if (run := recipe.start_of(stage))
    }
