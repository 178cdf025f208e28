"""Imports run one way: experiments -> data -> mtcnn_jax; and the library imports little."""

import ast
import json
import os
import subprocess
import sys

import pytest

from tests import ROOT

LAYERS = {
    "mtcnn_jax": {"mtcnn_jax"},
    "data": {"data", "mtcnn_jax"},
    "experiments": {"experiments", "data", "mtcnn_jax"},
}
LIBRARY_NEEDS = {"PIL", "flax", "jax", "numpy"}
TRAINING_NEEDS = {"optax"}


def imports(path):
    """The top-level names of all that a file imports, at its top or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute, so that the layers can be seen"
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_itself_and_those_below(layer):
    files = sorted(ROOT.joinpath(layer).rglob("*.py"))
    assert files
    for path in files:
        ours = imports(path) & {*LAYERS, "tests"}
        assert ours <= LAYERS[layer], f"{path} imports {ours - LAYERS[layer]}"


def test_the_library_names_no_other_packages():
    for path in ROOT.joinpath("mtcnn_jax").rglob("*.py"):
        allowed = {"mtcnn_jax", *LIBRARY_NEEDS, *TRAINING_NEEDS, *sys.stdlib_module_names}
        assert imports(path) <= allowed, f"{path} imports {imports(path) - allowed}"


def test_importing_the_library_loads_what_the_plain_install_has():
    program = """
import json, sys
import flax.linen, jax, jax.numpy, numpy, PIL.Image, PIL.ImageDraw, PIL.ImageFont, PIL.ImageOps
before = set(sys.modules)
import mtcnn_jax
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    added = {name.split(".")[0] for name in json.loads(result.stdout)}
    assert "mtcnn_jax" in added
    assert added <= {"mtcnn_jax", "jaxlib", *LIBRARY_NEEDS, *sys.stdlib_module_names}


def test_importing_the_library_does_no_work():
    """Not even the look for devices: with a backend that does not exist any use of jax fails."""
    program = "import mtcnn_jax, sys; print('flax' in sys.modules); mtcnn_jax.PNet"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "none_such"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout == "False\n"
