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

Files that cannot be read are named on standard error and the run goes on. The exit code is 0 if
all pictures were read, 1 if some were not (and for unknown flags), 2 if the run could not start.
"""

import glob
import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from absl import app, flags, logging
from tqdm import tqdm

import mtcnn_jax as mj
from experiments.console.compilations import keep_compilations
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.runtime.buckets import check_size

ENDINGS = frozenset(
    ".avif .bmp .gif .jfif .jp2 .jpe .jpeg .jpg .mpo .pgm .png .pnm .ppm .tif .tiff .webp".split()
)
"""How the names of the pictures in a folder end, in small or capital letters."""

ANNOTATED = ".faces.jpg"
"""What the name of an annotated picture ends with, after the whole name of its original: two
originals never share one."""

LOOKED_AFTER = 16
"""Pictures between two looks at the memory map, which takes up to 30 ms."""


class Found(NamedTuple):
    """The pictures to look at.

    Attributes:
        root: The folder that holds all of them.
        files: Their absolute paths, sorted.
        left_out: How many other files there were: not pictures, or results of an earlier run.
    """

    root: pathlib.Path
    files: list[pathlib.Path]
    left_out: int


def find_pictures(source: str, output: str) -> Found:
    """Finds the pictures that a path, a folder or a pattern stands for.

    Args:
        source: The path of a file or folder; where there is neither, a glob pattern.
        output: The folder for results. The annotated pictures in it are left out.

    Raises:
        FileNotFoundError: There is no such path and no file matches the pattern, or nothing of
            what was found is a picture.
    """
    path = pathlib.Path(os.path.abspath(source))
    if path.is_file():
        return Found(path.parent, [path], 0)
    if path.is_dir():
        root, files = path, _files_in(path)
        wanted = [file for file in files if file.suffix.lower() in ENDINGS]
    else:
        matches = {os.path.abspath(match) for match in glob.glob(source, recursive=True)}
        files = wanted = sorted(pathlib.Path(match) for match in matches if os.path.isfile(match))
        root = pathlib.Path(os.path.commonpath([file.parent for file in files])) if files else path
    results = pathlib.Path(os.path.abspath(output))
    wanted = [
        file for file in wanted if not (file.name.endswith(ANNOTATED) and results in file.parents)
    ]
    if not wanted:
        raise FileNotFoundError(
            f"no picture at --input={source}; accepted: a picture file, a folder with pictures in "
            "it or in its sub folders, or a pattern such as 'photos/*.jpg'"
        )
    return Found(root, wanted, len(files) - len(wanted))


def _files_in(folder: pathlib.Path) -> list[pathlib.Path]:
    """All files in a folder and its sub folders but hidden ones, sorted."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [pathlib.Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(files)


def to_record(file: str, height: int, width: int, faces: mj.Faces) -> dict[str, object]:
    """One line of faces.jsonl; pixels rounded to 1/1000, scores to six digits."""
    return {
        "file": file,
        "size": [height, width],
        "boxes": faces.boxes.astype(float).round(3).tolist(),
        "scores": faces.scores.astype(float).round(6).tolist(),
        "landmarks": faces.landmarks.astype(float).round(3).tolist(),
    }


def detect_files(params: Params, found: Found, output: str, config: mj.DetectConfig) -> bool:
    """Detects the faces of all pictures found, writes the results and says what was done.

    Args:
        params: The networks' parameters.
        found: The pictures.
        output: The folder for the results, made where it is missing.
        config: How to look for faces.

    Returns:
        Whether every picture could be read.
    """
    folder = pathlib.Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    count = unreadable = 0
    bar = tqdm(found.files, unit="picture", disable=None)  # None: no bar unless on a terminal.
    with open(folder / "faces.jsonl", "w", encoding="utf-8") as lines:
        for number, path in enumerate(bar, 1):
            if number % LOOKED_AFTER == 0:
                mj.runtime.spare_mappings()
            try:
                image = mj.read_image(path)
                check_size(*image.shape[:2], name=repr(str(path)))
            except (OSError, ValueError) as error:
                unreadable += 1
                tqdm.write(f"not read: {error}", file=sys.stderr)
                continue
            faces = mj.detect(params, image, config)
            count += len(faces.scores)
            file = path.relative_to(found.root).as_posix()
            lines.write(json.dumps(to_record(file, *image.shape[:2], faces)) + "\n")
            lines.flush()
            annotated = folder / (file + ANNOTATED)
            annotated.parent.mkdir(parents=True, exist_ok=True)
            mj.draw_faces(image, faces).save(annotated, quality=92)
    done = f"pictures: {len(found.files) - unreadable}, faces: {count}"
    done += f", not read: {unreadable}" if unreadable else ""
    done += f", other files left out: {found.left_out}" if found.left_out else ""
    print(f"{done}; see {folder / 'faces.jsonl'} and the annotated pictures beside it")
    return not unreadable


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
    return 0 if detect_files(params, found, output, config) else 1


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
    return run(
        values.input,
        values.output,
        weights=values.weights,
        min_face_size=values.min_face_size,
        thresholds=values.thresholds,
        scale_factor=values.scale_factor,
        voting=values.voting,
    )


if __name__ == "__main__":
    define_flags()
    app.run(main)
