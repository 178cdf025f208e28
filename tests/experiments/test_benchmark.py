"""The benchmark from flags to files, on small pictures."""

import json
import types

import pytest

from experiments import benchmark
from experiments.speed import report
from experiments.speed.config import SECTIONS, BenchmarkConfig
from experiments.speed.peers import PeerError


def values(tmp_path, **changed):
    fine = {
        "output": str(tmp_path / "speed"),
        "weights": "",
        "pictures": [],
        "sections": ["latency"],
        "runs": 2,
        "peers": [],
        "peer_python": [],
        "quick": True,
    }
    return types.SimpleNamespace(**{**fine, **changed})


@pytest.mark.slow
def test_a_quick_run_fills_every_section(tmp_path, monkeypatch, capsys):
    sections = list(SECTIONS)
    monkeypatch.setattr(benchmark.flags, "FLAGS", values(tmp_path, sections=sections))
    assert benchmark.main(["benchmark"]) == 0
    results = json.loads((tmp_path / "speed" / "benchmark.json").read_text())
    assert {*sections, "machine", "runs", "left_out"} == set(results)
    assert [row["times"]["mtcnn_jax"]["faces"] for row in results["latency"]] == [0, 5]
    assert [row["batch"] for row in results["throughput"]] == [1, 4]
    (stages,) = results["stages"].values()
    assert stages["O-Net"]["windows"] >= 5
    assert {step["batch"] for step in results["training"].values()} == {16}
    cold, warm = (results["startup"][kind][0] for kind in ("cold", "warm"))
    assert warm["first"] < cold["first"]
    assert 5e7 < warm["memory"] < 3e9
    report = (tmp_path / "speed" / "benchmark.md").read_text()
    assert capsys.readouterr().out == report + "\n"
    titles = ("One picture", "Batches", "How time grows", "Training", "A fresh process")
    for title in (*titles, "Stages: 320x240"):
        assert f"## {title}" in report


class Fading(types.SimpleNamespace):
    """A package that ends before its last run."""

    windows = None

    def prepare(self, pictures, min_face_size):
        return 3

    def run(self):
        self.left -= 1
        if self.left < 0:
            self.failure = "mtcnn: ended with Killed"
            raise PeerError(self.failure)
        return 0.5

    def close(self):
        self.closed = True


def test_one_that_ends_in_the_middle_is_named_and_nothing_else_is_lost(
    tmp_path, monkeypatch, capsys
):
    fading = Fading(name="mtcnn", failure="", left=4)  # The second picture's first round.
    monkeypatch.setattr(benchmark.flags, "FLAGS", values(tmp_path, peers=["mtcnn"]))
    monkeypatch.setattr(benchmark, "start_peers", lambda names, pythons, **_: ([fading], []))
    assert benchmark.main(["benchmark"]) == 0
    results = json.loads((tmp_path / "speed" / "benchmark.json").read_text())
    assert [set(row["times"]) for row in results["latency"]] == [
        {"mtcnn_jax", "mtcnn"},
        {"mtcnn_jax"},
    ]
    assert results["left_out"] == ["mtcnn: ended with Killed"]
    report = capsys.readouterr().out
    assert "Left out: mtcnn: ended with Killed" in report
    rows = [line for line in report.splitlines() if " px |" in line]
    assert [line.count("|") for line in rows] == [7, 7]
    assert rows[0].endswith("| 0 / 3 |") and rows[1].endswith("| 5 / - |")
    assert fading.closed


def test_ratios_and_rates_of_a_report():
    def times(median, **more):
        return {"median": median, "least": median / 2, "runs": 3, **more}

    both = {
        "mtcnn_jax": times(0.02, faces=4, over_ours=1.0),
        "yunet": times(0.05, faces=3, over_ours=2.5),
    }
    results = {
        "machine": {"device": "cpu", "cores": 2},
        "runs": 3,
        "latency": [{"picture": "street", "min_face_size": 20.0, "times": both}],
        "throughput": [{"batch": 4, "times": both, "mixed": times(0.1)}],
        "stages": {"street": {"P-Net": times(0.004, floor=0.001, windows=9)}},
        "training": {"onet": {"batch": 256, **times(0.128)}},
        "left_out": ["mtcnn: not there"],
    }
    text = report.markdown(results)
    assert "Median (least) of 3 rounds in turns, on: device cpu, cores 2." in text
    assert "| street | 20 px | 20.0 (10.0) | 2.50 | 50.0 (25.0) | 4 / 3 |" in text
    assert "| 4 | 200.0 | 80.0 | 40.0 |" in text
    assert "| P-Net | 9 | 4.0 (2.0) | 1.00 | 2.0 |" in text
    assert "| onet | 256 | 128.0 (64.0) | 2,000 |" in text
    assert "Left out: mtcnn: not there" in text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sections": ["speed"]}, "sections are 'speed'; accepted are latency, throughput"),
        ({"quick": False, "runs": 0}, "runs is 0; accepted is 1 or more"),
        ({"pictures": ["/none.jpg"]}, "/none.jpg"),
        ({"weights": "/none.npz"}, "/none.npz"),
        ({"peers": ["dlib"]}, "--peers=dlib; accepted are"),
        ({"peer_python": ["mtcnn"]}, "--peer_python=mtcnn; accepted"),
    ],
)
def test_wrong_flags_end_it_with_a_word(tmp_path, monkeypatch, capsys, changed, words):
    monkeypatch.setattr(benchmark.flags, "FLAGS", values(tmp_path, **changed))
    assert benchmark.main(["benchmark"]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "speed").exists()


def test_the_defaults_are_those_to_publish():
    assert BenchmarkConfig().runs >= 20
    assert BenchmarkConfig().sizes == ((480, 640), (1080, 1920))
