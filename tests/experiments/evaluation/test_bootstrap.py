"""Drawing pictures anew against scoring each drawing, its pictures one after the other."""

import numpy as np
import pytest

from experiments.evaluation import bootstrap, stage_recall
from experiments.evaluation.benchmarks import fddb as fddb_benchmark
from experiments.evaluation.benchmarks import labelled, wider
from experiments.evaluation.protocols import average_precision, fddb, figures, landmark_error
from experiments.evaluation.protocols import wider as protocol
from tests.experiments.evaluation.protocols.test_average_precision import (
    plain_match,
    random_example,
)
from tests.experiments.evaluation.protocols.test_wider import plain_average_precision, random_set
from tests.experiments.test_evaluate import FOUND, PICTURES

DRAWINGS = 6


def drawings(pictures, seed=0):
    """How often each picture counts, and the same as lists of pictures."""
    times = bootstrap.draw(pictures, DRAWINGS, seed)
    return times, [np.repeat(np.arange(pictures), row).tolist() for row in times]


def lookup(values, path):
    for key in path.split("/"):
        values = values[key]
    return np.nan if values is None else values


def test_a_drawing_has_as_many_pictures():
    times = bootstrap.draw(50, 200, seed=3)
    assert times.shape == (200, 50) and (times.sum(axis=1) == 50).all()
    assert times.mean() == 1 and times.var() == pytest.approx(49 / 50, rel=0.05)
    np.testing.assert_array_equal(times, bootstrap.draw(50, 200, seed=3))
    assert (times != bootstrap.draw(50, 200, seed=4)).any()


@pytest.mark.parametrize("seed", range(3))
def test_official_protocol_on_each_drawing(seed):
    predictions, truth = random_set(np.random.default_rng(seed), pictures=9)
    names = list(truth)
    times, picked = drawings(len(names), seed)
    compared = wider.score(predictions, truth, names).figures
    for level in protocol.LEVELS:
        found = compared[level].values(times)
        for value, rows in zip(found, picked, strict=True):
            drawn = {f"{place}": names[row] for place, row in enumerate(rows)}
            expected = plain_average_precision(
                {name: predictions[one] for name, one in drawn.items()},
                {name: truth[one] for name, one in drawn.items()},
                level,
            )
            assert value == pytest.approx(expected, abs=1e-12)


def plain_area(examples, threshold):
    """Area under precision made to fall, a detection at a time; NaN without faces."""
    faces = sum((~one.ignored).sum() for one in examples)
    rows = []
    for one in examples:
        verdicts = plain_match(one, threshold)
        rows += list(zip(-one.scores, verdicts, strict=True))
    rows = [verdict for _, verdict in sorted(rows, key=lambda row: row[0]) if verdict != -1]
    precision = [sum(rows[: place + 1]) / (place + 1) for place in range(len(rows))]
    if not faces:
        return np.nan
    return sum(max(precision[place:]) / faces for place, right in enumerate(rows) if right)


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_of_each_drawing(seed):
    rng = np.random.default_rng(seed)
    examples = [random_example(rng) for _ in range(5)]
    empty = average_precision.Example(np.zeros((0, 4)), np.zeros(0, bool), *examples[0][2:])
    examples = [empty, *examples, empty._replace(scores=empty.scores + 1)]
    ranked = average_precision.rank(examples, 0.5)
    times, picked = drawings(len(examples), seed)
    times, picked = np.vstack([times, [3, 0, 0, 0, 0, 0, 4]]), [*picked, [0] * 3 + [6] * 4]
    found = average_precision.average_precisions(ranked, times)
    for value, rows in zip(found, picked, strict=True):
        expected = plain_area([examples[row] for row in rows], 0.5)
        assert value == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_labelled_pictures_drawn_one_by_one():
    rng = np.random.default_rng(4)
    examples = [random_example(rng) for _ in range(7)]
    times, picked = drawings(len(examples))
    for path, figure in labelled.score(8, examples, 0.4).figures.items():
        for value, rows in zip(figure.values(times), picked, strict=True):
            drawn = labelled.score(8, [examples[row] for row in rows], 0.4).values
            expected = lookup(drawn, path)
            assert value == pytest.approx(expected, abs=1e-12, nan_ok=True), path


def test_stages_drawn_one_by_one():
    times, picked = drawings(len(PICTURES))
    for path, figure in stage_recall.figures(PICTURES, FOUND, smallest=20).items():
        for value, rows in zip(figure.values(times), picked, strict=True):
            drawn = stage_recall.summary(
                [PICTURES[row] for row in rows], [FOUND[row] for row in rows], smallest=20
            )
            expected = lookup({"stages": drawn}, path)
            assert value == pytest.approx(expected, nan_ok=True)


