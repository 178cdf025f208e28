import itertools
import types

import numpy as np
import pytest
from PIL import Image

from data.datasets import fddb as dataset
from experiments.evaluation.benchmarks import fddb as benchmark
from experiments.evaluation.protocols import fddb as protocol
from experiments.evaluation.settings import Settings

SIZE = (450, 450)
TEXT = """2002/a/img_1
2
30.5 20.5 1.5 100 90  1
10 8 0 40 40  1
2002/b/img_2
0
2002/c/img_3
1
25 18 -1.4 60 70  1
"""
FOUND = """2002/a/img_1
2
80 60 40 62 0.9
300 300 20 20 0.5
2002/b/img_2
1
10 10 20 20 0.5
2002/c/img_3
0
"""


def pixels(region, size=SIZE):
    whole = np.zeros(size, bool)
    height, width = region.mask.shape
    whole[region.row : region.row + height, region.column : region.column + width] = region.mask
    return whole


def settings(folder, output=""):
    return Settings(str(folder), str(output), fddb_dir=str(folder))


class TestRegions:
    @pytest.mark.parametrize("angle", [0, 0.4, -1.2, np.pi / 2])
    def test_ellipse_equals_its_equation(self, angle):
        shown = pixels(protocol.ellipse(60.9, 30.2, angle, 200.4, 149.7, size=SIZE))
        turn = np.deg2rad(round(np.rad2deg(angle)))
        y, x = np.mgrid[: SIZE[0], : SIZE[1]] - np.array([150, 200])[:, None, None]
        turned = np.stack(
            [x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)]
        )
        expected = (turned[0] / 60) ** 2 + (turned[1] / 30) ** 2 <= 1
        assert (shown != expected).sum() <= 4  # At the very rim rounding decides.
        assert shown.sum() == pytest.approx(np.pi * 60 * 30, rel=0.01)

    def test_rectangle_includes_both_corners(self):
        shown = pixels(protocol.rectangle(10.4, 20.6, 5.2, 3.1, size=SIZE))
        expected = np.zeros(SIZE, bool)
        expected[21:25, 10:17] = True
        np.testing.assert_array_equal(shown, expected)

    def test_what_lies_outside_the_picture_is_cut_off(self):
        left = protocol.rectangle(-5, 440, 10, 100, size=SIZE)
        assert (left.row, left.column) == (440, 0) and left.mask.shape == (10, 6)
        gone = protocol.rectangle(500, 0, 10, 10, size=SIZE)
        assert protocol.overlap(gone, left) == 0

    def test_overlap_counts_pixels(self):
        regions = [
            protocol.ellipse(30, 20, 1, 50, 50, size=SIZE),
            protocol.rectangle(40, 45, 30, 30, size=SIZE),
            protocol.rectangle(400, 400, 3, 3, size=SIZE),
        ]
        for a, b in itertools.product(regions, repeat=2):
            one, other = pixels(a), pixels(b)
            expected = (one & other).sum() / (one | other).sum()
            assert protocol.overlap(a, b) == pytest.approx(expected)

    def test_radii_below_a_pixel(self):
        assert protocol.ellipse(0.4, 0.2, 0, 5, 5, size=SIZE).mask.sum() == 1


class TestMatching:
    @pytest.mark.parametrize("seed", range(5))
    def test_best_sum_of_all_assignments(self, seed):
        rng = np.random.default_rng(seed)
        table = rng.random((3, 4)) * (rng.random((3, 4)) < 0.7)
        best = max(
            sum(table[row, column] for row, column in enumerate(columns))
            for columns in itertools.permutations(range(4), 3)
        )
        matched = protocol.match(table)
        assert matched.sum() == pytest.approx(best) and (matched > 0).all()

    def test_curves_by_hand(self):
        square = protocol.rectangle(0, 0, 9, 9, size=SIZE)
        half = protocol.rectangle(0, 0, 9, 4, size=SIZE)  # IoU 0.5 with it: not above.
        most = protocol.rectangle(0, 0, 9, 7, size=SIZE)  # 0.8.
        far = protocol.rectangle(50, 50, 9, 9, size=SIZE)
        changes = protocol.match_pictures(
            {"a": [square], "b": [square, far], "c": []},
            {"a": [half, most], "b": [far], "c": [far]},
            {"a": np.array([0.9, 0.4]), "b": np.array([0.7]), "c": np.array([0.9])},
        )
        roc = protocol.roc(changes)
        assert roc.thresholds.tolist() == [0.4, 0.7, 0.9, np.inf]
        np.testing.assert_allclose(roc.discrete, np.array([2, 1, 0, 0]) / 3)
        np.testing.assert_allclose(roc.continuous, np.array([1.8, 1.5, 0.5, 0]) / 3)
        assert roc.false_positives.tolist() == [2, 2, 2, 0]

    def test_missing_detections(self):
        with pytest.raises(ValueError, match="lack 1 pictures, the first a"):
            protocol.match_pictures({"a": []}, {}, {})


