"""What a fresh process takes: to import, to detect for the first time, and in memory."""

import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

PROGRAM = """
import json, resource, sys, time
start = time.perf_counter()
import mtcnn_jax as mj
imported = time.perf_counter()
import jax, numpy as np
weights, picture, cache, least = sys.argv[1:]
jax.config.update("jax_compilation_cache_dir", cache)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
params = mj.load_params(*filter(None, [weights]))
image, config = np.load(picture), mj.DetectConfig(min_face_size=float(least))
before = time.perf_counter()
mj.detect(params, image, config)
first = time.perf_counter()
mj.detect(params, image, config)
second = time.perf_counter()
try:  # getrusage would count what the parent held when it forked.
    with open("/proc/self/status") as status:
        memory = 1024 * int(status.read().split("VmHWM:")[1].split()[0])
except OSError:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([imported - start, first - before, second - first, memory]))
"""


class Startup(NamedTuple):
    """One process.

    Attributes:
        imported: seconds to import the library.
        first: seconds of the first detection.
        second: seconds of the second.
        memory: bytes, at its peak.
    """

    imported: float
    first: float
    second: float
    memory: int


def start_process(weights: str, image: np.ndarray, min_face_size: float, cache: str) -> Startup:
    """Detects twice in a process of its own, with JAX's compilation cache in the folder `cache`.

    Raises:
        RuntimeError: if the process fails; with the last line that it wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        picture = pathlib.Path(folder) / "picture.npy"
        np.save(picture, image)
        arguments: Sequence[str] = (weights, str(picture), cache, str(min_face_size))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no word"]
        raise RuntimeError(f"the process to time ended with {lines[-1]}")
    return Startup(*json.loads(done.stdout.splitlines()[-1]))


def startups(
    weights: str, image: np.ndarray, min_face_size: float, *, repeats: int
) -> dict[str, list[Startup]]:
    """Processes with an empty cache, and after each one that finds it filled."""
    found: dict[str, list[Startup]] = {"cold": [], "warm": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            for kind in found.values():
                kind.append(start_process(weights, image, min_face_size, cache))
    return found
