"""Fixtures that several test files share, and how much effort the suite's compiler makes."""

import os
import pathlib
import signal

import jax
import numpy as np
import pytest
from PIL import Image

from mtcnn_jax import load_params
from mtcnn_jax.runtime import spare_mappings
from tests import ROOT

# Compiling is most of what the suite does, and takes little more than half as long where nothing is
# optimized. Processes that tests start compile as users' do.
LEVEL = 0
FLAGS = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level={LEVEL}"
with pytest.MonkeyPatch.context() as _patch:
    _patch.setenv("XLA_FLAGS", FLAGS)
    jax.devices()

# A shell that starts the suite in the background has it, and all that it starts, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _compilations_are_kept(request):
    """Between tests, and between runs of the suite: compiling is most of what it does."""
    place = request.config.cache.mkdir("compilations")
    place.chmod(0o700)  # The commands use no folder that others can write to.
    folder = str(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", folder)  # Of the processes that tests start.
        jax.config.update("jax_compilation_cache_dir", folder)
        level = {"xla_backend_optimization_level": LEVEL}
        patch.setattr("mtcnn_jax.runtime.compiled._QUICKLY", level)
        # Some tests put a stub in the cascade's place, which would be kept as well.
        patch.setattr("mtcnn_jax.runtime.executables.folder", lambda: None)
        yield


@pytest.fixture(autouse=True, scope="module")
def _room_for_compiled_functions():
    """All that the suite compiles is more than a process can hold."""
    yield
    spare_mappings()


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The folder with reference data and known answers that lies beside the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the reference data in ../shared, which is not here")
    return folder


@pytest.fixture(scope="session")
def params(shared):
    """The weights of the method's authors."""
    return load_params(shared / "reference/cascade/weights.npz")


@pytest.fixture(scope="session")
def street(shared) -> np.ndarray:
    """uint8 [480, 640, 3], a street scene with five faces."""
    with Image.open(shared / "reference/photos/vga_street.png") as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="session")
def astronaut(shared) -> np.ndarray:
    """uint8 [512, 512, 3], a portrait."""
    with Image.open(shared / "reference/photos/astronaut.png") as image:
        return np.asarray(image.convert("RGB"))
