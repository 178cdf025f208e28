"""How commands end: with a word, and an exit code that says what happened."""

import errno
import os
import signal
import subprocess
import sys
import time
import types

import pytest

from data import prepare
from experiments import convert
from experiments.console.command import run_command
from mtcnn_jax.commandline.endings import INTERRUPTED
from tests import ROOT


def failing(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ValueError("seed is -1; accepted is 0"), 2, "error: seed is -1; accepted is 0\n"),
        (FloatingPointError("the loss is nan"), 2, "error: the loss is nan\n"),
        (FileNotFoundError("a.npz is missing"), 2, "error: a.npz is missing\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/a.npy"),
            2,
            "error: no space is left on the disk for out/a.npy; free some and start the command "
            "again\n",
        ),
        (
            OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
            2,
            "error: no space is left on the disk; free some and start the command again\n",
        ),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted; what was finished is kept\n"),
    ],
)
def test_what_ends_a_command_is_told_in_a_sentence(capsys, error, code, told):
    assert run_command(["command"], failing(error)) == code
    assert capsys.readouterr() == ("", told)


def test_a_command_that_goes_through_says_nothing(capsys):
    assert run_command(["command"], lambda: None) == 0
    assert capsys.readouterr() == ("", "")


PROGRAM = """
import time
from absl import app
from experiments.console.command import run_command

def work():
    print("working", flush=True)
    time.sleep(60)

app.run(lambda argv: run_command(argv, work))
"""


def test_ctrl_c_ends_a_process_with_a_sentence_and_its_code():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "working\n"
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert time.monotonic() - start < 10
    assert (process.returncode, told) == (130, "interrupted; what was finished is kept\n")


def test_ctrl_c_within_the_garbage_collector_is_not_lost(capsys):
    hook, reached = sys.unraisablehook, []

    class Last:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)
            reached.append("the end of __del__")

    def work():
        last = Last()
        del last
        time.sleep(5)
        reached.append("the end of the work")

    assert run_command(["command"], work) == INTERRUPTED
    assert capsys.readouterr().err == "interrupted; what was finished is kept\n"
    assert reached == []
    assert sys.unraisablehook is hook


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_told_with_its_name_where_it_is_known(capsys):
    def work():
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(b"samples")

    assert run_command(["command"], work) == 2
    assert capsys.readouterr().err.startswith("error: no space is left on the disk; free some")


class Values(types.SimpleNamespace):
    """Flags by name, as attributes and as absl keeps them."""

    def __getitem__(self, name):
        return types.SimpleNamespace(value=getattr(self, name))


@pytest.mark.parametrize(
    ("command", "work", "values"),
    [
        (convert, "run", {"from": "mtcnn", "input": "a", "output": "b"}),
        (prepare, "prepare", {"dataset": ["wider_face"], "manual_dir": "a", "data_dir": "b"}),
    ],
)
def test_other_commands_end_alike_after_ctrl_c(command, work, values, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, work, interrupted)
    values = Values(leave_out_broken=False, check=None, **values)
    monkeypatch.setattr(command.flags, "FLAGS", values)
    assert command.main(["command"]) == INTERRUPTED
    assert capsys.readouterr().err.startswith("interrupted; ")
