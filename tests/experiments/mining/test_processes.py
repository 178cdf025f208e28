"""Mining in processes: killed or interrupted it leaves none behind, and goes on afterwards."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from data.prepare import prepare
from data.samples import Samples, load_samples
from experiments.mining import shards
from experiments.mining.config import MineConfig
from experiments.mining.processes import call_in_processes
from tests import ROOT
from tests.archives import write_wider

PROGRAM = """
import os, pathlib, sys, time
from absl import app
from experiments.console.command import run_command
from experiments.mining import shards
from experiments.mining.config import MineConfig

folder = pathlib.Path(sys.argv[1])
mine_shard = shards.mine_shard

def slowly(*arguments):
    (folder / f"worker-{os.getpid()}").touch()
    samples = mine_shard(*arguments)
    time.sleep(60)
    return samples

shards.mine_shard = slowly
shards.SHARD = 1
shards.os.cpu_count = lambda: 2

def work():
    config = MineConfig(str(folder), celeb="", negatives=5, smallest_face=8)
    shards.mine_stage(config, "pnet", {}, folder / "samples")

if __name__ == "__main__":
    sys.exit(run_command([], work))
"""


def is_running(process):
    """Whether there is such a process, and not only what is left of one that ended."""
    try:
        os.kill(process, 0)
        state = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state not in "ZX"


def wait_for(condition, *, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_wider(folder)
    prepare("wider_face", manual_dir=str(folder), data_dir=str(folder))
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes under /proc")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_no_process_outlives_a_run_and_the_next_goes_on(prepared, tmp_path, monkeypatch, name):
    for part in prepared.glob("wider_face_archives"):
        (tmp_path / part.name).symlink_to(part)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with open(tmp_path / "told.txt", "w") as told:
        process = subprocess.Popen(
            [sys.executable, program, tmp_path],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=told,
            start_new_session=True,
        )
    try:
        found = tmp_path.glob
        assert wait_for(lambda: len([*found("worker-*")]) == 2 or process.poll() is not None)
        workers = [int(path.name.partition("-")[2]) for path in found("worker-*")]
        assert len(workers) == 2 and all(map(is_running, workers))
        if name == "SIGINT":  # A terminal sends it to all.
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(getattr(signal, name))
        code = process.wait(timeout=30)
        assert wait_for(lambda: not any(map(is_running, workers)), seconds=10)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert code == (130 if name == "SIGINT" else -getattr(signal, name))
    errors = (tmp_path / "told.txt").read_text()
    assert "Traceback" not in errors
    if name == "SIGINT":
        assert errors.endswith("interrupted; what was finished is kept\n")
    monkeypatch.setattr(shards, "SHARD", 1)
    monkeypatch.setattr(shards.os, "cpu_count", lambda: 1)
    config = MineConfig(str(prepared), celeb="", negatives=5, smallest_face=8)
    folder = shards.mine_stage(config, "pnet", {}, tmp_path / "samples")
    whole = shards.mine_stage(config, "pnet", {}, tmp_path / "whole")
    assert len(load_samples(folder).kinds) > 10
    for field in Samples._fields:
        assert (folder / f"{field}.npy").read_bytes() == (whole / f"{field}.npy").read_bytes()
    assert not (tmp_path / "samples.shards").exists()


def test_a_process_that_is_killed_ends_it_with_a_sentence():
    with pytest.raises(ChildProcessError, match="was killed, as happens when memory runs out"):
        call_in_processes(os._exit, [(1,)], workers=1, done=lambda: None)
