"""A fork of a process that uses JAX: told within seconds, rather than waiting for ever."""

import os
import subprocess
import sys

import pytest

import mtcnn_jax as mj
from mtcnn_jax.networks import forks
from tests import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

PROGRAM = """
import os, sys, traceback
import numpy as np
import mtcnn_jax as mj

picture = np.zeros((40, 40, 3), np.uint8)
params = eval(sys.argv[1])
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
try:
    eval(sys.argv[2])
except RuntimeError:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(3)
os._exit(0)
"""
WEIGHTS = repr(str(ROOT / "mtcnn_jax/weights/mtcnn.npz"))
LOAD = f"mj.load_params({WEIGHTS})"


def forked(before, after):
    """Exit status and errors of a child that evaluates `after` where its parent did `before`."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, before, after],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(
    not ROOT.joinpath("mtcnn_jax/weights/mtcnn.npz").is_file(),
    reason="this copy has no weights of its own",
)
@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (LOAD, "mj.detect(params, picture)", True),
        (LOAD, "mj.detect_batch(params, [picture])", True),
        (LOAD, LOAD, True),
        ("mj.compiler_options()", LOAD, True),
        ("__import__('jax').numpy.zeros(3)", LOAD, True),
        ("mj.read_image(picture)", LOAD, False),
        ("mj.DetectConfig()", "np.asarray(mj.load_params()['pnet']['conv1']['bias']).sum()", False),
    ],
)
def test_a_fork_is_told(before, after, told):
    status, errors = forked(before, after)
    words = "was forked after its parent had used JAX (load_params and detect do), and would wait"
    assert (status, words in errors) == ((3, True) if told else (0, False)), errors


def test_every_way_in_is_guarded(monkeypatch):
    monkeypatch.setattr(forks, "_user", os.getpid() + 1)
    mj.runtime.compiled.compiler_options.cache_clear()
    for way in (
        mj.load_params,
        mj.compiler_options,
        lambda: mj.detect(None, None),
        lambda: mj.detect_batch(None, []),
        lambda: mj.detect_stages(None, []),
        lambda: mj.detect_padded(None, None, None, None),
        lambda: mj.warmup(None, []),
    ):
        with pytest.raises(RuntimeError, match='accepted: multiprocessing.get_context."spawn".'):
            way()
