r"""Evaluates weights, or predictions made elsewhere, as the papers do.

    python -m experiments.evaluate --benchmark=all --data_dir=PREPARED --output=results \
        --weights=theirs=theirs.npz,ours=ours.npz --truth_dir=WIDER_FACE_EVAL --aflw_dir=AFLW

    benchmark   data                                     predictions (--predictions)
    wider_face  prepared in --data_dir, and --truth_dir  folder or ZIP of official text files
    celeb_a     celeb_a_wild prepared in --data_dir      a list of landmarks as CelebA's, of --split
    aflw        --aflw_dir with aflw.sqlite              the same, of AFLW's pictures
    fddb        --fddb_dir with the ellipses; pictures   FDDB's text, rectangles or ellipses
    labelled    --data_dir and --annotations, a file or  WIDER FACE's text files, or COCO's results
                a prepared set; else WIDER FACE
    robustness  as labelled                              none

"all" is the first three. No --data_dir is needed where nothing in it is read: by fddb and aflw with
folders of their own, and for predictions by wider_face with --truth_dir and no --split and by
labelled with --annotations. The folder --output gets results.json, report.md, plots, what was
detected (in the benchmarks' own formats, too), for fddb DiscROC.txt and ContROC.txt, and for
labelled the missed faces and the false detections as pictures. A run that was interrupted goes on
where it was.

With several weights each figure that pictures give has its difference to the first weights', and
an interval of 95% from --resamples drawings of the pictures (paired bootstrap).

In results.json stand benchmark -> weights -> values; with one benchmark and one set of weights (or
predictions) the values alone.
"""

import json
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from absl import app, flags

import mtcnn_jax as mj
from experiments.console.command import run_command
from experiments.evaluation import bootstrap
from experiments.evaluation.benchmarks import fddb
from experiments.evaluation.benchmarks.registry import ALL, BENCHMARKS
from experiments.evaluation.reports import plots, tables
from experiments.evaluation.settings import FOLDERS, Result, Settings
from mtcnn_jax.commandline.compilations import keep_compilations

WHOLE_NUMBERS = ("resamples", "seed")

SWITCHES = ("second_look",)

NUMBERS = ("min_face_size", "scale_factor", "voting", "size_prior", "curve_threshold")
"""Of `Settings`, each with a flag of its name."""

OWN_FOLDERS = tuple(name for name in FOLDERS if name != "data_dir")

Results = dict[str, dict[str, Result]]
"""benchmark -> weights -> result."""


def parse_weights(texts: Sequence[str]) -> dict[str, str | None]:
    """Name and path of each set of weights: "path" or "name=path", None for bundled ones."""
    if not texts:
        return {"bundled": None}
    named: dict[str, str | None] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator:
            name, path = pathlib.Path(text).stem, text
        if not name or "/" in name or not path:
            raise ValueError(f"--weights={text}; accepted: a path or name=path")
        if name in named:
            raise ValueError(f"--weights calls two files {name}; accepted: name=path for each")
        named[name] = None if path == "bundled" else path
    return named


def parse_benchmarks(texts: Sequence[str]) -> list[str]:
    """The benchmarks that are asked for; "all" stands for `ALL`."""
    if list(texts) == ["all"]:
        return list(ALL)
    if not texts or any(text not in BENCHMARKS for text in texts):
        raise ValueError(
            f"--benchmark={','.join(texts)}; accepted: all, or some of {', '.join(BENCHMARKS)}"
        )
    return list(dict.fromkeys(texts))


def values_of(results: Results, settings: Settings) -> dict[str, dict[str, Any]]:
    """The values to report; beside ours on FDDB those of the published curves."""
    values = {
        benchmark: {name: result.values for name, result in columns.items()}
        for benchmark, columns in results.items()
        if columns
    }
    if "fddb" in values and settings.curves_dir:
        published = fddb.read_published(settings.curves_dir)
        for name, curves in published.items():
            values["fddb"][f"{name} (published)"] = fddb.published_summary(curves)
    return values


def write(results: Results, settings: Settings) -> None:
    """Writes results.json, report.md and FDDB's curves."""
    output = pathlib.Path(settings.output)
    output.mkdir(parents=True, exist_ok=True)
    values = values_of(results, settings)
    shown: Any = values
    if len(results) == 1 and sum(map(len, results.values())) == 1:
        ((benchmark, columns),) = results.items()
        shown = {"benchmark": benchmark, **next(iter(columns.values())).values}
    text = json.dumps(shown, indent=2, allow_nan=False)
    (output / "results.json").write_text(text + "\n", encoding="utf-8")
    (output / "report.md").write_text(tables.markdown(values), encoding="utf-8")
    columns = results.get("fddb", {})
    for name, result in columns.items():
        folder = output if len(columns) == 1 else output / "roc" / name
        folder.mkdir(parents=True, exist_ok=True)
        fddb.write_roc(folder, result.roc)


def draw(results: Results, settings: Settings) -> None:
    """Draws the figures; says so where matplotlib is not installed."""
    folder = pathlib.Path(settings.output) / "plots"
    try:
        for benchmark, columns in results.items():
            plots.draw(folder, benchmark, columns, published=settings.curves_dir)
    except ImportError as error:
        print(f"no plots: {error}; pip install 'mtcnn_jax[plots]'", file=sys.stderr)


