"""The studies by name."""

import dataclasses
from typing import Any

from experiments.studies import joint_alignment, networks, ohem, runtime, sources
from experiments.studies.config import StudyConfig
from experiments.studies.study import Study

STUDIES: dict[str, Study] = {
    "ohem": ohem.STUDY,
    "joint_alignment": joint_alignment.STUDY,
    "networks": networks.STUDY,
    "runtime": runtime.STUDY,
    "sources": sources.STUDY,
}


def study_named(name: str) -> Study:
    """The study of that name.

    Raises:
        ValueError: if there is none; the message names all.
    """
    if name not in STUDIES:
        raise ValueError(f"--study={name}; accepted are {', '.join(STUDIES)}")
    return STUDIES[name]


def config_of(name: str, *, quick: bool, **given: Any) -> StudyConfig:
    """The checked settings of a study.

    Args:
        name: of the study.
        quick: whether its quick form is asked for.
        given: settings by name, which come before the study's own; None is not given.

    Raises:
        ValueError: if a name or a value is not accepted.
    """
    study = study_named(name)
    fields = [field.name for field in dataclasses.fields(StudyConfig)]
    settings = {**study.defaults, **(study.quick if quick else {})}
    settings |= {setting: value for setting, value in given.items() if value is not None}
    unknown = [setting for setting in settings if setting not in fields]
    if unknown:
        raise ValueError(f"{unknown[0]} is no setting of a study; accepted are {', '.join(fields)}")
    return StudyConfig(study=name, **settings)
