"""Prepares a data set from its archives, once: what training and evaluation read.

    python -m data.prepare --dataset=wider_face --manual_dir=ARCHIVES --data_dir=DATA

`--dataset` is wider_face, celeb_a_wild, celeb_a (aligned), or several with commas. A set that is
prepared already is left as it is; one that fails leaves nothing behind. A broken picture ends it,
named; with `--leave_out_broken` such pictures are left out and counted. What the stock TFDS
builders wider_face and celeb_a prepared (as array_record) needs no preparing here.
"""

import pathlib
import sys

import tensorflow_datasets as tfds
from absl import app, flags

from data.datasets.celeb_a import CelebAAligned, CelebAWild
from data.datasets.wider_face import WiderFaceArchives
from data.records import READER_ERRORS, damaged

BUILDERS = {
    "wider_face": WiderFaceArchives,
    "celeb_a_wild": CelebAWild,
    "celeb_a": CelebAAligned,
}


def prepare(dataset: str, *, manual_dir: str, data_dir: str, leave_out_broken: bool = False) -> str:
    """Prepares one data set and returns its folder; what it left out, it says on stderr.

    Args:
        dataset: a name in `BUILDERS`.
        manual_dir: folder with the archives.
        data_dir: where to, a folder for each data set.
        leave_out_broken: whether to go on without pictures that cannot be read.

    Raises:
        ArchiveError: if an archive, an annotation or a picture is broken.
        FileNotFoundError: if a file is missing.
        ValueError: if there is no such data set, or what was prepared before is damaged.
    """
    if dataset not in BUILDERS:
        raise ValueError(f"dataset is {dataset!r}; accepted are {', '.join(BUILDERS)}")
    try:
        builder = BUILDERS[dataset](
            manual_dir=manual_dir,
            leave_out_broken=leave_out_broken,
            data_dir=data_dir,
            file_format="array_record",
        )
    except READER_ERRORS as error:  # It reads what was prepared before.
        raise damaged(pathlib.Path(data_dir) / BUILDERS[dataset].name, error) from error
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )
    for line in builder.checks.report():
        print(f"{dataset}: {line}", file=sys.stderr)
    return str(builder.data_path)


def define_flags() -> None:
    """Defines the command's flags."""
    flags.DEFINE_list("dataset", None, f"Of {', '.join(BUILDERS)}.", required=True)
    flags.DEFINE_string("manual_dir", None, "The folder with the archives.", required=True)
    flags.DEFINE_string("data_dir", None, "The folder to prepare in.", required=True)
    flags.DEFINE_bool("leave_out_broken", False, "Leave out and count pictures that are broken.")


def main(argv: list[str]) -> int:
    """Prepares what the flags ask for."""
    values = flags.FLAGS
    try:
        if argv[1:]:
            raise ValueError(f"{argv[1:]} is not part of a flag")
        for dataset in values.dataset:
            folder = prepare(
                dataset,
                manual_dir=values.manual_dir,
                data_dir=values.data_dir,
                leave_out_broken=values.leave_out_broken,
            )
            print(folder)
    except KeyboardInterrupt:
        print("interrupted; a data set that was not finished is prepared anew", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    define_flags()
    app.run(main)
