import json
import math
import re

import numpy as np
import pytest
from absl import flags

from data import records
from data.records import Picture
from experiments import evaluate
from experiments.evaluation import stage_recall
from experiments.evaluation.benchmarks import registry, wider
from experiments.evaluation.detections import Found
from experiments.evaluation.protocols import fddb, figures, landmark_error
from experiments.evaluation.reports import plots, tables
from experiments.evaluation.settings import Result, Settings
from tests.experiments.evaluation import once
from tests.experiments.evaluation.protocols.test_wider import write_mat


def picture(name, boxes, ignored=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    ignored = np.zeros(len(boxes), bool) if ignored is None else np.array(ignored)
    none = np.full((len(boxes), 5, 2), np.nan, np.float32)
    return Picture(name, b"", boxes, ignored, none, True)


def found(name, boxes, scores, overlaps):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    shares = {stage: np.array(values, np.float32) for stage, values in overlaps.items()}
    windows = {"pnet": 30, "rnet": 4, "onet": len(boxes)}
    return Found(name, (90, 90), boxes, np.float32(scores), None, windows, shares, 0.25)


OFFICIAL = [[0, 0, 30, 40], [5, 6, 7, 8], [50, 40, 30, 20]]
"""x, y, width, height of the faces of the first picture; the third is in no official file."""

PICTURES = [
    picture("0--Parade/0_Parade_a_1.jpg", [[0, 0, 30, 40], [5, 6, 12, 14], [50, 40, 80, 60]]),
    picture("0--Parade/0_Parade_b_2.jpg", []),
    picture("61--None/61_None_c_3.jpg", []),
]
FOUND = [
    found(
        PICTURES[0].name,
        [[0, 0, 30, 40], [9, 9, 18, 18]],
        [0.95, 0.4],
        {"pnet": [0.9, 0.6, 0.5], "rnet": [0.8, 0, 0.4], "onet": [1, 0, 0]},
    ),
    found(PICTURES[1].name, [[1, 1, 9, 9]], [0.6], {"pnet": [], "rnet": [], "onet": []}),
    found(PICTURES[2].name, [[1, 1, 9, 9]], [0.8], {"pnet": [], "rnet": [], "onet": []}),
]


def errors(*values):
    points = np.array([[value] * 5 for value in values])
    return landmark_error.Errors(points, np.isnan(points[:, 0]))


@pytest.fixture
def settings(tmp_path):
    write_mat(tmp_path, faces=OFFICIAL)
    return Settings("data", str(tmp_path / "out"), truth_dir=str(tmp_path))


@pytest.fixture
def prepared(monkeypatch):
    monkeypatch.setattr(records, "read_pictures", lambda dataset, *, split, data_dir: PICTURES)
    monkeypatch.setattr(wider, "detect_pictures", lambda *_, **__: FOUND)


class TestWiderFace:
    def test_weights(self, settings, prepared):
        result = wider.run(settings, "w", {})
        values = result.values
        assert values["easy"] == pytest.approx(1 / 2) and values["faces"]["easy"] == 2
        assert values["pictures"] == 2 and "restricted" not in values
        assert values["ap_at_0.7"] == pytest.approx(0.5)
        assert values["faceless_pictures"] == 2 and values["detections_on_faceless"] == 1
        assert values["stages"]["rnet"] == {"faces_left": 0.5, "windows_per_picture": 4}
        assert values["seconds_per_picture"] == 0.25
        once.check(result, "wider_face", alone={"seconds_per_picture"})

    def test_what_was_written_scores_the_same(self, settings, prepared, tmp_path):
        values = wider.run(settings, "w", {}).values
        source = tmp_path / "out" / "predictions" / "w" / "wider_face"
        assert len(list(source.rglob("*.txt"))) == 3
        again = wider.from_predictions(settings, source).values
        for level in ("easy", "medium", "hard"):
            assert again[level] == pytest.approx(values[level])

    def test_restricted(self, settings, prepared, monkeypatch):
        monkeypatch.setattr(records, "read_pictures", lambda *_, **__: PICTURES[::2])
        monkeypatch.setattr(wider, "detect_pictures", lambda *_, **__: FOUND[::2])
        values = wider.run(settings, "w", {}).values
        assert values["restricted"] == "1 of the 2 pictures of the validation set"
        text = tables.markdown({"wider_face": {"w": values}})
        assert "over 1 of the 2 pictures of the validation set" in text

    def test_labels_that_are_not_the_official_ones(self, settings, monkeypatch):
        other = [PICTURES[0]._replace(boxes=PICTURES[0].boxes[:2])]
        monkeypatch.setattr(records, "read_pictures", lambda *_, **__: other)
        with pytest.raises(ValueError, match="the 2 faces of 0--Parade/0_Parade_a_1 .* the 3 in"):
            wider.run(settings, "w", {})
        other = [PICTURES[0]._replace(boxes=PICTURES[0].boxes / 2)]
        monkeypatch.setattr(records, "read_pictures", lambda *_, **__: other)
        with pytest.raises(ValueError, match="the 3 faces of .* accepted are equal ones"):
            wider.run(settings, "w", {})
        monkeypatch.setattr(records, "read_pictures", lambda *_, **__: PICTURES[2:])
        with pytest.raises(ValueError, match="none of the 1 pictures"):
            wider.run(settings, "w", {})


def test_stage_recall():
    table = stage_recall.summary(PICTURES, FOUND, smallest=20)
    assert [row["faces_left"] for row in table.values()] == [1, 0.5, 0.5]
    assert table["onet"]["windows_per_picture"] == pytest.approx(4 / 3)
    assert stage_recall.summary(PICTURES[1:], FOUND[1:], smallest=20)["pnet"]["faces_left"] is None


def parsed(*arguments):
    """The command's flags, apart from absl's global ones."""
    values = flags.FlagValues()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags, "FLAGS", values)
        for name in (
            "DEFINE_string",
            "DEFINE_list",
            "DEFINE_float",
            "DEFINE_integer",
            "DEFINE_bool",
        ):
            original = getattr(flags, name)
            patch.setattr(
                flags,
                name,
                lambda *args, original=original, **options: original(
                    *args, **options, flag_values=values
                ),
            )
        evaluate.define_flags()
    values(["evaluate", *arguments])
    return values


