"""What an install of the package alone holds: the command works without the project's folder."""

import os
import shutil
import subprocess
import sys

import pytest

import mtcnn_jax as mj
from tests import ROOT

PROGRAM = """
import sys
import mtcnn_jax as mj
from mtcnn_jax.__main__ import main

print(mj.__file__, len(mj.load_params()), flush=True)
sys.argv = ["mtcnn-jax", "--version"]
main()
"""


def run(*arguments, **options):
    result = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True, **options
    )
    return result.stdout


def test_an_install_has_the_command_and_the_weights(tmp_path):
    pytest.importorskip("setuptools", reason="builds the package as pip does")
    source, built = tmp_path / "source", tmp_path / "build/lib"
    shutil.copytree(ROOT / "mtcnn_jax", source / "mtcnn_jax")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    setup = "from setuptools import setup; setup()"
    run("-c", setup, "-q", "build", f"--build-base={built.parent}", cwd=source)
    assert [path.name for path in built.iterdir()] == ["mtcnn_jax"]
    packaged = {path.relative_to(built) for path in built.rglob("*") if path.suffix != ".pyc"}
    needed = [*(ROOT / "mtcnn_jax").rglob("*.py"), *(ROOT / "mtcnn_jax").rglob("*.npz")]
    assert {path.relative_to(ROOT) for path in needed} <= packaged
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    installed = {"cwd": elsewhere, "env": {**os.environ, "PYTHONPATH": str(built)}}
    told = run("-c", PROGRAM, **installed).splitlines()
    assert told == [f"{built}/mtcnn_jax/__init__.py 3", f"mtcnn-jax {mj.__version__}"]
