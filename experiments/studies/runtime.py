"""Study `runtime`: Table II, pictures a second, beside the cascade of the 12-, 24- and 48-nets.

The latter are those that study `networks` trained in the same workdir, from its first seed.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import mtcnn_jax as mj
from data.samples import POSITIVE, load_samples
from experiments.console.markdown import table
from experiments.mining.origin import read_origin
from experiments.speed.machine import machine_in_words
from experiments.speed.scenes import open_photo, scene
from experiments.speed.timing import Times, finished, take_turns
from experiments.studies.config import STAGES, StudyConfig
from experiments.studies.networks import STUDY as NETWORKS
from experiments.studies.networks import params_of
from experiments.studies.rivals import cascade_detect
from experiments.studies.rivals.classify import RIVALS, judged, scores_of
from experiments.studies.study import Outcome, Study, section

PAPER = (
    ("MTCNN", "Nvidia Titan Black", 99),
    ("Cascade CNN, the 12-, 24- and 48-nets", "Nvidia Titan Black", 100),
    ("Faceness", "Nvidia Titan Black", 20),
    ("DP2MFD", "Nvidia Tesla K20", 0.285),
)
"""Table II: pictures of 640x480 a second, faces from 20x20 pixels."""

LEAST = 20
"""Side of the smallest faces, in pixels."""

FACES = (0, 5, 20)
"""In the pictures."""

PASSED = {"pnet": 0.99, "rnet": 0.97, "onet": 0.95}
"""Shares of the validation faces that the thresholds of the 12-, 24- and 48-net let pass. Li et al.
set theirs by recall too; these shares are chosen here."""

WITHIN_LEVEL = 0.4
"""Overlap above which neighbours of a pyramid level go, in the cascade of Li et al. In detection it
is 0.5, which is just what windows 4 pixels apart, as theirs are, have in common."""

OURS, THEIRS = "P-, R- and O-Net", "12-, 24- and 48-net"


def networks_config(config: StudyConfig) -> StudyConfig:
    """The settings of study `networks` in the same workdir.

    Raises:
        FileNotFoundError: if it was not made there, or not of all stages.
    """
    kept = dataclasses.replace(config, study="networks").folder / "config.json"
    settings = read_origin(kept) if kept.exists() else {}
    if not {*STAGES} <= {*settings.get("stages", ())}:
        raise FileNotFoundError(
            f"{kept} tells of no study of all networks; `--study=networks` with this --workdir "
            "makes it"
        )
    names = {field.name for field in dataclasses.fields(StudyConfig)} & settings.keys()
    told = {
        name: tuple(value) if isinstance(value := settings[name], list) else value for name in names
    }
    return StudyConfig(**{**told, "workdir": config.workdir, "samples": config.samples})


def check(config: StudyConfig) -> None:
    """Raises an OSError or ValueError where the networks, or their samples, are missing."""
    trained = networks_config(config)
    for stage in STAGES:
        params_of(trained, RIVALS[stage], stage)
        judged(load_samples(trained.samples_folder / stage / "validation"), 1)
    mj.load_params(*filter(None, [config.weights]))
    for count in FACES:
        scene(open_photo(), _size(config), count)


def _size(config: StudyConfig) -> tuple[int, int]:
    height, width = config.resolution
    return height, width


def thresholds_of(trained: StudyConfig, params: dict[str, Any]) -> tuple[float, ...]:
    """The scores that `PASSED` of the validation faces exceed, of the 12-, 24- and 48-net."""
    found = []
    for stage in STAGES:
        samples = load_samples(trained.samples_folder / stage / "validation")
        held = judged(samples, trained.validation_samples)
        scores = scores_of(RIVALS[stage], params[RIVALS[stage]], held.patches)
        least = np.quantile(scores[held.kinds == POSITIVE], 1 - PASSED[stage])
        found.append(float(np.clip(least, 0, 0.999)))
    return tuple(found)


def time_both(config: StudyConfig) -> tuple[list[dict[str, Any]], tuple[float, ...]]:
    """Times both cascades on each picture, in turns.

    Returns:
        A row for each picture and cascade, and the thresholds of the 12-, 24- and 48-net.
    """
    trained = networks_config(config)
    theirs = {RIVALS[stage]: params_of(trained, RIVALS[stage], stage) for stage in STAGES}
    ours = mj.load_params(*filter(None, [config.weights]))
    thresholds = thresholds_of(trained, theirs)
    looking = mj.DetectConfig(min_face_size=LEAST)
    looking_as_theirs = dataclasses.replace(
        looking,
        thresholds=thresholds,
        nms_thresholds=(WITHIN_LEVEL, *looking.nms_thresholds[1:]),
    )
    rows = []
    for count in FACES:
        picture = scene(open_photo(), _size(config), count)
        boxes, left = cascade_detect.detect(theirs, picture, looking_as_theirs)
        (stages,) = mj.detect_stages(ours, [picture], looking)
        windows = {OURS: [len(stages[stage]) for stage in STAGES], THEIRS: left.tolist()}
        tasks: dict[str, Callable] = {
            OURS: functools.partial(mj.detect, ours, picture, looking),
            THEIRS: functools.partial(cascade_detect.detect, theirs, picture, looking_as_theirs),
        }
        taken = take_turns({name: finished(task) for name, task in tasks.items()}, config.runs)
        rows += [_row(name, count, windows[name], times) for name, times in taken.items()]
    return rows, thresholds


def _row(name: str, faces: int, windows: list[int], times: Times) -> dict[str, Any]:
    return {
        "cascade": name,
        "faces": faces,
        "windows": "/".join(map(str, windows)),
        "seconds": times.median,
        "least_seconds": times.least,
        "pictures_per_second": 1 / times.median,
    }


def run(config: StudyConfig) -> Outcome:
    """Makes the study."""
    rows, thresholds = time_both(config)
    height, width = config.resolution
    lines = [
        [
            row["cascade"],
            str(row["faces"]),
            row["windows"].replace("/", " / "),
            f"{1e3 * row['seconds']:.1f} ({1e3 * row['least_seconds']:.1f})",
            f"{row['pictures_per_second']:.1f}",
        ]
        for row in rows
    ]
    scores = ", ".join(f"{score:.3f}" for score in thresholds)
    text = section(
        "Table II: speed",
        f"Pictures of {width}x{height}, faces from {LEAST}x{LEAST} pixels, one picture at a time "
        f"from its pixels to boxes; median (least) of {config.runs} rounds in turns, "
        f"on: {machine_in_words()}.",
        table(["cascade", "faces", "windows after each stage", "ms", "pictures / s"], lines),
        "The 12-, 24- and 48-net run without their calibration nets, at the thresholds "
        f"{scores}, which {', '.join(f'{share:.0%}' for share in PASSED.values())} of their "
        "validation faces exceed.",
        table(["paper", "on", "pictures / s"], [[*line[:2], f"{line[2]:g}"] for line in PAPER]),
    )
    return Outcome(rows, text)


STUDY = Study(
    shows="Table II, the speed of detection beside that of the CNN cascade",
    run=run,
    check=check,
    defaults={**NETWORKS.defaults, "runs": 20},
    quick={"resolution": (240, 320), "runs": 2},
)