def test_landmark_errors_drawn_one_by_one():
    rng = np.random.default_rng(5)
    points = rng.uniform(0, 0.2, (12, 5))
    missed = rng.random(12) < 0.3
    points[missed] = np.nan
    errors, owners = landmark_error.Errors(points, missed), rng.integers(0, 6, 12)
    times, picked = drawings(6)
    for path, figure in landmark_error.figures(errors, owners, 6).items():
        for value, rows in zip(figure.values(times), picked, strict=True):
            faces = np.concatenate([np.flatnonzero(owners == row) for row in rows])
            expected = lookup(landmark_error.summary(errors.where(faces)), path)
            assert value == pytest.approx(expected, nan_ok=True)


def test_fddb_drawn_one_by_one(monkeypatch):
    monkeypatch.setattr(fddb_benchmark, "FALSE_POSITIVES", (0, 3, 9))
    rng = np.random.default_rng(6)
    faces, found, scores = {}, {}, {}
    for name in "abcdef":
        corners = rng.integers(0, 60, (rng.integers(0, 4), 2))
        faces[name] = [square(*corner) for corner in corners]
        near = np.concatenate([corners + rng.integers(-3, 4, corners.shape), [[90, 90], [5, 90]]])
        found[name] = [square(*corner) for corner in near]
        scores[name] = rng.integers(1, 6, len(near)) / 5  # So that some are the same.
    times, picked = drawings(len(faces))
    compared = fddb_benchmark.figures(fddb.match_pictures(faces, found, scores))
    names = list(faces)
    for value_row, rows in enumerate(picked):
        drawn = {f"{place}": names[row] for place, row in enumerate(rows)}
        changes = fddb.match_pictures(
            *({key: table[one] for key, one in drawn.items()} for table in (faces, found, scores))
        )
        expected = fddb_benchmark.summary(fddb.roc(changes))
        for path, figure in compared.items():
            value = figure.values(times)[value_row]
            assert value == pytest.approx(lookup(expected, path), abs=1e-12)


def square(x, y):
    return fddb.rectangle(x, y, 20, 20, size=(120, 120))


class TestDifferences:
    def shares(self, seed, share):
        """Of 400 pictures, each with one face that is found or not."""
        return (np.random.default_rng(seed).random(400) < share).astype(float)

    def test_interval_by_its_formula(self):
        first, other = self.shares(0, 0.5), self.shares(1, 0.6)
        ones = np.ones(400)
        times = bootstrap.draw(400, 4000, seed=0)
        found = bootstrap.compare(figures.ratio(first, ones), figures.ratio(other, ones), times)
        change = other - first
        assert found.difference == pytest.approx(change.mean())
        half = 1.96 * change.std() / 20
        assert found.low == pytest.approx(change.mean() - half, abs=0.005)
        assert found.high == pytest.approx(change.mean() + half, abs=0.005)
        assert found.shown

    def test_the_same_weights_give_zero(self):
        predictions, truth = random_set(np.random.default_rng(7))
        first, other = (wider.score(predictions, truth, list(truth)).figures for _ in range(2))
        found = bootstrap.differences(first, other, count=50, seed=0)
        assert list(found) == ["easy", "medium", "hard"]
        assert all(one == (0, 0, 0) and not one.shown for one in found.values())

    def test_drawings_are_paired(self):
        """Pictures that differ much, and weights that differ by as much on each."""
        first = np.random.default_rng(8).uniform(0, 100, 50)
        pair = [figures.total(first), figures.total(first + 1)]
        found = bootstrap.compare(*pair, bootstrap.draw(50, 300, seed=0))
        np.testing.assert_allclose(found, (50, 50, 50))

    def test_drawings_without_a_value_are_left_out(self):
        faces = np.array([1.0, 0, 0])
        pair = [figures.ratio(found * faces, faces) for found in (0, 1)]
        found = bootstrap.compare(*pair, bootstrap.draw(3, 100, seed=0))
        assert found == (1, 1, 1) and found.shown
        assert bootstrap.compare(pair[0], figures.ratio(faces * 0, faces * 0), np.eye(3)) is None

    def test_other_pictures(self):
        pair = [figures.total(np.ones(count)) for count in (3, 4)]
        with pytest.raises(ValueError, match="over 3 and 4 pictures; accepted: the same"):
            bootstrap.compare(*pair, np.ones((1, 4), int))
