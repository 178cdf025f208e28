r"""Detects the faces in a photo, a folder of photos, or all files that a pattern matches.

    python -m experiments.detect --input=photos --output=found

A folder is searched with its sub folders for files that end in .jpg, .png, .webp, .tif, .bmp, .gif
and their like; hidden files and folders are left out. A pattern, in quotes as in
--input='photos/**/*.jpg', takes every file that it matches; `**` stands for any sub folders. In the
folder --output it writes

    faces.jsonl             one line per picture: file, size [height, width], boxes [n, 4] (x1 y1
                            x2 y2), scores [n], landmarks [n, 5, 2]; pixels, from the corner of
                            the first one. `file` is relative to the folder that holds them all.
    a/x.jpg.faces.jpg       the picture a/x.jpg with its boxes, scores and points.

Files that cannot be read, or are too large, are named on standard error and the run goes on. So is
an annotated picture whose name a file of your own has: that file stays. The exit code is 0 if all
pictures were read and drawn, 1 if some were not (and for unknown flags), 2 if the run could not
start or could not write, 130 if it was interrupted.
"""

import functools
import json
import os
import pathlib
import sys
from collections.abc import Sequence

import jax
import numpy as np
from absl import app, flags, logging
from tqdm import tqdm

import mtcnn_jax as mj
from experiments.console.command import told, until_interrupted
from experiments.console.compilations import keep_compilations
from experiments.console.writing import append_line
from experiments.files.pictures import Found, find_pictures
from experiments.files.results import ANNOTATED, begin_lines, to_record, write_annotated
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.runtime.buckets import check_size

LOOKED_AFTER = 16
"""Pictures between two looks at the memory map, which takes up to 30 ms."""


def look_at(
    params: Params, path: pathlib.Path, config: mj.DetectConfig
) -> tuple[np.ndarray, mj.Faces]:
    """Reads a picture, uint8 [h, w, 3], and finds its faces.

    Raises:
        OSError, ValueError: It cannot be read, or is too large; the text names it.
    """
    if path.is_dir():
        raise ValueError(f"{str(path)!r} cannot be listed; accepted: a folder that you may read")
    if path.exists() and not path.is_file():
        raise ValueError(f"{str(path)!r} is a pipe, a device or the like; accepted: a picture file")
    try:
        image = mj.read_image(path)
        check_size(*image.shape[:2], name=repr(str(path)))
        try:
            return image, mj.detect(params, image, config)
        except ValueError as error:
            raise ValueError(f"{str(path)!r}: {error}") from error
    except MemoryError as error:
        raise ValueError(f"{str(path)!r} takes more memory than there is") from error
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise ValueError(f"{str(path)!r} takes more memory than the device has") from error


def detect_files(params: Params, found: Found, output: str, config: mj.DetectConfig) -> bool:
    """Detects the faces of all pictures found, writes the results and says what was done.

    Args:
        params: The networks' parameters.
        found: The pictures.
        output: The folder for the results, made where it is missing.
        config: How to look for faces.

    Returns:
        Whether every picture could be read, and drawn with its faces.

    Raises:
        OSError: A result cannot be written, or faces.jsonl is a file of the user's own; the text
            names it.
    """
    folder = pathlib.Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    count = unreadable = undrawn = 0
    lines = folder / "faces.jsonl"
    begin_lines(lines)
    bar = tqdm(found.files, unit="picture", disable=None)  # None: no bar unless on a terminal.
    for number, path in enumerate(bar, 1):
        if number % LOOKED_AFTER == 0:
            mj.runtime.spare_mappings()
        try:
            image, faces = look_at(params, path, config)
        except (OSError, ValueError) as error:
            unreadable += 1
            tqdm.write(f"not read: {error}", file=sys.stderr)
            continue
        count += len(faces.scores)
        file = path.relative_to(found.root).as_posix()
        append_line(lines, json.dumps(to_record(file, *image.shape[:2], faces)))
        try:
            write_annotated(folder / (file + ANNOTATED), image, faces)
        except ValueError as error:
            undrawn += 1
            tqdm.write(f"not drawn: {error}", file=sys.stderr)
    done = f"pictures: {len(found.files) - unreadable}, faces: {count}"
    done += f", not read: {unreadable}" if unreadable else ""
    done += f", not drawn: {undrawn}" if undrawn else ""
    done += f", other files left out: {found.left_out}" if found.left_out else ""
    print(f"{done}; see {lines} and the annotated pictures beside it")
    return not (unreadable or undrawn)


def run(
    source: str,
    output: str,
    *,
    weights: str | None = None,
    min_face_size: float,
    thresholds: Sequence[str],
    scale_factor: float,
    voting: float,
) -> int:
    """Checks the command's arguments, runs it and gives its exit code."""
    try:
        config = mj.DetectConfig(
            min_face_size=min_face_size,
            thresholds=_to_numbers(thresholds),
            scale_factor=scale_factor,
            voting=voting,
        )
        found = find_pictures(source, output)
        params = mj.load_params(weights)
        os.makedirs(output, exist_ok=True)
    except (OSError, ValueError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    keep_compilations()
    mj.runtime.keep_memory()
    try:
        return 0 if detect_files(params, found, output, config) else 1
    except OSError as error:
        print(f"error: {told(error)}; what was written before stays", file=sys.stderr)
        return 2


def _to_numbers(thresholds: Sequence[str]) -> tuple[float, ...]:
    try:
        return tuple(float(threshold) for threshold in thresholds)
    except ValueError:
        raise ValueError(
            f"--thresholds={','.join(thresholds)}; accepted: three numbers such as 0.6,0.7,0.7"
        ) from None


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    config = mj.DetectConfig()
    flags.DEFINE_string("input", None, "A picture, a folder or a glob pattern.", required=True)
    flags.DEFINE_string("output", None, "The folder for the results.", required=True)
    flags.DEFINE_string("weights", None, "An .npz of weights; the bundled ones if not given.")
    flags.DEFINE_float(
        "min_face_size", config.min_face_size, "Side in pixels of the smallest face looked for."
    )
    flags.DEFINE_list("thresholds", list(map(str, config.thresholds)), "Scores to pass, P,R,O-Net.")
    flags.DEFINE_float("scale_factor", config.scale_factor, "From a pyramid level to the next.")
    flags.DEFINE_float("voting", config.voting, "IoU for a say in a face; 1: the best window's.")


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    if argv[1:]:
        raise app.UsageError(f"{argv[1:]} is not part of a flag; name pictures with --input")
    values = flags.FLAGS
    if not values["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # Else JAX tells of every backend it did not find.
    work = functools.partial(
        run,
        values.input,
        values.output,
        weights=values.weights,
        min_face_size=values.min_face_size,
        thresholds=values.thresholds,
        scale_factor=values.scale_factor,
        voting=values.voting,
    )
    return until_interrupted(work)


if __name__ == "__main__":
    define_flags()
    app.run(main)
