"""How processes meet: the flags, those that do not come, and a process alone."""

import subprocess
import sys

import jax
import pytest

from experiments.cluster import agreement, joining
from tests import ROOT

ADDRESS = "10.0.0.1:9876"

TOGETHER = "accepted are --coordinator_address, --num_processes and --process_id together"


@pytest.mark.parametrize(
    ("flags", "match"),
    [
        ((ADDRESS, None, None), f"--num_processes and --process_id not given; {TOGETHER}"),
        (("", 2, None), f"--coordinator_address and --process_id not given; {TOGETHER}"),
        (("", 2, 0), f"--coordinator_address not given; {TOGETHER}"),
        (("", None, 1), f"--coordinator_address and --num_processes not given; {TOGETHER}"),
        ((ADDRESS, 0, 0), "--num_processes=0; accepted: 1 or more"),
        ((ADDRESS, 2, 2), "--process_id=2; accepted: 0 to 1"),
        ((ADDRESS, 2, -1), "--process_id=-1; accepted: 0 to 1"),
        ((ADDRESS, 1, 1), "--process_id=1; accepted: 0 to 0"),
        (("10.0.0.1", 2, 0), "--coordinator_address=10.0.0.1; accepted: HOST:PORT of process 0"),
        ((":9876", 2, 0), "--coordinator_address=:9876; accepted: HOST:PORT"),
        (("host:", 2, 0), "--coordinator_address=host:; accepted: HOST:PORT"),
        (("host:port", 2, 0), "--coordinator_address=host:port; accepted: HOST:PORT"),
        (("host:70000", 2, 0), "--coordinator_address=host:70000; accepted: HOST:PORT"),
    ],
)
def test_flags_that_do_not_fit_are_named(flags, match):
    with pytest.raises(ValueError, match=match):
        joining.join(*flags)


def test_flags_that_fit_are_taken():
    for flags in (("", None, None), ("", 1, None), ("", 1, 0), (ADDRESS, 2, 1), ("[::1]:80", 2, 0)):
        joining.check_flags(*flags)


@pytest.mark.parametrize("count", [None, 1])
def test_without_a_cluster_a_process_is_alone(monkeypatch, count):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")  # A pod that is none of several.
    joining.join("", count)
    assert jax.process_count() == 1 and agreement.is_first()
    assert joining.leave(3) == 3


def test_a_process_alone_agrees_with_itself():
    assert agreement.tell("word") == ["word"]
    agreement.agree({"seed": 1}, "trains")
    assert agreement.stopping(True) and not agreement.stopping(False)
    agreement.ask_all_to_stop()
    with pytest.raises(OSError, match="full"), agreement.agreed():
        raise OSError("full")


def test_an_error_of_another_process_is_raised_here(monkeypatch):
    parted = []
    monkeypatch.setattr(agreement.jax, "process_count", lambda: 2)
    monkeypatch.setattr(agreement, "tell", lambda text: [text, "no space is left"])
    monkeypatch.setattr(agreement, "part", lambda: parted.append("in order"))
    with pytest.raises(agreement.AgreedError, match="^process 1: no space is left$"):
        with agreement.agreed():
            pass
    with pytest.raises(ValueError, match="^mine$"), agreement.agreed():
        raise ValueError("mine")
    assert parted == ["in order"] * 2


def test_settings_that_differ_are_named(monkeypatch):
    told = ['{"a": {"b": 1, "c": 2}, "d": 3}', '{"a": {"b": 1, "c": 4}, "e": 5}']
    monkeypatch.setattr(agreement, "tell", lambda text: told)
    with pytest.raises(ValueError) as caught:
        agreement.agree({}, "trains")
    assert str(caught.value) == (
        "process 1 trains with other settings than process 0 (a.c 4, not 2; e 5, not None; "
        "d None, not 3); accepted are the same in all"
    )


@pytest.mark.parametrize("number", [0, 1])
def test_processes_that_do_not_come_are_not_waited_for_forever(number):
    program = f"""
import sys
from experiments.cluster import joining
from experiments.console.command import run_command
work = lambda: joining.join("127.0.0.1:{29_000 + number}", 2, {number}, seconds=1)
sys.exit(joining.leave(run_command(["train"], work)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert "the 2 processes did not meet at 127.0.0.1:" in done.stderr
    assert "within 1 s; accepted: one process of each --process_id from 0" in done.stderr
    assert "Traceback" not in done.stderr and "Check failure" not in done.stderr
