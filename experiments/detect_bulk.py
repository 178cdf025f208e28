r"""Detects the faces of millions of pictures, on a laptop's cores or a cluster, with Ray Data.

    python -m experiments.detect_bulk --input=s3://photos/2026 --output=s3://faces/2026

--input is a folder, here or in a bucket (s3://, gs:// or what else fsspec knows), one picture, or
Parquet: a file, or with --column a folder of files, that hold encoded pictures or their names.
The folder --output gets part-000000.parquet and so on, a row for each picture:

    file, width, height, boxes, scores, landmarks, error, and with --crops crops (PNG files)

A picture that cannot be read is a row with its error. Started again after whatever ended it, the
command goes on: partitions whose file is there are not done again.

It needs Ray, `pip install '.[bulk]'`, and for buckets s3fs, gcsfs or their like. Ray begins here
and ends with the command; --ray_address names a cluster that runs already.

The exit code is 0 if all was done, bad pictures or not, 2 if the job could not begin or go on, and
130 after Ctrl-C; what was finished stays.
"""

import functools
from typing import Any

from absl import app, flags

from experiments.bulk.settings import DETECTION, Settings, check_installed, to_settings
from experiments.console.command import parse_flags, run_command
from experiments.console.detection import define_detection_flags


def run(values: dict[str, Any]) -> None:
    """Does the job that flags ask for."""
    settings = to_settings(values)
    check_installed()
    from experiments.bulk.pipeline import detect_bulk

    detect_bulk(settings)


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    text, number = flags.DEFINE_string, flags.DEFINE_integer
    text("input", None, "A folder, a URL of one, a picture, or Parquet.", required=True)
    text("output", None, "The folder for results, or a URL of one.", required=True)
    text("column", None, "Of Parquet, the one with pictures or their names.")
    number("partition_size", Settings.partition_size, "Pictures whose results are one file.")
    number("row_group_size", Settings.row_group_size, "Pictures of a row group of such a file.")
    number("max_pixels", Settings.max_pixels, "Of a picture; more is an error, not decoded.")
    number("workers", None, "How many; by default one a GPU, or as many as the CPUs allow.")
    number("cpus_per_worker", Settings.cpus_per_worker, "CPUs of each worker.")
    text("ray_address", None, "HOST:PORT of a cluster's head, or auto; else Ray begins here.")
    define_detection_flags(DETECTION)


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    own = [field for field in Settings.__dataclass_fields__ if field != "options"]
    values = {name: getattr(flags.FLAGS, name) for name in (*own, *DETECTION)}
    return run_command(argv, functools.partial(run, values), quiet=True)


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse_flags)
