"""What a cell is measured by."""

import json

import pytest

from experiments.evaluation.settings import Result, Settings
from experiments.sweeps import measures
from experiments.sweeps.measures import Evaluation, measures_of_run


def test_a_run_is_measured_by_its_last_lines(tmp_path):
    rows = [
        {"step": 1, "split": "train", "loss": 9},
        {"step": 1, "split": "validation", "recall": 0.1},
        {"step": 2, "split": "train", "loss": 0.5, "learning_rate": 1, "waiting": 0.2},
        {"step": 2, "split": "validation", "recall": 0.75, "box_error": 0.25},
    ]
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    (tmp_path / "metrics.jsonl").write_text(text)
    assert measures_of_run(tmp_path) == {"loss": 0.5, "recall": 0.75, "box_error": 0.25}


def test_a_cascade_is_measured_by_the_figures_of_the_report_but_no_times(tmp_path, monkeypatch):
    class Labelled:
        def open_data(self, settings):
            pass

        def run(self, settings, name, params):
            assert (settings.output, name, params) == (str(tmp_path), "cell", {"pnet": 1})
            lost = {"pnet": 4, "rnet": None}
            return Result({"ap_0.5": 0.5, "seconds_per_picture": 3.0, "faces": 9, "lost": lost})

    monkeypatch.setitem(measures.BENCHMARKS, "labelled", Labelled())
    found = Evaluation(Settings("", ""), ["labelled"]).measures(tmp_path, {"pnet": 1})
    assert found == {"labelled/ap_0.5": 0.5, "labelled/lost/pnet": 4.0}


def test_a_benchmark_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="--evaluate=fddb,ap; accepted: wider_face, celeb_a, aflw"):
        Evaluation(Settings("", ""), ["fddb", "ap"])
