"""What a study is, what it gives, and how that is kept."""

import csv
import dataclasses
import io
import json
import pathlib
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments.mining.origin import check_is_of, read_origin
from experiments.studies.config import StudyConfig
from mtcnn_jax.writing import write_whole

PLACES = ("workdir", "data_dir", "samples", "weights", "truth_dir", "fddb_dir")
"""Settings that say where something is: it may be moved, and may not change."""

COLUMNS = 100
"""Of a page."""


class Outcome(NamedTuple):
    """What a study gives.

    Attributes:
        rows: of results.csv, a line for each run or figure; names that one lacks stay empty.
        section: Markdown, the figures beside the paper's, and the verdict.
    """

    rows: Sequence[Mapping[str, Any]]
    section: str


@dataclasses.dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        shows: what it is about, in a line of --help.
        run: makes it, in `StudyConfig.folder`; what is there of a run that was stopped is used.
        check: raises an OSError or ValueError where it cannot be made; it writes nothing.
        defaults: settings that differ from those of `StudyConfig`.
        quick: those of a run of a minute, which shows that all of it works and no more.
    """

    shows: str
    run: Callable[[StudyConfig], Outcome]
    check: Callable[[StudyConfig], None]
    defaults: Mapping[str, Any]
    quick: Mapping[str, Any]


def make_study(study: Study, config: StudyConfig) -> Outcome:
    """Makes a study, or what is missing of it, and writes results.csv and section.md.

    Args:
        study: what to make.
        config: its settings, which its folder then holds as config.json.

    Raises:
        OSError: if something that it needs is missing, or it cannot be written.
        ValueError: if a setting is wrong, or the folder holds a study with other settings.
    """
    study.check(config)
    kept = config.folder / "config.json"
    settings = {
        name: value for name, value in dataclasses.asdict(config).items() if name not in PLACES
    }
    if kept.exists():
        what = f"{config.folder} holds a study"
        check_is_of(what, read_origin(kept), settings, accepted="another --workdir")
    config.folder.mkdir(parents=True, exist_ok=True)
    write_whole(kept, f"{json.dumps(settings, indent=2)}\n".encode())
    outcome = study.run(config)
    write_csv(config.folder / "results.csv", outcome.rows)
    write_whole(config.folder / "section.md", outcome.section.encode())
    return outcome


def write_csv(path: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows under the names of all of them, in the order in which these come first."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())


def section(title: str, *parts: str) -> str:
    """Markdown of a title and parts, tables as they are, sentences broken to fit the page."""
    fitted = [part if part.startswith("|") else textwrap.fill(part, COLUMNS) for part in parts]
    return "\n\n".join([f"## {title}", *fitted]) + "\n"


def verdict(low: float, high: float, *, claimed: int) -> str:
    """What an interval of a difference says of the paper's claim.

    Args:
        low: its lower end.
        high: its upper end.
        claimed: the sign of the difference by the paper, 1 or -1.

    Returns:
        "shown", "the other way round", or, where the interval holds zero, "no difference shown".
    """
    if low <= 0 <= high:
        return "no difference shown"
    return "shown" if claimed * low > 0 else "the other way round"
