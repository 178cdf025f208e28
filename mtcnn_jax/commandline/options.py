"""The flags of detection: each is told of here and nowhere else."""

import argparse
import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from mtcnn_jax.config import DetectConfig, is_whole

_CONFIG = DetectConfig()


class Flag(NamedTuple):
    """A flag.

    Attributes:
        name: With underscores; `mtcnn-jax` takes dashes as well.
        default: What it is where it is not given.
        help: A sentence, of which the default is no part.
        kind: Of its value: str, float, int, bool, or tuple for values with commas between.
        accepted: All values that there are, where they can be counted.
    """

    name: str
    default: Any
    help: str
    kind: type = str
    accepted: tuple[str, ...] = ()


FLAGS = (
    Flag("format", ("jsonl",), "files of results, commas between", tuple, ("jsonl", "csv", "coco")),
    Flag("pictures", True, "draw each picture's faces on a copy of it", bool),
    Flag("crops", None, "cut faces out: turned upright, or as they are", str, ("aligned", "box")),
    Flag("crop_size", 112, "side of the crops in pixels", int),
    Flag("blur", None, "copy each picture without its faces", str, ("blur", "pixels", "box")),
    Flag("min_score", 0.0, "drop faces of lower scores", float),
    Flag("select", "all", "of a picture's faces, which", str, ("all", "largest", "central")),
    Flag("max_faces", None, "how many at most (by default of --select=all any, else 1)", int),
    Flag("every", 1, "of videos look at every so many-th frame only", int),
    Flag("smooth", False, "of videos take the trembling from boxes and points", bool),
    Flag("overwrite", False, "begin anew instead of going on where a run was stopped", bool),
    Flag("batch_size", None, "pictures at a time (default: 1 on a CPU, else 16)", int),
    Flag("weights", None, "an .npz of weights instead of the bundled ones"),
    Flag("min_face_size", _CONFIG.min_face_size, "side in pixels of the smallest face", float),
    Flag("thresholds", _CONFIG.thresholds, "scores to pass P-Net, R-Net and O-Net", tuple),
    Flag("scale_factor", _CONFIG.scale_factor, "from a pyramid level to the next", float),
    Flag("voting", _CONFIG.voting, "IoU for a say in a face; 1: the best window's", float),
    Flag("second_look", _CONFIG.second_look, "look again at what R-Net and O-Net leave", bool),
    Flag("size_prior", _CONFIG.size_prior, "log-odds more for each doubling of a side", float),
)
"""In the order in which help tells of them."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What a run is asked for, checked.

    Attributes:
        config: How to look for faces.
        format: The files of results: "jsonl", "csv", "coco".
        pictures: Whether to draw the faces on copies of the pictures.
        crops: "aligned", "box", or None for no crops.
        crop_size: Their side in pixels.
        blur: "blur", "pixels", "box", or None for no anonymous pictures.
        min_score: The least score of a face that is kept.
        select: "all", "largest" or "central": which faces come first.
        max_faces: How many of these are kept; None for all.
        every: Of a video, which frames are looked at: the first and every so many-th.
        smooth: Whether boxes and points of videos are smoothed.
        overwrite: Whether to begin anew.
        batch_size: Pictures that go through together; None for what suits the device.
        weights: A file, or None for the bundled ones.
        values: Of all flags as they were given, by name.
    """

    config: DetectConfig
    format: tuple[str, ...]
    pictures: bool
    crops: str | None
    crop_size: int
    blur: str | None
    min_score: float
    select: str
    max_faces: int | None
    every: int
    smooth: bool
    overwrite: bool
    batch_size: int | None
    weights: str | None
    values: Mapping[str, Any] = dataclasses.field(repr=False)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds all flags to a parser."""
    for flag in FLAGS:
        default = ",".join(map(str, flag.default)) if flag.kind is tuple else flag.default
        told = "" if default is None or flag.kind is bool else f" (default: {default})"
        if flag.kind is bool:
            parser.add_argument(
                f"--no{flag.name}" if flag.default else f"--{flag.name}",
                dest=flag.name,
                action="store_false" if flag.default else "store_true",
                help=f"do not {flag.help}" if flag.default else flag.help,
            )
            continue
        counted = "{" + ",".join(flag.accepted) + "}" if flag.accepted else ""
        parser.add_argument(
            f"--{flag.name}",
            default=default,
            type=str if flag.kind is tuple else flag.kind,
            choices=flag.accepted if flag.kind is str and flag.accepted else None,
            metavar=counted or flag.name.rpartition("_")[2].upper(),
            help=f"{flag.help}{told}",
        )


def to_options(values: Mapping[str, Any]) -> Options:
    """What a run is asked for, by the values of all flags.

    Raises:
        ValueError: One is not accepted; the text names it.
    """
    own = {flag.name: values[flag.name] for flag in FLAGS}
    config = DetectConfig(
        min_face_size=own.pop("min_face_size"),
        thresholds=_to_numbers(own.pop("thresholds")),
        scale_factor=own.pop("scale_factor"),
        voting=own.pop("voting"),
        second_look=own.pop("second_look"),
        size_prior=own.pop("size_prior"),
    )
    own["format"] = split(own["format"])
    (formats,) = (flag.accepted for flag in FLAGS if flag.name == "format")
    if not own["format"] or not {*own["format"]} <= {*formats}:
        raise ValueError(
            f"--format={','.join(own['format'])}; accepted: {', '.join(formats)}, or several of "
            "these with commas between"
        )
    for name in ("max_faces", "batch_size", "crop_size", "every"):
        if own[name] is not None and not is_whole(own[name], least=1):
            raise ValueError(f"--{name}={own[name]}; accepted: whole numbers from 1 up")
    if not 0 <= own["min_score"] <= 1 or math.isnan(own["min_score"]):
        raise ValueError(f"--min_score={own['min_score']}; accepted: scores from 0 to 1")
    if own["blur"] and (own["select"] != "all" or own["max_faces"] is not None):
        raise ValueError(
            "--blur with --select or --max_faces would leave other faces as they are; accepted: "
            "--blur alone, for all faces of at least --min_score"
        )
    if own["max_faces"] is None and own["select"] != "all":
        own["max_faces"] = 1
    return Options(config=config, values=dict(values), **own)


def split(value: str | tuple | list) -> tuple[str, ...]:
    """The parts of a value with commas between, which absl has split already."""
    return tuple(value.split(",")) if isinstance(value, str) else tuple(map(str, value))


def _to_numbers(thresholds: str | tuple | list) -> tuple[float, ...]:
    parts = split(thresholds)
    try:
        return tuple(map(float, parts))
    except ValueError:
        raise ValueError(
            f"--thresholds={','.join(parts)}; accepted: three numbers such as 0.6,0.7,0.7"
        ) from None