class TestFlags:
    def test_weights(self):
        assert evaluate.parse_weights([]) == {"bundled": None}
        assert evaluate.parse_weights(["x/a.npz", "b=y/a=b.npz"]) == {
            "a": "x/a.npz",
            "b": "y/a=b.npz",
        }
        found = evaluate.parse_weights(["bundled", "tuned=bundled", "c.npz"])
        assert found == {"bundled": None, "tuned": None, "c": "c.npz"}
        for wrong in (["=a.npz"], ["a="], ["x/y=a.npz"], ["x/a.npz", "y/a.npz"]):
            with pytest.raises(ValueError, match="--weights.*accepted: "):
                evaluate.parse_weights(wrong)

    def test_benchmarks(self):
        assert evaluate.parse_benchmarks(["all"]) == ["wider_face", "celeb_a", "aflw"]
        assert evaluate.parse_benchmarks(["fddb", "aflw", "fddb"]) == ["fddb", "aflw"]
        for wrong in ([], ["all", "fddb"], ["wider"]):
            with pytest.raises(ValueError, match="--benchmark=.*accepted: all, or some of"):
                evaluate.parse_benchmarks(wrong)

    def test_settings(self):
        values = parsed("--data_dir=d", "--output=o", "--fddb_dir=f", "--thresholds=0.5,0.6,0.7")
        settings = evaluate.read_settings(values)
        assert (settings.truth_dir, settings.aflw_dir, settings.fddb_dir) == ("d", "d", "f")
        assert settings.split == "validation"
        assert settings.config(curve=False).thresholds == (0.5, 0.6, 0.7)
        assert settings.config(curve=True).thresholds == (0.5, 0.6, 0.02)
        values.predictions = "p"
        assert evaluate.read_settings(values).split == ""
        values.thresholds = ["0.5", "x"]
        with pytest.raises(ValueError, match="--thresholds=0.5,x; accepted: three"):
            evaluate.read_settings(values)

    @pytest.mark.parametrize(
        ("arguments", "benchmark"),
        [
            (["--truth_dir=.", "--predictions=p"], "wider_face"),
            (["--annotations=labels.txt", "--predictions=p"], "labelled"),
            (["--fddb_dir=.", "--predictions=p"], "fddb"),
            (["--aflw_dir=.", "--predictions=p"], "aflw"),
        ],
    )
    def test_no_data_dir_where_it_is_not_read(self, tmp_path, monkeypatch, arguments, benchmark):
        """Each gets as far as its own files."""
        (tmp_path / "labels.txt").write_text("a.jpg\n1\n1 2 30 40 0 0 0 0 0 0\n")
        monkeypatch.chdir(tmp_path)
        settings = evaluate.read_settings(parsed("--output=out", *arguments))
        missing = {
            "wider_face": "wider_face_val.mat",
            "labelled": "no such folder or archive: p",
            "fddb": "no annotations of FDDB",
            "aflw": "aflw.sqlite",
        }
        with pytest.raises(FileNotFoundError, match=missing[benchmark]):
            evaluate.score_predictions(settings, [benchmark], "p")

    @pytest.mark.parametrize(
        ("arguments", "benchmark", "named"),
        [
            ([], "wider_face", "data_dir"),
            (["--predictions=p"], "wider_face", "truth_dir"),
            (["--predictions=p", "--truth_dir=t", "--split=validation"], "wider_face", "data_dir"),
            (["--predictions=p"], "celeb_a", "data_dir"),
            (["--predictions=p"], "aflw", "aflw_dir"),
            (["--predictions=p"], "fddb", "fddb_dir"),
            ([], "labelled", "data_dir"),
            (["--annotations=labels.txt"], "robustness", "data_dir"),
        ],
    )
    def test_a_folder_that_is_read_is_asked_for(self, tmp_path, arguments, benchmark, named):
        values = parsed(f"--output={tmp_path}", *arguments)
        settings = evaluate.read_settings(values)
        with pytest.raises(ValueError, match=f"^--{named} is not given.*; accepted is the"):
            if values.predictions:
                evaluate.score_predictions(settings, [benchmark], "p")
            else:
                registry.BENCHMARKS[benchmark].open_data(settings)

    def test_settings_are_checked(self):
        with pytest.raises(ValueError, match="thresholds"):
            Settings("d", "o", thresholds=(0.5, 0.5))
        with pytest.raises(ValueError, match="curve_threshold is 1.5"):
            Settings("d", "o", curve_threshold=1.5)
        assert (
            Settings("d", "o", thresholds=(0.6, 0.7, 0.01)).config(curve=True).thresholds[2] == 0.01
        )


