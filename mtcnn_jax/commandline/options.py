"""The flags of detection: each is told of here and nowhere else."""

import argparse
from collections.abc import Mapping
from typing import Any, NamedTuple

from mtcnn_jax.config import DetectConfig

_CONFIG = DetectConfig()


class Option(NamedTuple):
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


OPTIONS = (
    Option("weights", None, "an .npz of weights instead of the bundled ones"),
    Option("min_face_size", _CONFIG.min_face_size, "side in pixels of the smallest face", float),
    Option("thresholds", _CONFIG.thresholds, "scores to pass P-Net, R-Net and O-Net", tuple),
    Option("scale_factor", _CONFIG.scale_factor, "from a pyramid level to the next", float),
    Option("voting", _CONFIG.voting, "IoU for a say in a face; 1: the best window's", float),
)
"""In the order in which help tells of them."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds all options to a parser."""
    for option in OPTIONS:
        kind = str if option.kind is tuple else option.kind
        default = ",".join(map(str, option.default)) if option.kind is tuple else option.default
        told = "" if default is None else f" (default: {default})"
        parser.add_argument(
            f"--{option.name}",
            default=default,
            type=kind,
            choices=option.accepted or None,
            metavar=None if option.accepted else option.name.rpartition("_")[2].upper(),
            help=f"{option.help}{told}",
        )


def to_config(values: Mapping[str, Any]) -> DetectConfig:
    """How to look, by the values of the options.

    Raises:
        ValueError: One is not accepted; the text names it.
    """
    return DetectConfig(
        min_face_size=values["min_face_size"],
        thresholds=_to_numbers(values["thresholds"]),
        scale_factor=values["scale_factor"],
        voting=values["voting"],
    )


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
