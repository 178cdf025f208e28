r"""Writes the cascade, or its networks, as files that other programs run without this project.

    python -m experiments.export --format=stablehlo --output=DIR --height=480 --width=640
    python -m experiments.export --format=onnx --output=DIR

In the folder --output it writes

    stablehlo   cascade.jax, all of detection on a canvas of this size, for a CPU and for CUDA, as
                jax.export reads it back; cascade.json, what it takes and gives and how to call it.
    onnx        pnet.onnx, rnet.onnx and onet.onnx, any number of windows at a time, P-Net for
                pictures of any size; each says what it takes and gives in its doc_string.

The exit code is 0 if the files were written; 2, and nothing is written, if not.
"""

import json
import pathlib
from typing import Any

from absl import app, flags

import mtcnn_jax as mj
from experiments.console.command import parse_flags, run_command
from experiments.files import cascade
from mtcnn_jax.writing import write_whole

FORMATS = ("stablehlo", "onnx")
DEFAULTS = {
    "height": 480,
    "width": 640,
    "min_face_size": 20,
    "thresholds": (0.6, 0.7, 0.7),
    "scale_factor": 0.709,
    "voting": 0.7,
    "second_look": True,
    "size_prior": 0.25,
    "capacities": (4096, 1024, 256),
    "platforms": cascade.PLATFORMS,
}
"""Of the flags that are of `stablehlo` alone."""


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    flags.DEFINE_enum("format", None, FORMATS, "What to write.", required=True)
    flags.DEFINE_string("output", None, "The folder for the files.", required=True)
    flags.DEFINE_string("weights", None, "An .npz of weights; the bundled ones if not given.")
    for name, told in {
        "height": "Of the canvas, in pixels",
        "width": "Of the canvas, in pixels",
        "min_face_size": "Side in pixels of the smallest face looked for",
        "thresholds": "Scores to pass, P-, R- and O-Net",
        "scale_factor": "From a pyramid level to the next",
        "voting": "IoU for a say in a face; 1: the best window's",
        "second_look": "Whether R-Net and O-Net look again",
        "size_prior": "Log-odds more for each doubling of a window's side",
        "capacities": "Windows kept at most after P-Net, for R-Net and for O-Net",
        "platforms": "To write the program for",
    }.items():
        default = DEFAULTS[name]
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        define = flags.DEFINE_bool if isinstance(default, bool) else flags.DEFINE_string
        define(name, None, f"{told}; {shown} if not given. Of stablehlo alone.")


def read_settings(values: Any) -> dict[str, Any]:
    """The settings of `DEFAULTS`, with what the flags change.

    Raises:
        ValueError: if one is no number, or is given where it has no meaning.
    """
    given = {name: getattr(values, name) for name in DEFAULTS}
    given = {name: text for name, text in given.items() if text is not None}
    if given and values.format != "stablehlo":
        raise ValueError(
            f"--{next(iter(given))} is of --format=stablehlo; accepted with --format="
            f"{values.format}: --output and --weights"
        )
    return {**DEFAULTS, **{name: _parse(name, text) for name, text in given.items()}}


def _parse(name: str, text: str | bool) -> Any:
    if isinstance(text, bool):
        return text
    default = DEFAULTS[name]
    many = isinstance(default, tuple)
    kind = type(default[0] if many else default)
    if name == "min_face_size":
        kind = float
    try:
        parts = [kind(part) for part in (text.split(",") if many else [text])]
    except ValueError:
        what = {int: "whole numbers", float: "numbers"}[kind]
        shown = ",".join(map(str, default)) if many else default
        raise ValueError(f"--{name}={text}; accepted: {what} such as {shown}") from None
    return tuple(parts) if many else parts[0]


def export(values: Any) -> None:
    """Writes the files that the flags ask for, once all of them are made.

    Raises:
        OSError, ValueError: if a flag is wrong, a package is missing or a file cannot be written.
    """
    settings, folder = read_settings(values), pathlib.Path(values.output)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--output={folder} is no folder; accepted: one, or a new name")
    make = _cascade if values.format == "stablehlo" else _networks
    contents = make(values.weights, settings)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_whole(folder / name, content)
        print(f"{folder / name}: {len(content):,} bytes")


def _cascade(weights: str | None, settings: dict[str, Any]) -> dict[str, bytes]:
    """Name -> content of the program and of its description."""
    size, platforms = (settings.pop("height"), settings.pop("width")), settings.pop("platforms")
    config = mj.DetectConfig(**settings)
    exported = cascade.export_cascade(mj.load_params(weights), config, size, platforms=platforms)
    named = "bundled" if weights is None else pathlib.Path(weights).name
    told = cascade.description(exported, config, named)
    return {
        told["file"]: cascade.program(exported),
        f"{cascade.NAME}.json": f"{json.dumps(told, indent=2)}\n".encode(),
    }


def _networks(weights: str | None, _: dict[str, Any]) -> dict[str, bytes]:
    """Name -> content of the three graphs."""
    try:
        from experiments.files.networks import network
    except ModuleNotFoundError as error:
        raise ValueError(
            f"graphs are written with onnx ({error}); install it with: "
            "python -m pip install 'mtcnn_jax[export]'"
        ) from error
    params = mj.load_params(weights)
    return {
        f"{stage}.onnx": network(stage, own).SerializeToString() for stage, own in params.items()
    }


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    return run_command(argv, lambda: export(flags.FLAGS), quiet=True)


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse_flags)
