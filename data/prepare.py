"""Prepares a data set once, from archives or a labelled folder: what training and evaluation read.

    python -m data.prepare --dataset=wider_face --manual_dir=ARCHIVES --data_dir=DATA
    python -m data.prepare --dataset=folder --pictures=MINE --labels=labels.json --check=sheet.jpg
    python -m data.prepare --dataset=folder --pictures=MINE --labels=labels.json --data_dir=DATA

`--dataset` is wider_face, celeb_a_wild, celeb_a (aligned), folder, or several with commas. A set
that is prepared already is left as it is; one that fails leaves nothing behind. A broken picture
ends it, named; with `--leave_out_broken` such pictures are left out and counted. What the stock
TFDS builders wider_face and celeb_a prepared (as array_record) needs no preparing here.

Of a folder the labels are COCO's JSON, or WIDER FACE's or RetinaFace's text; a tenth of the
pictures, by their names, is for validation where no `--validation_labels` are given. `--check`
prepares nothing: it draws the labels on a sheet, and tells what looks wrong with them, a line each
with file and line number; exit code 1 if anything does.
"""

import pathlib
import sys
from typing import Any

import tensorflow_datasets as tfds
from absl import app, flags

from data.datasets.builder import ArchiveBuilder
from data.datasets.celeb_a import CelebAAligned, CelebAWild
from data.datasets.folder import Folder, OwnFolder, read_folder
from data.datasets.wider_face import WiderFaceArchives
from data.inspection.findings import inspect, summary
from data.inspection.sheet import check_ending, save_sheet
from data.records import READER_ERRORS, damaged

BUILDERS = {
    "wider_face": WiderFaceArchives,
    "celeb_a_wild": CelebAWild,
    "celeb_a": CelebAAligned,
}
"""Those of archives."""

FOLDER = "folder"

NAMES = (*BUILDERS, FOLDER)


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
    settings = {"manual_dir": manual_dir, "leave_out_broken": leave_out_broken}
    builder = _open(BUILDERS[dataset], data_dir, settings)
    return _prepare(dataset, builder)


def prepare_folder(folder: Folder, *, data_dir: str, leave_out_broken: bool = False) -> str:
    """Prepares a labelled folder and returns where; see `prepare`.

    Raises:
        ArchiveError: if a picture is missing or broken, or its labels are not on it.
        ValueError: if another folder, or this one with other labels, was prepared there before.
    """
    settings = {"folder": folder, "leave_out_broken": leave_out_broken}
    builder = _open(OwnFolder, data_dir, settings)
    if builder.info.metadata["origin"] != folder.origin:
        raise ValueError(
            f"{builder.data_path} was prepared from other pictures, labels or shares; accepted is "
            "another --data_dir, or none of that folder"
        )
    return _prepare(FOLDER, builder)


def _open(kind: type[ArchiveBuilder], data_dir: str, settings: dict[str, Any]) -> ArchiveBuilder:
    try:
        return kind(**settings, data_dir=data_dir, file_format="array_record")
    except READER_ERRORS as error:  # It reads what was prepared before.
        raise damaged(pathlib.Path(data_dir) / kind.name, error) from error


def _prepare(dataset: str, builder: ArchiveBuilder) -> str:
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=str(builder.manual))
    )
    for line in builder.checks.report():
        print(f"{dataset}: {line}", file=sys.stderr)
    return str(builder.data_path)


def _check(folder: Folder, sheet: str, count: int) -> int:
    """Prints what looks wrong, draws the sheet, and returns the exit code."""
    found = inspect(folder)
    for one in found:
        print(one)
    shown = save_sheet(sheet, folder, found, count=count)
    print("\n".join(summary(folder, found)))
    print(f"{sheet} shows {shown} pictures with their labels")
    return 1 if found else 0


def define_flags() -> None:
    """Defines the command's flags."""
    text = flags.DEFINE_string
    flags.DEFINE_list("dataset", None, f"Of {', '.join(NAMES)}.", required=True)
    text("manual_dir", "", "The folder with the archives.")
    text("data_dir", "", "The folder to prepare in.")
    flags.DEFINE_bool("leave_out_broken", False, "Leave out and count pictures that are broken.")
    text("pictures", "", "Of dataset folder: the folder of pictures.")
    text("labels", "", "Of dataset folder: a .json (COCO) or .txt (WIDER FACE, RetinaFace).")
    text("validation_labels", "", "The same for validation; without it --labels are split.")
    text("validation_pictures", "", "Their folder, where it is another than --pictures.")
    flags.DEFINE_float("validation_share", 0.1, "About which share of pictures a split gives.")
    text("check", "", "Of dataset folder: check the labels alone, and draw them on this picture.")
    told = "Pictures on that sheet, those in doubt first."
    flags.DEFINE_integer("check_pictures", 24, told, lower_bound=1)


def _need(values: Any, *names: str) -> None:
    for name in names:
        if not getattr(values, name):
            raise ValueError(f"--{name} is missing; it is needed for --dataset={values.dataset[0]}")


def run(values: Any) -> int:
    """Prepares, or checks, what the flags ask for; returns the exit code."""
    unknown = [name for name in values.dataset if name not in NAMES]
    if unknown:
        raise ValueError(f"dataset is {unknown[0]!r}; accepted are {', '.join(NAMES)}")
    if values.check and values.dataset != [FOLDER]:
        raise ValueError(f"--check={values.check}; accepted with --dataset={FOLDER} alone")
    if values.check:
        check_ending(values.check)
    _need(values, *(() if values.check else ("data_dir",)))
    for dataset in values.dataset:
        if dataset != FOLDER:
            _need(values, "manual_dir")
            print(
                prepare(
                    dataset,
                    manual_dir=values.manual_dir,
                    data_dir=values.data_dir,
                    leave_out_broken=values.leave_out_broken,
                )
            )
            continue
        _need(values, "pictures", "labels")
        folder = read_folder(
            values.pictures,
            values.labels,
            validation_labels=values.validation_labels,
            validation_pictures=values.validation_pictures,
            validation_share=values.validation_share,
        )
        if values.check:
            return _check(folder, values.check, values.check_pictures)
        broken = values.leave_out_broken
        print(prepare_folder(folder, data_dir=values.data_dir, leave_out_broken=broken))
    return 0


def parse_flags(argv: list[str]) -> list[str]:
    """absl's flags of a command line; a wrong one ends it with a sentence and 2."""
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    try:
        if argv[1:]:
            raise ValueError(f"{argv[1:]} is not part of a flag")
        return run(flags.FLAGS)
    except KeyboardInterrupt:
        print("interrupted; a data set that was not finished is prepared anew", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse_flags)
