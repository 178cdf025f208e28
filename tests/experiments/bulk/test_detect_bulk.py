"""The command, as users start it: killed and started again, from a bucket, on a cluster."""

import collections
import io
import os
import secrets
import socket
import subprocess
import sys
import time

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mtcnn_jax as mj
from experiments.bulk import cluster
from experiments.bulk.attempts import FOLDER
from mtcnn_jax.runtime import programs
from tests import ROOT
from tests.conftest import FLAGS
from tests.experiments.bulk.jobs import rows

KILLER = b"kills whoever decodes it"

PATIENCE = 120

# Read by each Python process that has its folder on the path: there, each picture takes a while,
# and one kills.
SITE = f"""
import os, signal, time
import PIL.Image as image
opened = image.open
def open(source, *arguments):
    if hasattr(source, "getvalue"):
        time.sleep(0.02)
        if source.getvalue() == {KILLER!r}:
            os.kill(os.getpid(), signal.SIGKILL)
    return opened(source, *arguments)
image.open = open
"""


def started(*flags, **environment):
    paths = [str(ROOT), environment.pop("site", "")]
    environment = {
        **os.environ,
        "XLA_FLAGS": FLAGS,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        **environment,
    }
    command = [sys.executable, "-m", "experiments.detect_bulk", *flags]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


def wait_for(found, process):
    end = time.monotonic() + PATIENCE
    while not found():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


def free_port():
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


def parts(output):
    return sorted(output.glob("part-*.parquet"))


def kill(process):
    """Kills a process, as the system does, and waits for its workers to end; agents take longer."""
    others = psutil.Process(process.pid).children(recursive=True)
    workers = [one for one in others if "Detector" in " ".join(one.cmdline())]
    process.kill()
    process.communicate()
    assert not psutil.wait_procs(workers, timeout=PATIENCE)[1]


