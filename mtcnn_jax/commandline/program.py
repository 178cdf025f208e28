"""The command `mtcnn-jax`: its sub commands, help and version."""

import argparse
import functools
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

import mtcnn_jax as mj
from mtcnn_jax.commandline.detection import run
from mtcnn_jax.commandline.endings import until_interrupted
from mtcnn_jax.commandline.options import add_flags

_ABOUT = "Finds faces and their five points in pictures: MTCNN, in JAX."

_DETECT = """\
Detects the faces of photos, of folders of photos, of videos and of files that patterns match.

A folder is searched with its sub folders for files that end in .jpg, .png, .webp, .tif, .bmp, .gif
and their like; hidden files and folders are left out. A pattern, in quotes as in 'photos/**/*.jpg',
takes every file that it matches; ** stands for any sub folders. The folder --output then holds

  faces.jsonl          one line per picture: file, size [height, width], boxes [n, 4] (x1 y1 x2
                       y2), scores [n], landmarks [n, 5, 2]; pixels, from the corner of the first
                       one. `file` is relative to the folder that holds all pictures.
  a/x.jpg.faces.jpg    the picture a/x.jpg with its boxes, scores and points.

and of a video that is named, such as clip.mp4,

  clip.mp4.faces.jsonl one line per frame: frame, time in seconds, and as above, with ids, which
                       faces keep from frame to frame.
  clip.mp4.faces.mp4   the video with boxes, points and ids, and its sound.

Crops, CSV and COCO's format are made of pictures only.
"""

_CODES = """\
A file that cannot be read, or is too large, is named on standard error and the run goes on. The
exit code is 0 if all pictures were read and drawn, 1 if some were not, 2 if the run could not start
or could not write, 130 if it was interrupted.
"""


class _Parser(argparse.ArgumentParser):
    """One that ends with a sentence."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    program = _Parser("mtcnn-jax", description=_ABOUT, allow_abbrev=False)
    program.add_argument("--version", action="version", version=f"mtcnn-jax {mj.__version__}")
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND")
    detect = commands.add_parser(
        "detect",
        help="faces of photos and videos",
        description=_DETECT,
        epilog=_CODES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    detect.add_argument("photos", nargs="+", metavar="PHOTO", help="or folder, video, pattern")
    detect.add_argument("--output", required=True, metavar="FOLDER", help="where results go")
    add_flags(detect)
    return program


def _underscored(argument: str) -> str:
    """--min-face-size=40 as --min_face_size=40."""
    name, equals, value = argument.partition("=")
    if re.fullmatch(r"--\w[\w-]*", name):
        name = "--" + name[2:].replace("-", "_")
    return name + equals + value


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code.

    Args:
        argv: What follows the program's name; that of the process if not given.
    """
    arguments = sys.argv[1:] if argv is None else argv
    values = vars(parser().parse_args([*map(_underscored, arguments)]))
    del values["command"]
    photos, output = values.pop("photos"), values.pop("output")
    return until_interrupted(functools.partial(run, photos, output, values))
