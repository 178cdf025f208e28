"""Detection of the faces of many pictures, into a folder."""

import json
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

import mtcnn_jax as mj
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.commandline.compilations import keep_compilations
from mtcnn_jax.commandline.endings import told
from mtcnn_jax.commandline.lines import append_line
from mtcnn_jax.commandline.options import to_config
from mtcnn_jax.commandline.pictures import Found, find_pictures
from mtcnn_jax.commandline.results import ANNOTATED, begin_lines, to_record, write_annotated
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


def run(sources: Sequence[str], output: str, values: Mapping[str, Any]) -> int:
    """Checks the command's arguments, runs it and gives its exit code.

    Args:
        sources: Paths of files and folders, and glob patterns.
        output: The folder for results.
        values: Of all options, by name.
    """
    try:
        config = to_config(values)
        found = find_pictures(sources, output)
        params = mj.load_params(values["weights"])
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
