"""Reading ahead: in order, no further than asked, and no thread stays."""

import subprocess
import sys
import threading
import time

import pytest

from mtcnn_jax.runtime import readahead
from mtcnn_jax.runtime.readahead import read_ahead
from tests import ROOT


@pytest.fixture(autouse=True)
def _no_thread_stays():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_results_come_in_the_order_of_the_sources():
    def read(number):
        time.sleep(0.001 * (number % 3))
        return number * number

    results = read_ahead(read, iter(range(30)), ahead=4)
    assert [result.result() for result in results] == [number**2 for number in range(30)]


def test_no_more_is_read_ahead_than_asked_of_a_source_without_an_end():
    given, read = [], []

    def numbers():
        while True:
            given.append(len(given))
            yield given[-1]

    results = read_ahead(read.append, numbers(), ahead=3)
    for taken in range(1, 20):
        next(results).result()
        deadline = time.monotonic() + 5
        while len(given) < taken + 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.002)
        assert len(given) == taken + 3  # Those taken, and three ahead of them.
    results.close()
    assert len(given) <= taken + 4 and len(read) <= len(given)


def test_reading_goes_on_while_results_are_not_asked_for():
    read = threading.Event()
    results = read_ahead(lambda number: number == 2 and read.set(), range(9), ahead=3)
    next(results)
    assert read.wait(5)
    results.close()


def test_an_error_is_that_of_its_result_and_the_rest_goes_on():
    results = read_ahead(lambda number: 6 // number, [3, 0, 2], ahead=2)
    outcomes = list(results)
    assert [type(outcome.exception()) for outcome in outcomes] == [
        type(None),
        ZeroDivisionError,
        type(None),
    ]


def test_an_error_of_the_source_is_the_last_result():
    def broken():
        yield 1
        raise LookupError("no more film")

    first, last = read_ahead(abs, broken(), ahead=5)
    assert first.result() == 1
    with pytest.raises(LookupError, match="no more film"):
        last.result()


def test_a_generator_that_is_stopped_early_is_closed():
    closed = threading.Event()

    def numbers():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    results = read_ahead(abs, numbers(), ahead=2)
    next(results)
    del results  # Dropped, not closed.
    assert closed.wait(5)


def test_the_end_does_not_wait_for_ever_for_a_source_that_gives_nothing(monkeypatch):
    monkeypatch.setattr(readahead, "PATIENCE", 0.05)
    gate, read = threading.Event(), []

    def numbers():
        yield 1
        gate.wait(10)
        yield 2

    results = read_ahead(read.append, numbers(), ahead=2)
    next(results).result()
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 5
    gate.set()  # What it gives by now is read no more.
    for thread in threading.enumerate():
        if thread.name == "read_ahead_source":
            thread.join(5)
    assert read == [1]


PROGRAM = """
import time
from mtcnn_jax.runtime.readahead import read_ahead

def camera():
    yield 1
    time.sleep(1000)

results = read_ahead(abs, camera(), ahead=2)
print(next(results).result())
"""


def test_a_process_ends_without_a_word_though_a_source_gives_nothing():
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "1\n", "")