@pytest.fixture(autouse=True, scope="module")
def _compiled_as_by_the_command():
    """Without optimizations votes 20 pixels apart are rounded otherwise, by 0.0053 on one CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtcnn_jax.runtime.compiled._QUICKLY", {"xla_backend_optimization_level": 1})
        programs.drop()
        yield
    programs.drop()


@pytest.fixture(scope="module")
def parts_of_a_portrait(tmp_path_factory):
    """A folder of 40 small pictures, some with a face; and each by its name."""
    folder = tmp_path_factory.mktemp("photos")
    portrait = Image.open(ROOT / "docs/astronaut.jpg").convert("RGB")
    for number in range(40):
        left, size = 140 + 4 * number, 90 + number
        part = portrait.crop((left, 40, left + size, 40 + size))
        (folder / f"{number % 3}").mkdir(exist_ok=True)
        part.save(folder / f"{number % 3}/{number}.png")
    return folder


def check(found, folder, *, errors=()):
    """Row by row against one picture after the other."""
    counts = collections.Counter(row["file"] for row in found)
    names = {path.relative_to(folder).as_posix() for path in folder.glob("*/*.png")}
    assert counts == collections.Counter(names | set(errors))
    params, faces = mj.load_params(), 0
    for row in found:
        if row["file"] in errors:
            assert row["error"].startswith(f"'{row['file']}' {errors[row['file']]}")
            continue
        wanted = mj.detect(params, folder / row["file"])
        assert row["error"] is None and len(row["scores"]) == len(wanted)
        for key in ("boxes", "scores", "landmarks"):
            array = getattr(wanted, key)
            given = np.array(row[key], np.float32).reshape(array.shape)
            np.testing.assert_allclose(given, array, atol=5e-3)
        faces += len(wanted)
    assert faces > 5


@pytest.mark.slow
def test_whatever_is_killed_no_picture_is_lost_or_done_twice(parts_of_a_portrait, tmp_path):
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.symlink_to(parts_of_a_portrait)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SITE)
    killer = parts_of_a_portrait / "1/killer.jpg"
    killer.write_bytes(KILLER)
    flags = [f"--input={folder}", f"--output={output}", "--partition_size=3", "--workers=2"]
    try:
        first = started(*flags, site=str(tmp_path / "site"))
        wait_for(lambda: len(parts(output)) > 2, first)
        kill(first)
        whole = {path: path.stat().st_mtime_ns for path in parts(output)}
        assert 2 < len(whole) < 14
        second = started(*flags, site=str(tmp_path / "site"))
        told, complaints = second.communicate(timeout=PATIENCE)
    finally:
        killer.unlink()
    assert second.returncode == 0, complaints
    assert f"errors: 1, partitions left: 0, partitions done before: {len(whole)}" in told or (
        "errors: 0, partitions left: 0" in told  # It came in the first run.
    )
    assert {path: path.stat().st_mtime_ns for path in whole} == whole
    check(rows(output), parts_of_a_portrait, errors={"1/killer.jpg": "killed its decoder"})
    assert not list((output / FOLDER).iterdir())


def test_a_bucket_is_read_and_another_written(parts_of_a_portrait, tmp_path, monkeypatch):
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        environment = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        import boto3

        client = boto3.client("s3")
        for bucket in ("photos", "faces"):
            client.create_bucket(Bucket=bucket)
        for path in parts_of_a_portrait.glob("*/*.png"):
            name = path.relative_to(parts_of_a_portrait).as_posix()
            client.upload_file(str(path), "photos", f"of/{name}")
        done = started(
            "--input=s3://photos/of", "--output=s3://faces/of", "--partition_size=16", **environment
        )
        told, complaints = done.communicate(timeout=PATIENCE)
        assert done.returncode == 0, complaints
        assert told.endswith("partitions left: 0; see s3://faces/of\n")
        listed = client.list_objects_v2(Bucket="faces", Prefix="of/")["Contents"]
        keys = sorted(one["Key"] for one in listed if "/_" not in one["Key"])
        assert keys == [f"of/part-00000{number}.parquet" for number in range(3)]
        found = []
        for key in keys:
            content = client.get_object(Bucket="faces", Key=key)["Body"].read()
            found += pq.read_table(io.BytesIO(content)).to_pylist()
        check(found, parts_of_a_portrait)
        client.close()
        missing = started("--input=s3://none/of", "--output=s3://faces/2", **environment)
        closed = started("--input=s3://photos/of", "--output=s3://none/of", **environment)
        assert [one.wait(PATIENCE) for one in (missing, closed)] == [2, 2]
        start, bucket = "error: 's3://none/of", "The specified bucket does not exist\n"
        for process, failed in ((missing, "read"), (closed, "written")):
            error = process.communicate()[1]
            assert error.startswith(start) and error.endswith(f"cannot be {failed}: {bucket}")
    finally:
        server.stop()


@pytest.mark.slow
def test_a_cluster_goes_on_when_a_node_is_lost(parts_of_a_portrait, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SITE)
    output, port = tmp_path / "out", free_port()
    # The nodes have this code from the command and from nowhere else.
    key = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment = {**os.environ, **cluster.QUIET, **key, "XLA_FLAGS": FLAGS}
    environment["PYTHONPATH"] = str(tmp_path / "site")
    common = ["--num-cpus=1", "--object-store-memory=80000000"]
    # Ray has a shell start a node's workers, and does not quote where Python is.
    (tmp_path / "python").symlink_to(sys.prefix)
    python = tmp_path / "python" / os.path.relpath(sys.executable, sys.prefix)
    program = [str(python), "-m", "ray.scripts.scripts", "start", "--block", *common]
    head = [*program, "--head", f"--port={port}", "--include-dashboard=false"]
    other = [*program, f"--address=127.0.0.1:{port}"]
    nodes = []
    try:
        for command in (head, other):
            log = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            nodes.append(subprocess.Popen(command, env=environment, cwd=tmp_path, **log))
            for line in nodes[-1].stdout:
                if "Ray runtime started" in line:
                    break
        flags = [f"--input={parts_of_a_portrait}", f"--output={output}", "--partition_size=2"]
        process = started(*flags, f"--ray_address=127.0.0.1:{port}", **key)
        wait_for(lambda: len(parts(output)) > 3, process)
        for child in psutil.Process(nodes[1].pid).children(recursive=True):
            child.kill()
        told, complaints = process.communicate(timeout=PATIENCE)
    finally:
        for node in nodes:
            for child in psutil.Process(node.pid).children(recursive=True):
                child.kill()
            node.kill()
            node.communicate()
    assert process.returncode == 0, complaints
    assert "pictures: 40 " in told
    check(rows(output), parts_of_a_portrait)