def evaluate(
    settings: Settings, benchmarks: Sequence[str], weights: Mapping[str, str | None]
) -> Results:
    """Runs the benchmarks on every set of weights, and writes what they give.

    Args:
        settings: what to evaluate on, and how to look.
        benchmarks: keys of `BENCHMARKS`.
        weights: name -> path, None for the bundled ones.
    """
    params = {name: mj.load_params(path) for name, path in weights.items()}
    for benchmark in benchmarks:  # All before the first runs for minutes.
        BENCHMARKS[benchmark].open_data(settings)
    results: Results = {benchmark: {} for benchmark in benchmarks}
    for benchmark in benchmarks:
        for name in weights:
            result = BENCHMARKS[benchmark].run(settings, name, params[name])
            results[benchmark][name] = with_differences(settings, results[benchmark], result)
            # After each, so that what is done can be read while the rest runs.
            write(results, settings)
    draw(results, settings)
    return results


def with_differences(settings: Settings, before: Mapping[str, Result], result: Result) -> Result:
    """A benchmark's result, with "differences" to the first of those `before` it in its values."""
    if not before or not settings.resamples:
        return result
    to, first = next(iter(before.items()))
    found = bootstrap.differences(
        first.figures, result.figures, count=settings.resamples, seed=settings.seed
    )
    rows = {path: one._asdict() | {"shown": one.shown} for path, one in found.items()}
    told = {"to": to, "resamples": settings.resamples, "seed": settings.seed, "figures": rows}
    return result._replace(values=result.values | {"differences": told})


def score_predictions(settings: Settings, benchmarks: Sequence[str], source: str) -> Results:
    """Scores predictions made elsewhere, and writes what that gives."""
    if len(benchmarks) != 1:
        raise ValueError("--predictions are of one benchmark; accepted: --benchmark with one name")
    (benchmark,) = benchmarks
    result = BENCHMARKS[benchmark].from_predictions(settings, source)
    results = {benchmark: {pathlib.Path(source).stem: result}}
    write(results, settings)
    draw(results, settings)
    return results


def define_flags() -> None:
    """Defines the command's flags."""
    default = Settings("", "")
    text = flags.DEFINE_string
    flags.DEFINE_list("benchmark", ["all"], f"all, or of {', '.join(BENCHMARKS)}.")
    flags.DEFINE_list("weights", [], "path or name=path of .npz files, or bundled, if none.")
    text("predictions", "", "Detections made elsewhere, to score instead of running weights.")
    text("data_dir", "", f"Folder of {FOLDERS['data_dir']}, where one is read.")
    text("output", None, "Folder for the results.", required=True)
    text("split", None, "Part to score; by default validation for weights, all for predictions.")
    for name in OWN_FOLDERS:
        text(name, "", f"Folder of {FOLDERS[name]}; --data_dir if not given.")
    text("curves_dir", "", "Folder with published FDDB curves, to compare with.")
    text("annotations", "", "Labels of --data_dir's pictures, a file, or the name of a set.")
    text("identities", "", "CelebA's identity_CelebA.txt, for errors by person.")
    for name in NUMBERS:
        flags.DEFINE_float(name, getattr(default, name), f"See Settings.{name}.")
    for name in WHOLE_NUMBERS:
        flags.DEFINE_integer(name, getattr(default, name), f"See Settings.{name}.")
    for name in SWITCHES:
        flags.DEFINE_bool(name, getattr(default, name), f"See Settings.{name}.")
    flags.DEFINE_list("thresholds", list(map(str, default.thresholds)), "Of P-, R- and O-Net.")


def read_settings(values: Any) -> Settings:
    """Settings from the flags' values, checked."""
    try:
        thresholds = tuple(map(float, values.thresholds))
    except ValueError:
        raise ValueError(
            f"--thresholds={','.join(values.thresholds)}; accepted: three such as 0.6,0.7,0.7"
        ) from None
    same = ("data_dir", "output", "curves_dir", "annotations", "identities")
    split = values.split if values.split is not None else "" if values.predictions else "validation"
    return Settings(
        split=split,
        thresholds=thresholds,
        **{name: getattr(values, name) for name in (*same, *NUMBERS, *WHOLE_NUMBERS, *SWITCHES)},
        **{name: getattr(values, name) or values.data_dir for name in OWN_FOLDERS},
    )


def evaluate_all(values: Any) -> None:
    """Evaluates what the flags ask for, and prints the report."""
    if values.predictions and values.weights:
        raise ValueError("--predictions and --weights are both given; accepted is one of them")
    settings, benchmarks = read_settings(values), parse_benchmarks(values.benchmark)
    if values.predictions:
        results = score_predictions(settings, benchmarks, values.predictions)
    else:
        keep_compilations()
        mj.runtime.keep_memory()
        results = evaluate(settings, benchmarks, parse_weights(values.weights))
    print(tables.markdown(values_of(results, settings)))


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    return run_command(argv, lambda: evaluate_all(flags.FLAGS), quiet=True)


if __name__ == "__main__":
    define_flags()
    app.run(main)
