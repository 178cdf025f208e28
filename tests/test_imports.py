"""Imports run one way, as a picture in `docs/design` draws them; and the library imports little."""

import ast
import collections
import graphlib
import json
import os
import re
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
COMMAND_NEEDS = {"tqdm"}
"""Of the command `mtcnn-jax`: a bar of how far it is. The plain install has it."""
ONLY_WHEN_CALLED = {
    "av": "reading.py",
    "pandas": "faces.py",
    "supervision": "faces.py",
    "torch": "crops.py",
}
"""Packages that no install of the library brings, and the one file that takes each where it is."""

PICTURE = ROOT / "docs/design/0006-imports-run-one-way.md"


def python_files():
    """The dotted name of each of the project's modules, and its file."""
    files = {}
    for layer in LAYERS:
        for path in sorted(ROOT.joinpath(layer).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


FILES = python_files()
FOLDERS = sorted(name for name, path in FILES.items() if path.name == "__init__.py")


def imported(path):
    """The dotted names that a file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute, so that the layers can be seen"
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield module if module in FILES else node.module


def packages(path):
    """The top-level names of all that a file imports."""
    return {name.split(".")[0] for name in imported(path)}


def circles(arrows):
    """The first circle of a graph, {} if there is none."""
    try:
        graphlib.TopologicalSorter(arrows).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return {}


def room(module):
    """The room that a module is in: its folder, or the commands."""
    path = FILES[module]
    is_folder = path.name == "__init__.py"
    programs = {"data.prepare", "mtcnn_jax.__main__"}
    if not is_folder and (module in programs or path.parent.name == "experiments"):
        return "commands"
    # The files beside the library's facade lie above, below and between its rooms.
    alone = is_folder or module.rpartition(".")[0] == "mtcnn_jax"
    return module if alone else module.rpartition(".")[0]


def imports_between_rooms():
    arrows = collections.defaultdict(set)
    for module, path in FILES.items():
        ours = {room(name) for name in imported(path) if name in FILES}
        arrows[room(module)] |= ours - {room(module)}
    return dict(arrows)


def drawn():
    """The picture's arrows: room -> rooms."""
    arrows = collections.defaultdict(set)
    for start, end in re.findall(r"^ *(\S+) --> (\S+)$", PICTURE.read_text(), re.MULTILINE):
        arrows[start].add(end)
    return dict(arrows)


def below(start, arrows):
    """All rooms that arrows lead to from `start`."""
    found, left = set(), [start]
    while left:
        new = arrows.get(left.pop(), set()) - found
        found |= new
        left += new
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_itself_and_those_below(layer):
    files = sorted(ROOT.joinpath(layer).rglob("*.py"))
    assert files
    for path in files:
        ours = packages(path) & {*LAYERS, "tests"}
        assert ours <= LAYERS[layer], f"{path} imports {ours - LAYERS[layer]}"


def test_no_import_runs_in_a_circle():
    modules = {name: {*imported(path)} & {*FILES} - {name} for name, path in FILES.items()}
    assert not circles(modules)
    assert not circles(imports_between_rooms())


def test_rooms_import_along_the_arrows_of_the_picture_and_no_arrow_is_idle():
    arrows, imports = drawn(), imports_between_rooms()
    assert not circles(arrows)
    rooms = {start for start, ends in imports.items() if ends}.union(*imports.values())
    assert {*arrows}.union(*arrows.values()) == rooms
    for start, ends in imports.items():
        assert ends <= below(start, arrows), f"{start} imports {ends - below(start, arrows)}"
    for start, ends in arrows.items():
        assert ends <= imports[start], f"{start} does not import {ends - imports[start]}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_small_and_says_what_is_in_it(folder):
    path = FILES[folder]
    files = {p.stem for p in path.parent.glob("*.py")} - {"__init__"}
    folders = {p.parent.name for p in path.parent.glob("*/__init__.py")}
    assert len(files) <= 13 and len(folders) <= 13
    told = ast.get_docstring(ast.parse(path.read_text()))
    assert not {name for name in files | folders if not re.search(rf"\b{name}\b", told)}


def test_no_folder_is_named_like_a_command():
    commands = {module.rpartition(".")[2] for module in FILES if room(module) == "commands"}
    assert {"detect", "train", "prepare"} <= commands
    assert not commands & {folder.rpartition(".")[2] for folder in FOLDERS}


def test_the_library_names_no_other_packages():
    for path in ROOT.joinpath("mtcnn_jax").rglob("*.py"):
        allowed = {"mtcnn_jax", *LIBRARY_NEEDS, *TRAINING_NEEDS, *sys.stdlib_module_names}
        if path.parent.name == "commandline":
            allowed |= COMMAND_NEEDS
        allowed |= {name for name, file in ONLY_WHEN_CALLED.items() if file == path.name}
        assert packages(path) <= allowed, f"{path} imports {packages(path) - allowed}"


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
