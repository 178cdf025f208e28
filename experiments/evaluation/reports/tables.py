"""Results as Markdown tables: a row for each figure, a column for each set of weights."""

from collections.abc import Mapping
from typing import Any

from experiments.console.markdown import table
from experiments.evaluation.benchmarks.fddb import FALSE_POSITIVES
from experiments.evaluation.benchmarks.labelled_counts import SIZE_NAMES
from experiments.evaluation.corruptions import CORRUPTIONS
from experiments.evaluation.lost_faces import REASONS
from experiments.evaluation.protocols.landmark_error import POINTS


def _landmark_rows(title: str, path: str) -> tuple[tuple[str, str, str], ...]:
    return (
        (f"{title}landmark error", f"{path}mean", ".4f"),
        (f"{title}error above 10%, of the faces found", f"{path}failure_rate", ".1%"),
        (f"{title}missed", f"{path}missed", ".1%"),
        (f"{title}faces left out, without a box or five points", f"{path}left_out", "d"),
    )


def _fddb_rows(kind: str) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (f"{kind} rate at {count} false positives", f"{kind}/{count}", ".4f")
        for count in FALSE_POSITIVES
    )


ROWS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "wider_face": (
        ("AP easy", "easy", ".3f"),
        ("AP medium", "medium", ".3f"),
        ("AP hard", "hard", ".3f"),
        ("AP at IoU 0.7, faces of 20 pixels or more", "ap_at_0.7", ".3f"),
        ("detections on pictures without a face", "detections_on_faceless", "d"),
        ("faces left after P-Net", "stages/pnet/faces_left", ".3f"),
        ("faces left after R-Net", "stages/rnet/faces_left", ".3f"),
        ("faces left after O-Net", "stages/onet/faces_left", ".3f"),
        ("windows a picture after P-Net", "stages/pnet/windows_per_picture", ".1f"),
        ("windows a picture after R-Net", "stages/rnet/windows_per_picture", ".1f"),
        ("windows a picture after O-Net", "stages/onet/windows_per_picture", ".1f"),
        ("seconds a picture", "seconds_per_picture", ".3f"),
    ),
    "celeb_a": (
        *_landmark_rows("validation: ", "validation/"),
        *_landmark_rows("test: ", "test/"),
        ("test, people of several pictures", "test/people_of_several_pictures/mean", ".4f"),
        ("test, people of one picture", "test/people_of_one_picture/mean", ".4f"),
        *_landmark_rows("", ""),
    ),
    "aflw": (
        *((point.replace("_", " "), f"points/{point}", ".4f") for point in POINTS),
        *_landmark_rows("", ""),
    ),
    "fddb": (
        *_fddb_rows("discrete"),
        *_fddb_rows("continuous"),
        ("false positives at the end of the curve", "false_positives", "d"),
    ),
    "labelled": (
        ("AP at IoU 0.5", "ap_0.5", ".3f"),
        ("AP at IoU 0.7", "ap_0.7", ".3f"),
        ("AP over IoU 0.50 to 0.95 (COCO)", "ap_0.5_to_0.95", ".3f"),
        ("recall", "recall", ".3f"),
        *(
            (f"recall, {size} pixels", f"recall_by_size/{size}/recall", ".3f")
            for size in SIZE_NAMES
        ),
        ("false positives a picture", "false_positives_per_picture", ".2f"),
        *((f"missed: {text}", f"lost/{key}", "d") for key, text in REASONS.items()),
        *_landmark_rows("landmarks: ", "landmarks/"),
        ("seconds a picture", "seconds_per_picture", ".3f"),
    ),
    "robustness": tuple(
        (f"{corruption.replace('_', ' ')}: {title}", f"{corruption}/{key}", ".3f")
        for title, key in (("AP at IoU 0.5", "ap_0.5"), ("recall", "recall"))
        for corruption in CORRUPTIONS
    ),
}
"""For each benchmark the rows of its table: title, path within the values, format."""

TITLES = {
    "wider_face": "WIDER FACE",
    "celeb_a": "CelebA",
    "aflw": "AFLW",
    "fddb": "FDDB",
    "labelled": "Labelled pictures",
    "robustness": "Corrupted pictures",
}


def lookup(values: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as "stages/pnet/faces_left"; None if there is none."""
    for key in path.split("/"):
        if not isinstance(values, Mapping) or key not in values:
            return None
        values = values[key]
    return values


def benchmark_table(benchmark: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of one benchmark; rows that no column has a value for are left out.

    Args:
        benchmark: a key of `ROWS`.
        results: for each set of weights (or of predictions) the benchmark's values.
    """
    rows = []
    for title, path, form in ROWS[benchmark]:
        found = [lookup(values, path) for values in results.values()]
        if any(value is not None for value in found):
            texts = ["-" if value is None else format(value, form) for value in found]
            rows.append([title, *texts])
    parts = [f"## {TITLES[benchmark]}", table(["", *results], rows)]
    parts += difference_parts(benchmark, results)
    notes = {
        f"AP easy, medium and hard are over {values['restricted']}."
        for values in results.values()
        if "restricted" in values
    }
    return "\n\n".join([*parts, *sorted(notes)])


def difference_text(one: Mapping[str, Any], form: str) -> str:
    """A difference and its interval, in the format of the figure itself."""
    signed = "+" + form.replace("d", ".0f")
    text = f"{one['difference']:{signed}} ({one['low']:{signed}} to {one['high']:{signed}})"
    return text if one["shown"] else f"{text}, no difference shown"


def difference_parts(benchmark: str, results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the other columns have over the first, a table and what it is; [] without differences.

    Args:
        benchmark: a key of `ROWS`.
        results: as in `benchmark_table`; those compared have "differences".
    """
    compared = {
        name: values["differences"] for name, values in results.items() if "differences" in values
    }
    rows = []
    for title, path, form in ROWS[benchmark]:
        found = [one["figures"].get(path) for one in compared.values()]
        if any(found):
            texts = ["-" if one is None else difference_text(one, form) for one in found]
            rows.append([title, *texts])
    if not rows:
        return []
    (to,) = {one["to"] for one in compared.values()}
    (drawings,) = {one["resamples"] for one in compared.values()}
    caption = (
        f"Differences to {to}, with intervals of 95% from {drawings:,} drawings of the pictures, "
        "the same ones for all (paired bootstrap)."
    )
    return [table([f"over {to}", *compared], rows), caption]


def markdown(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """The whole report: benchmark -> weights -> values."""
    parts = [benchmark_table(benchmark, columns) for benchmark, columns in results.items()]
    return "\n\n".join(parts) + "\n"