class TestResults:
    @pytest.fixture
    def stand_ins(self, monkeypatch):
        self.opened = []
        curve = (np.array([0.0, 1]), np.array([1.0, 0.5]))
        thresholds, rates, counts = np.array([0.5, math.inf]), np.array([0.9, 0]), np.array([9, 0])
        roc = fddb.Roc(thresholds, rates, rates - 0.2 * (rates > 0), counts)
        results = {
            "wider_face": Result({"easy": 0.8, "pictures": 3}, {"easy": curve}),
            "aflw": Result(
                landmark_error.summary(errors(0.05, 0.3, math.nan)),
                errors={"aflw": errors(0.05, 0.3, math.nan)},
            ),
            "fddb": Result({"discrete": {"100": 0.9}, "false_positives": 9}, roc=roc),
        }
        made = {
            name: registry.Benchmark(
                lambda settings, name=name: self.opened.append(name),
                lambda settings, weights, params, result=result: result,
                lambda settings, source, result=result: result,
            )
            for name, result in results.items()
        }
        monkeypatch.setattr(evaluate, "BENCHMARKS", made)
        monkeypatch.setattr(evaluate.mj, "load_params", lambda path: {})

    def test_several(self, stand_ins, tmp_path):
        settings = Settings("d", str(tmp_path))
        weights = {"one": "a.npz", "other": "b.npz"}
        evaluate.evaluate(settings, ["wider_face", "aflw", "fddb"], weights)
        assert self.opened == ["wider_face", "aflw", "fddb"]
        values = json.loads((tmp_path / "results.json").read_text())
        assert values["wider_face"]["other"]["easy"] == 0.8
        assert values["aflw"]["one"]["missed"] == pytest.approx(1 / 3)
        text = (tmp_path / "report.md").read_text()
        assert "|  | one | other |" in text and "| AP easy | 0.800 | 0.800 |" in text
        assert "| landmark error | 0.1750 | 0.1750 |" in text
        assert (tmp_path / "roc" / "one" / "DiscROC.txt").read_text().startswith("0.9 9 0.5\n")
        assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
            "aflw_cumulative_error.png",
            "aflw_mean_error.png",
            "fddb_roc.png",
            "wider_face_precision_recall.png",
        ]

    def test_differences_to_the_first(self, stand_ins, tmp_path, monkeypatch):
        found = iter([np.zeros(40), np.arange(40) % 4 > 0, np.arange(40) == 0])

        def run(settings, name, params):
            share = figures.ratio(next(found), np.ones(40))
            value = share.values(np.ones((1, 40)))[0]
            return Result({"easy": float(value), "hard": 0.1}, figures={"easy": share})

        one = evaluate.BENCHMARKS["wider_face"]._replace(run=run)
        monkeypatch.setitem(evaluate.BENCHMARKS, "wider_face", one)
        weights = {"one": "a.npz", "other": "b.npz", "third": "c.npz"}
        settings = Settings("d", str(tmp_path), resamples=500, seed=1)
        evaluate.evaluate(settings, ["wider_face"], weights)
        values = json.loads((tmp_path / "results.json").read_text())["wider_face"]
        assert "differences" not in values["one"]
        told = values["other"]["differences"]
        assert (told["to"], told["resamples"], told["seed"]) == ("one", 500, 1)
        assert told["figures"]["easy"]["difference"] == 0.75 and told["figures"]["easy"]["shown"]
        assert not values["third"]["differences"]["figures"]["easy"]["shown"]
        text = (tmp_path / "report.md").read_text()
        assert "| over one | other | third |" in text
        row = next(line for line in text.splitlines() if line.startswith("| AP easy | +"))
        assert re.fullmatch(
            r"\| AP easy \| \+0.750 \(\+0.6\d\d to \+0.[89]\d\d\) "
            r"\| \+0.025 \(\+0.000 to \+0.\d+\), no difference shown \|",
            row,
        )
        assert "intervals of 95% from 500 drawings of the pictures" in text

    def test_no_drawings(self, stand_ins, tmp_path):
        settings = Settings("d", str(tmp_path), resamples=0)
        evaluate.evaluate(settings, ["wider_face"], {"one": "a.npz", "other": "b.npz"})
        assert "differences" not in (tmp_path / "results.json").read_text()
        with pytest.raises(ValueError, match="resamples is -1; accepted are whole numbers"):
            Settings("d", "o", resamples=-1)

    def test_one_set_of_predictions(self, stand_ins, tmp_path):
        (tmp_path / "curves").mkdir()
        (tmp_path / "curves" / "Theirs-DiscROC.txt").write_text("0.8 200 0.1\n0.7 90 0.2\n")
        settings = Settings("d", str(tmp_path / "out"), curves_dir=str(tmp_path / "curves"))
        evaluate.score_predictions(settings, ["fddb"], "found.txt")
        values = json.loads((tmp_path / "out" / "results.json").read_text())
        assert values["benchmark"] == "fddb" and values["discrete"] == {"100": 0.9}
        assert (tmp_path / "out" / "ContROC.txt").read_text() == "0.7 9\n0 0\n"
        report_text = (tmp_path / "out" / "report.md").read_text()
        assert "|  | found | Theirs (published) |" in report_text
        assert "| discrete rate at 100 false positives | 0.9000 | 0.7000 |" in report_text
        with pytest.raises(ValueError, match="--predictions are of one benchmark"):
            evaluate.score_predictions(settings, ["fddb", "aflw"], "found.txt")

    def test_without_matplotlib(self, stand_ins, tmp_path, monkeypatch, capsys):
        def missing(*_, **__):
            raise ImportError("No module named 'matplotlib'")

        monkeypatch.setattr(plots, "draw", missing)
        evaluate.score_predictions(Settings("d", str(tmp_path)), ["aflw"], "found.txt")
        assert "no plots: No module named 'matplotlib'" in capsys.readouterr().err
        assert (tmp_path / "results.json").exists()


def test_report_leaves_out_what_no_column_has():
    text = tables.benchmark_table(
        "aflw", {"a": {"mean": 0.1, "missed": None}, "b": {"missed": 0.5}}
    )
    assert "| landmark error | 0.1000 | - |" in text
    assert "| missed | - | 50.0% |" in text
    assert "nose" not in text
