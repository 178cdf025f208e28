"""What a run writes down: metrics.jsonl, its rates, its bar and its curves."""

import json
import sys
import time
import types

import numpy as np
import pytest

from experiments import curves as curves_command
from experiments.training import curves, metrics


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_are_appended_and_cut_back_to_where_the_run_goes_on(tmp_path):
    path = tmp_path / "metrics.jsonl"
    file = metrics.MetricsFile(path, 0)
    for step in (10, 20, 30):
        file.write({"step": step, "split": "train", "loss": step / 10})
        file.write({"step": step, "split": "validation", "recall": 0.5})
    assert [row["step"] for row in rows(path)] == [10, 10, 20, 20, 30, 30]
    with open(path, "a") as half:
        half.write('{"step": 40, "spl')
    again = metrics.MetricsFile(path, 20)
    assert [row["step"] for row in rows(path)] == [10, 10, 20, 20]
    again.write({"step": 30, "split": "train", "loss": 1})
    assert metrics.read_metrics(path) == rows(path)
    assert rows(path)[-1] == {"step": 30, "split": "train", "loss": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_file_that_is_not_there_has_no_rows(tmp_path):
    assert metrics.read_metrics(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize(
    "line", ["{", "[]", "7", '{"step": "1", "split": "train"}', '{"step": 1}', "\x00\udcff"]
)
def test_a_line_that_is_no_row_is_named(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    text = f'{{"step": 1, "split": "train"}}\n{line}\n'
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=r"metrics.jsonl, line 2 is no row of metrics; accepted"):
        metrics.read_metrics(path)


def test_means_are_over_dispatches_of_one_step_or_of_several():
    assert metrics.mean_of([{"loss": 1.0}, {"loss": 3.0}]) == {"loss": 2.0}
    several = [{"loss": np.array([1.0, 2])}, {"loss": np.array([3.0, 6])}]
    assert metrics.mean_of(several) == {"loss": 3.0}
    # The last dispatch of a run may hold fewer steps, which count as much as others.
    unequal = [{"loss": np.array([1.0, 2])}, {"loss": np.array([6.0])}]
    assert metrics.mean_of(unequal) == {"loss": 3.0}


def test_the_clock_counts_samples_and_waiting():
    chunks = types.SimpleNamespace(waited=5.0)
    clock = metrics.Clock(chunks)
    clock.restart(10)
    time.sleep(0.05)
    chunks.waited += 0.01
    start = time.perf_counter()
    rates = clock.lap(14, 32)
    seconds = 0.05
    assert start > 0
    assert 0.1 * 4 * 32 / seconds < rates["samples_per_second"] <= 4 * 32 / seconds
    assert 0 < rates["waiting"] <= 0.01 / seconds


def test_the_bar_shows_steps_and_values(capsys):
    with metrics.progress("onet", 5, 20) as shown:
        shown(20, {"loss": 0.123456})
    told = capsys.readouterr().err
    assert "onet" in told
    assert "20/20" in told
    assert "loss 0.1235" in told


def test_without_tqdm_it_tells_in_lines(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(metrics.logging, "info", lambda text, *parts: lines.append(text % parts))
    lines = []
    with metrics.progress("onet", 0, 20) as shown:
        shown(10, {"loss": 0.5, "samples_per_second": 1234.5})
    assert lines == ["onet 10/20 loss 0.5 samples_per_second 1234"]


def test_replacing_a_text_leaves_no_other_file(tmp_path):
    metrics.replace_text(tmp_path / "a.json", "one")
    metrics.replace_text(tmp_path / "a.json", "two")
    assert (tmp_path / "a.json").read_text() == "two"
    assert len(list(tmp_path.iterdir())) == 1


class TestCurves:
    def test_are_drawn_from_the_metrics(self, tmp_path, monkeypatch):
        figure = pytest.importorskip("matplotlib.figure")
        drawn = {}
        save = figure.Figure.savefig

        def look(self, *args, **kwargs):
            for axes in self.axes:
                drawn[axes.get_title()] = {
                    line.get_label(): line.get_xydata().tolist() for line in axes.lines
                }
            return save(self, *args, **kwargs)

        monkeypatch.setattr(figure.Figure, "savefig", look)
        file = metrics.MetricsFile(tmp_path / "metrics.jsonl", 0)
        for step in (10, 20):
            file.write({"step": step, "split": "train", "loss": 1 / step, "landmarks": 0.5})
            file.write({"step": step, "split": "validation", "recall": step / 40})
        path = curves.save_curves(tmp_path)
        assert path == tmp_path / "curves.png"
        assert path.read_bytes().startswith(b"\x89PNG")
        assert drawn["losses"]["loss"] == [[10, 0.1], [20, 0.05]]
        assert set(drawn["losses"]) == {"loss", "landmarks"}
        assert drawn["faces found (validation)"] == {"recall": [[10, 0.25], [20, 0.5]]}
        assert drawn["errors (validation)"] == {}

    def test_without_matplotlib_there_are_none(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        assert curves.save_curves(tmp_path) is None
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ([], "no folder is named; accepted are those of stages"),
            (["/nowhere/onet"], "/nowhere/onet/metrics.jsonl is missing; accepted is the folder"),
        ],
    )
    def test_the_command_ends_with_a_word(self, capsys, arguments, told):
        pytest.importorskip("matplotlib.figure")
        assert curves_command.main(["curves", *arguments]) == 2
        assert capsys.readouterr().err.startswith(f"error: {told}")
