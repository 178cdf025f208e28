"""Two real processes of two devices each, beside one process of one device."""

import json
import os
import shutil
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from data.batches import draw, pools
from data.samples import load_samples
from experiments.training import loop
from experiments.training.metrics import read_metrics
from mtcnn_jax.training.recipe import Recipe
from mtcnn_jax.training.step import outputs
from tests import ROOT
from tests.conftest import FLAGS
from tests.drawn import fill_state, save_drawn
from tests.experiments.training.test_loop import STEPS, make

SAVES = {"checkpoint_every": 8}

PROGRAM = """
import json, pathlib, signal, sys, time
import jax, numpy as np
from experiments.cluster import joining
from experiments.training import loop, mesh
from mtcnn_jax.training.losses import hard_example_mask

address, number, samples, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
joining.join(address, 2, number)
from tests.experiments.training.test_mesh import SAVES, make  # Which looks for devices.

layout, count = mesh.Layout(), 40
losses = np.load(f"{folder}/losses.npy")
split = jax.sharding.NamedSharding(layout.mesh, jax.P("data"))
losses = jax.make_array_from_callback(losses.shape, split, lambda index: losses[index])
mask = jax.jit(hard_example_mask, static_argnums=2, out_shardings=layout.everywhere(0).sharding)
np.save(f"{folder}/mask{number}.npy", mask(losses, losses > 0, 0.7))

read, gather = [], mesh.gather
mesh.gather = lambda samples, rows: read.append(rows.tolist()) or gather(samples, rows)
for name in ("two", "from_one"):
    loop.fit(make(samples, f"{folder}/{name}", **SAVES))
told = {"devices": [jax.device_count(), jax.local_device_count()], "read": read}

done, (step, _) = [], loop.steps_over(layout.mesh)
def slow_step(*given):
    done.append(time.sleep(0.2))
    if number == 1 and len(done) == 2:
        signal.raise_signal(signal.SIGINT)
    return step(*given)
loop.steps_over = lambda mesh: (slow_step, None)
try:
    loop.fit(make(samples, f"{folder}/interrupted", **SAVES))
except KeyboardInterrupt:
    told["interrupted"] = len(done)
pathlib.Path(f"{folder}/told{number}.json").write_text(json.dumps(told))
sys.exit(joining.leave(0))
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def two_processes(*command, **variables):
    """The exit codes of two processes, and what they told on standard error; `{}` is a number."""
    variables = {"XLA_FLAGS": FLAGS, "JAX_NUM_CPU_DEVICES": "2", **variables}
    processes = [
        subprocess.Popen(
            [sys.executable, *(str(part).replace("{}", str(number)) for part in command)],
            cwd=ROOT,
            env={
                **os.environ,
                **{name: text.replace("{}", str(number)) for name, text in variables.items()},
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    try:
        errors = [process.communicate(timeout=240)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], errors


def stopped_at_16(folder, copy):
    """A copy of a finished run as it was at its checkpoint before the last."""
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "checkpoints" / f"{STEPS:08d}")
    (copy / "pnet.npz").unlink()


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return save_drawn(tmp_path_factory.mktemp("samples"), "pnet")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, samples):
    """A folder with the runs "one" (process), "two", "from_one" gone on with by two."""
    folder = tmp_path_factory.mktemp("runs")
    # Each device's losses are below those of the next.
    losses = np.random.default_rng(0).uniform(0.1, 0.9, 40) + np.repeat(np.arange(4), 10)
    losses[::7] = -1  # Not valid.
    np.save(folder / "losses.npy", losses.astype(np.float32))
    loop.fit(make(samples, folder / "one", **SAVES))
    stopped_at_16(folder / "one" / "pnet", folder / "from_one" / "pnet")
    codes, errors = two_processes("-c", PROGRAM, f"127.0.0.1:{free_port()}", "{}", samples, folder)
    assert codes == [0, 0], errors
    return folder


def rows(runs, name, split="train"):
    found = read_metrics(runs / name / "pnet" / "metrics.jsonl")
    return [row for row in found if row["split"] == split]


def weights(runs, name):
    with np.load(runs / name / "pnet" / "pnet.npz") as file:
        return dict(file)


def told(runs):
    return [json.loads((runs / f"told{number}.json").read_text()) for number in range(2)]


def assert_alike(one, two):
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_two_processes_have_the_losses_of_one(runs):
    assert [one["devices"] for one in told(runs)] == [[4, 2], [4, 2]]
    one, two = rows(runs, "one"), rows(runs, "two")
    assert [row["step"] for row in two] == list(range(1, STEPS + 1))
    for name in ("loss", "classification", "box", "landmarks"):
        np.testing.assert_allclose(
            [row[name] for row in two], [row[name] for row in one], rtol=1e-5, err_msg=name
        )


def test_two_processes_validate_as_one(runs):
    one, two = rows(runs, "one", "validation"), rows(runs, "two", "validation")
    assert [row["step"] for row in two] == [8, 16, 24]
    for name in one[0].keys() - {"split"}:
        values = ([row[name] for row in rows] for rows in (two, one))
        np.testing.assert_allclose(*values, rtol=1e-5, err_msg=name)


def test_each_process_reads_the_samples_of_its_devices_and_no_others(runs, samples):
    config = make(samples, "none")
    all_pools = pools(load_samples(samples / "pnet" / "train").kinds)
    batches = [draw(all_pools, config.counts, seed=config.seed, step=n) for n in range(STEPS)]
    for number, one in enumerate(told(runs)):
        halves = [batch[14 * number :][:14] for batch in batches]
        quarters = [half[start : start + 7].tolist() for half in halves for start in (0, 7)]
        assert one["read"][: 2 * STEPS] == quarters


def test_the_hardest_are_those_of_the_global_batch(runs):
    losses = np.load(runs / "losses.npy")
    valid = losses > 0
    keep = int(np.ceil(0.7 * valid.sum() - 1e-3))
    expected = np.zeros(40, bool)
    expected[np.argsort(-losses, kind="stable")[:keep]] = True
    for number in range(2):
        np.testing.assert_array_equal(np.load(runs / f"mask{number}.npy"), expected)
    # Of each device's own the hardest 70% would be others: the first device has none of these.
    assert not expected[:10].any() and valid[:10].any()


def test_what_one_process_saved_two_go_on_with(runs):
    assert [row["step"] for row in rows(runs, "from_one")] == list(range(1, STEPS + 1))
    assert rows(runs, "from_one")[:16] == rows(runs, "one")[:16]
    assert_alike(weights(runs, "one"), weights(runs, "from_one"))


def test_what_two_processes_saved_one_goes_on_with(runs, samples):
    saved = runs / "two" / "pnet" / "checkpoints" / "00000016" / "state"
    assert {"ocdbt.process_0", "ocdbt.process_1"} <= {path.name for path in saved.iterdir()}
    stopped_at_16(runs / "two" / "pnet", runs / "from_two" / "pnet")
    run = loop.Run(make(samples, runs / "from_two", **SAVES))
    assert int(run.state.step) == 16
    run.fit()
    assert_alike(weights(runs, "two"), weights(runs, "from_two"))


def test_ctrl_c_in_one_process_stops_both_at_the_same_step(runs):
    first, second = (one["interrupted"] for one in told(runs))
    assert 2 <= first == second < STEPS
    assert not (runs / "interrupted" / "pnet" / "pnet.npz").exists()


def test_processes_that_slurm_starts_with_other_settings_are_all_refused(tmp_path, samples):
    flags = ["--stage=pnet", f"--samples={samples}", f"--workdir={tmp_path}", "--seed={}"]
    flags += ["--steps=8", "--batch_size=28", "--log_every=8", "--scan_steps=1"]
    flags += ["--evaluate_every=0", "--checkpoint_every=8"]
    slurm = {"JOB_ID": "7", "STEP_NODELIST": "127.0.0.1", "NTASKS": "2", "PROCID": "{}"}
    variables = {f"SLURM_{name}": value for name, value in {**slurm, "LOCALID": "{}"}.items()}
    variables["JAX_COORDINATOR_PORT"] = str(free_port())
    codes, errors = two_processes("-m", "experiments.train", *flags, **variables)
    assert codes == [2, 2], errors
    for text in errors:
        assert "error: process 1 trains pnet with other settings than process 0 (seed 1" in text
        assert "Traceback" not in text and "Check failure" not in text
    assert not (tmp_path / "pnet" / "config.json").exists()


def test_a_step_on_a_mesh_is_that_on_one_device():
    """With dropout and the parts that R-Net takes on a CPU; the mesh is of one device."""
    recipe = Recipe("rnet", 1000, dropout=0.5)
    params = fill_state(recipe).params
    pixels = np.random.default_rng(0).uniform(0, 255, (32, 24, 24, 3)).astype(np.float32)
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    run = jax.jit(outputs, static_argnames=("recipe", "mesh"))
    one = run(recipe, params, pixels, key=jax.random.key(0))
    two = run(recipe, params, pixels, key=jax.random.key(0), mesh=mesh)
    for before, after in zip(one, two, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)