class TestKnownAnswer:
    @pytest.fixture
    def folder(self, shared):
        return shared / "reference" / "fddb_eval"

    def test_curves_of_the_official_tool(self, folder):
        result = benchmark.from_predictions(settings(folder), folder / "mtcnn_predict.txt")
        discrete = np.loadtxt(folder / "mtcnn_DiscROC.txt")
        continuous = np.loadtxt(folder / "mtcnn_ContROC.txt")
        assert len(result.roc.thresholds) == len(discrete)
        np.testing.assert_allclose(result.roc.thresholds[:-1], discrete[:-1, 2], rtol=1e-5)
        np.testing.assert_allclose(result.roc.discrete, discrete[:, 0], atol=0.002)
        np.testing.assert_allclose(result.roc.false_positives, discrete[:, 1], atol=3)
        np.testing.assert_allclose(result.roc.continuous, continuous[:, 0], atol=0.005)
        assert result.values["faces"] == 5171 and result.values["pictures"] == 2845

    def test_published_curves(self, folder):
        curves = benchmark.read_published(folder / "published_curves")
        assert len(curves) == 6 and {"CasCNN", "DDFD", "ViolaJonesScore_n0"} <= curves.keys()
        summary = benchmark.published_summary(curves["HeadHunter"])
        assert 0.8 < summary["discrete"]["100"] < summary["discrete"]["2000"] < 0.9


class TestFiles:
    def test_all_together(self, tmp_path):
        (tmp_path / "ellipseList.txt").write_text(TEXT)
        names = "2002/a/img_1\n2002/b/img_2\n2002/c/img_3\n"
        (tmp_path / "foldList.txt").write_text(names)
        labels = dataset.read_labels(tmp_path)
        assert list(labels.ellipses) == names.split() and labels.folds == {}
        np.testing.assert_allclose(labels.ellipses["2002/a/img_1"][0], [30.5, 20.5, 1.5, 100, 90])
        assert labels.ellipses["2002/b/img_2"].shape == (0, 5)

    def test_ten_folds(self, tmp_path):
        for fold in range(1, 11):
            text = TEXT.replace("2002", str(fold))
            path = tmp_path / "FDDB-folds" / f"FDDB-fold-{fold:02d}-ellipseList.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        labels = dataset.read_labels(tmp_path)
        assert len(labels.ellipses) == 30 and labels.folds[10][0] == "10/a/img_1"
        found = tmp_path / "found.txt"
        found.write_text("".join(FOUND.replace("2002", str(fold)) for fold in range(1, 11)))
        values = benchmark.from_predictions(settings(tmp_path), found).values
        assert values["discrete"]["100"] == values["fold_3"]["discrete"]["100"] == 1 / 3
        assert values["false_positives"] == 20 and values["fold_10"]["false_positives"] == 2

    def test_annotations_that_are_missing_or_do_not_fit_the_list(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no annotations of FDDB"):
            dataset.read_labels(tmp_path)
        (tmp_path / "ellipseList.txt").write_text(TEXT)
        (tmp_path / "foldList.txt").write_text("2002/a/img_1\n2002/b/img_2\n")
        with pytest.raises(ValueError, match="ellipseList.txt, line 7: 2002/c/img_3 is not in"):
            dataset.read_labels(tmp_path)
        (tmp_path / "foldList.txt").write_text("2002/a/img_1\n2002/b/img_2\nx\n2002/c/img_3\n")
        with pytest.raises(ValueError, match="foldList.txt, line 3: x is not in the annotations"):
            dataset.read_labels(tmp_path)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a\n1\n1 2 3 4\n", "line 3: '1 2 3 4'; accepted are 5 numbers"),
            ("a\n2\n1 2 3 4 5\n1 2 3 4 5 6\n", "line 4: .*; accepted are 5 numbers"),
            ("a\n1\n1 2 3 4 nan\n", "line 3: .*; accepted are finite numbers"),
            ("a\n-1\n", "line 2: -1; accepted is a whole number"),
            ("a\n2\n1 2 3 4 5\n", "line 4: the file ends here"),
            ("a\n0\na\n0\n", "line 3: a was on .*line 1 already"),
            ("a\n0\nx\n0\n", "line 3: x is no picture"),
            ("a\n0\n", "no detections for 1 of 2 pictures, the first is b"),
        ],
    )
    def test_detections_that_are_wrong(self, tmp_path, text, message):
        (tmp_path / "found.txt").write_text(text)
        with pytest.raises(ValueError, match=message):
            benchmark.read_detections(tmp_path / "found.txt", {"a": 0, "b": 0})

    @pytest.mark.parametrize("columns", [5, 6])
    def test_detections_read_back(self, tmp_path, columns):
        rows = np.arange(2 * columns).reshape(2, columns) + 1 / 3
        written = {"a": rows, "b": np.zeros((0, columns))}
        benchmark.write_detections(tmp_path / "d" / "found.txt", written)
        found = benchmark.read_detections(tmp_path / "d" / "found.txt", written)
        np.testing.assert_allclose(found["a"], rows)
        assert len(found["b"]) == 0

    def test_curves_in_the_official_format(self, tmp_path):
        roc = protocol.Roc(
            np.array([0.7002543, np.inf]),
            np.array([2 / 3, 0]),
            np.array([0.5, 0]),
            np.array([9, 0]),
        )
        benchmark.write_roc(tmp_path, roc)
        disc = (tmp_path / "DiscROC.txt").read_text()
        assert disc == "0.666667 9 0.700254\n0 0 1.79769e+308\n"
        assert (tmp_path / "ContROC.txt").read_text() == "0.5 9\n0 0\n"


