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

_MORE = "More: mtcnn-jax detect --help"

_PHOTO = "a photo, a folder of photos, a pattern or a video"

_DETECT = """\
Detects the faces of photos, of folders of photos, of files that patterns match, and of videos.

A folder is searched with its sub folders for files that end in .jpg, .png, .webp, .tif, .bmp, .gif
and their like; hidden files and folders are left out, and videos are where they are not named.
A pattern, in quotes as in 'photos/**/*.jpg', takes every file that it matches; ** stands for any
sub folders. The folder --output then holds

  faces.jsonl            one line per picture: file, size [height, width], boxes [n, 4] (x1 y1 x2
                         y2), scores [n], landmarks [n, 5, 2]; pixels, from the corner of the first
                         one. `file` is relative to the folder that holds all pictures.
  faces.csv              with --format=csv: one line per face
  faces.coco.json        with --format=coco: pictures, boxes and keypoints as COCO has them
  a/x.jpg.faces.jpg      the picture a/x.jpg with its boxes, scores and points
  a/x.jpg.face0.png      with --crops: its first face
  a/x.jpg.blurred.jpg    with --blur: the picture without its faces
  clip.mp4.faces.jsonl   of a video, one line per frame: frame, time in seconds, and as of pictures,
                         with ids, which faces keep from frame to frame
  clip.mp4.faces.mp4     the video with boxes, points and ids, and its sound
  clip.mp4.blurred.mp4   with --blur: the video without its faces, and its sound
  faces.settings.json    by which settings all of this was made

Started again, it goes on where it was stopped: what has its line in faces.jsonl is not done again.
Settings that differ from those before are refused, unless --overwrite has it begin anew.
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


def _program() -> argparse.ArgumentParser:
    program = _Parser("mtcnn-jax", description=_ABOUT, allow_abbrev=False, epilog=_MORE)
    program.add_argument("--version", action="version", version=f"mtcnn-jax {mj.__version__}")
    program.add_argument(
        "command", choices=["detect"], metavar="COMMAND", help="detect: faces of photos and videos"
    )
    program.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help=argparse.SUPPRESS)
    return program


def _detect() -> argparse.ArgumentParser:
    detect = _Parser(
        "mtcnn-jax detect",
        description=_DETECT,
        epilog=_CODES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    detect.add_argument("photos", nargs="+", metavar="PHOTO", help=_PHOTO)
    detect.add_argument("--output", required=True, metavar="FOLDER", help="where results go")
    add_flags(detect)
    return detect


def _underscored(arguments: Sequence[str]) -> list[str]:
    """--min-face-size=40 as --min_face_size=40, --no-pictures as --nopictures; up to a -- alone."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = []
    for argument in arguments[:end]:
        name, equals, value = argument.partition("=")
        if re.fullmatch(r"--\w[\w-]*", name):
            name = "--" + re.sub("^no_", "no", name[2:].replace("-", "_"))
        flags.append(name + equals + value)
    return flags + list(arguments[end:])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code.

    Args:
        argv: What follows the program's name; that of the process if not given.
    """
    asked = _program().parse_args(sys.argv[1:] if argv is None else argv)
    # Photos may stand before flags and after them.
    values = vars(_detect().parse_intermixed_args(_underscored(asked.rest)))
    photos, output = values.pop("photos"), values.pop("output")
    return until_interrupted(functools.partial(run, photos, output, values))
