"""What a result reports against its figures, each picture counting once."""

import numpy as np
import pytest

from experiments.evaluation.reports import tables


def check(result, benchmark, *, alone):
    """Every figure gives the value, and of the report's rows those in `alone` alone have none."""
    for path, figure in result.figures.items():
        (value,) = figure.values(np.ones((1, figure.pictures), int))
        expected = tables.lookup(result.values, path)
        assert value == pytest.approx(np.nan if expected is None else expected, nan_ok=True), path
    paths = {path for _, path, _ in tables.ROWS[benchmark]}
    told = {path for path in paths if tables.lookup(result.values, path) is not None}
    assert told - {*result.figures} == alone