class TestRun:
    def test_ellipses_that_are_the_annotations_are_all_right(self, tmp_path):
        (tmp_path / "ellipseList.txt").write_text(TEXT)
        (tmp_path / "found.txt").write_text(TEXT)
        values = benchmark.from_predictions(settings(tmp_path), tmp_path / "found.txt").values
        assert values["discrete"]["100"] == values["continuous"]["100"] == 1
        assert values["false_positives"] == 0

    def test_detector_on_pictures(self, tmp_path, monkeypatch):
        (tmp_path / "ellipseList.txt").write_text(TEXT)
        with pytest.raises(FileNotFoundError, match="3 of 3 pictures are missing, the first is"):
            benchmark.run(settings(tmp_path, tmp_path / "out"), "w", {})
        for name in ("a/img_1", "b/img_2", "c/img_3"):
            path = tmp_path / "originalPics" / "2002" / f"{name}.jpg"
            path.parent.mkdir(parents=True)
            Image.new("RGB", (200, 150)).save(path)

        def detect_pictures(params, pictures, config, path, **_):
            assert config.thresholds[2] == 0.02
            box = np.array([[80, 60, 120, 122]], np.float32)
            return [
                types.SimpleNamespace(name=one.name, boxes=box, scores=np.array([0.5]))
                for one in pictures
            ]

        monkeypatch.setattr(benchmark, "detect_pictures", detect_pictures)
        result = benchmark.run(settings(tmp_path, tmp_path / "out"), "w", {})
        assert result.values["discrete"]["100"] == 1 / 3
        assert result.values["false_positives"] == 2
        text = (tmp_path / "out" / "predictions" / "w" / "fddb.txt").read_text()
        assert text.startswith("2002/a/img_1\n1\n80 60 40 62 0\n2002/b/img_2\n1\n")

    def test_pictures_give_the_sizes(self, tmp_path):
        names = {"x": 0}
        assert benchmark.sizes(settings(tmp_path), names) == {"x": (450, 450)}
        (tmp_path / "originalPics").mkdir()
        Image.new("RGB", (30, 20)).save(tmp_path / "originalPics" / "x.jpg")
        assert benchmark.sizes(settings(tmp_path), names) == {"x": (20, 30)}
