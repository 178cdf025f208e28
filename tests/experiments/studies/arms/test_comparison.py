"""Arms against each other over pictures and seeds."""

import numpy as np
import pytest

from experiments.evaluation.bootstrap import compare_runs, draw
from experiments.evaluation.protocols import figures
from experiments.evaluation.settings import Result
from experiments.studies.arms import comparison, drawing

SEEDS, PICTURES = (0, 1, 2), 60


def result(shares):
    """A run whose figures are a share of each picture."""
    share = figures.ratio(shares, np.ones(len(shares)))
    value = float(np.mean(shares))
    recall = np.linspace(0, 0.5 + value / 4, 9)
    curve = (recall, 1 - recall)
    return Result(
        {"easy": value, "hard": 0.5 * value},
        {"easy": curve, "medium": curve},
        figures={"easy": share, "hard": figures.total(shares)},
    )


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    first = [rng.uniform(0, 1, PICTURES) for _ in SEEDS]
    other = [shares + 0.1 + 0.02 * seed for seed, shares in zip(SEEDS, first, strict=True)]
    return {"a": list(map(result, first)), "b": list(map(result, other))}


def test_pictures_and_runs_are_drawn_one_by_one():
    rng = np.random.default_rng(1)
    first, other = rng.uniform(0, 1, (2, 3, 20))
    pair = [[figures.ratio(row, np.ones(20)) for row in rows] for rows in (first, other)]
    found = compare_runs(*pair, count=200, seed=4)
    times, runs = draw(20, 200, 4), draw(3, 200, [4, 1])
    drawn = []
    for pictures, seeds in zip(times, runs, strict=True):
        rows, numbers = np.repeat(np.arange(20), pictures), np.repeat(np.arange(3), seeds)
        drawn.append(np.mean([other[n][rows].mean() - first[n][rows].mean() for n in numbers]))
    assert found.difference == pytest.approx((other - first).mean())
    np.testing.assert_allclose(found[1:], np.quantile(drawn, [0.025, 0.975]))


def test_the_interval_spans_the_runs(results):
    found = comparison.differences(results, "a", "b", count=500)["AP easy"]
    # Pictures differ by nothing here, and the runs by 0.10, 0.12 and 0.14.
    np.testing.assert_allclose(found, (0.12, 0.10, 0.14), atol=1e-6)
    same = comparison.differences({"a": results["a"], "b": results["a"]}, "a", "b", count=50)
    assert same["AP easy"] == (0, 0, 0) and not same["AP easy"].shown


def test_tables(results):
    titles = {"a": "one way", "b": "another"}
    found = comparison.differences(results, "a", "b", count=2000)
    verdicts = dict.fromkeys(found, "shown")
    text = comparison.comparison_table(results, titles, found, verdicts, ("a", "b"))
    easy = [np.mean([run.values["easy"] for run in results[name]]) for name in "ab"]
    assert "|  | one way | another | difference | verdict |" in text
    assert f"| AP easy | {easy[0]:.3f} ± " in text and f" | {easy[1]:.3f} ± " in text
    assert "| +0.120 (+0.100 to +0.140) | shown |" in text
    many = comparison.many_table(results, titles, {"b": found}, "a")
    assert f"| AP easy | one way | {easy[0]:.3f} ± " in many
    assert "| +0.120 (+0.100 to +0.140) | higher |" in many
    assert max(map(len, many.splitlines())) <= 100


def test_rows(results):
    found = comparison.rows(results, SEEDS, "WIDER FACE")
    assert [(row["arm"], row["seed"]) for row in found] == [(arm, s) for arm in "ab" for s in SEEDS]
    assert found[0]["easy"] == f"{results['a'][0].values['easy']:.4f}"
    assert found[0]["judged on"] == "WIDER FACE"


class TestDrawing:
    def test_a_panel_for_each_curve(self, results, tmp_path):
        panels = drawing.panels_of({"WIDER FACE": results}, boxes=True)
        assert panels == [("WIDER FACE", "easy"), ("WIDER FACE", "medium")]
        every = {"WIDER FACE": results}
        assert drawing.draw_curves(tmp_path / "x" / "a.png", every, {"a": "A", "b": "B"}, panels)
        assert (tmp_path / "x" / "a.png").read_bytes().startswith(b"\x89PNG")

    def test_curves_end_where_the_first_of_them_does(self):
        first, other = (np.array([0, 0.4]), np.array([1, 0])), (np.array([0, 0.8]), np.ones(2))
        x, y = drawing._over_seeds([first, other])
        assert x[-1] == 0.4 and y.shape == (2, drawing.POINTS)
        np.testing.assert_allclose(y[:, -1], [0, 1])
