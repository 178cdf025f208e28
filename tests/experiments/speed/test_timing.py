"""Timing in turns, on a clock of the test's own."""

import pytest

from experiments.speed import timing


def test_every_task_takes_its_turn_and_the_first_round_does_not_count(monkeypatch):
    now, calls = [0.0], []

    def task(name, durations):
        durations = iter(durations)

        def run():
            calls.append(name)
            now[0] += next(durations)

        return run

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    tasks = {"a": task("a", [9, 1, 2, 6]), "b": task("b", [9, 4, 4, 4]), "own": lambda: 8.0}
    found = timing.take_turns(tasks, 3)
    assert calls == ["a", "b"] * 4
    assert found["a"] == (2, 1, 3)
    assert found["b"] == (4, 4, 3)
    assert found["own"] == (8, 8, 3)
    assert timing.ratio(found["a"], found["b"]) == 2


def test_no_runs_are_refused():
    with pytest.raises(ValueError, match="runs is 0; accepted are whole numbers from 1"):
        timing.take_turns({}, 0)
