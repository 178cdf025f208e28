"""What is exported, read back by the guide's program in a process that knows nothing of this."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from experiments.files import cascade
from tests import ROOT

pytest.importorskip("flatbuffers")

GUIDE = ROOT / "docs/guides/export.md"
KEPT = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=1"}


def run_alone(program, folder):
    """What a program of the guide prints, run in a folder by a process without this project."""
    program += "\nimport sys\nassert 'mtcnn_jax' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=folder,
        env={**KEPT, "JAX_COMPILATION_CACHE_DIR": os.environ["JAX_COMPILATION_CACHE_DIR"]},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return ast.literal_eval(done.stdout)


def programs():
    """The guide's: for StableHLO and for ONNX."""
    return re.findall(r"```py\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def write(folder, params, config, size, **options):
    exported = cascade.export_cascade(params, config, size, **options)
    folder.mkdir(exist_ok=True)
    told = cascade.description(exported, config, "bundled")
    (folder / told["file"]).write_bytes(cascade.program(exported))
    (folder / "cascade.json").write_text(json.dumps(told))
    return told


def test_a_program_is_read_back_alone_and_finds_the_face(tmp_path):
    params = mj.load_params()
    config = mj.DetectConfig(min_face_size=24, capacities=(256, 64, 16))
    told = write(tmp_path, params, config, (96, 128))
    assert told["platforms"] == ["cpu", "cuda"]
    shutil.copy(ROOT / "docs/astronaut.jpg", tmp_path / "photo.jpg")
    found = run_alone(programs()[0], tmp_path)
    with Image.open(tmp_path / "photo.jpg") as photo:
        image = photo.convert("RGB")
        image.thumbnail((128, 96))
        faces = mj.detect(params, image, config)
    assert len(faces) == len(found["scores"]) == 1
    np.testing.assert_allclose(found["boxes"], faces.boxes, atol=1e-3)
    np.testing.assert_allclose(found["landmarks"], faces.landmarks, atol=1e-3)
    np.testing.assert_allclose(found["scores"], faces.scores, atol=1e-5)


@pytest.mark.slow
def test_two_photos_have_the_faces_that_detect_finds(tmp_path, astronaut, street):
    params, config = mj.load_params(), mj.DetectConfig()
    write(tmp_path, params, config, (512, 640))
    look = jax.jit(mj.detect_padded, compiler_options=mj.compiler_options())
    for photo, count in ((astronaut, 1), (street, 5)):
        Image.fromarray(photo).save(tmp_path / "photo.jpg", "PNG")
        found = run_alone(programs()[0], tmp_path)
        canvas = np.zeros((512, 640, 3), np.uint8)
        canvas[: photo.shape[0], : photo.shape[1]] = photo
        wanted = look(params, canvas, np.array(photo.shape[:2]), config)
        faces = mj.detect(params, photo)
        assert len(faces) == len(found["scores"]) == wanted.valid.sum() >= count
        np.testing.assert_allclose(found["scores"], faces.scores, atol=1e-4)  # Best first.
        for name in ("boxes", "landmarks"):
            own = getattr(wanted, name)[: len(faces)]
            np.testing.assert_allclose(found[name], own, atol=1e-3)
            # `detect` is another program: a window just at a threshold votes in one of them, and
            # faces of scores that differ in the sixth digit may change places.
            one, other = np.array(found[name]), getattr(faces, name)
            rows = [np.argsort(np.array(boxes)[:, 0]) for boxes in (found["boxes"], faces.boxes)]
            np.testing.assert_allclose(one[rows[0]], other[rows[1]], atol=0.2)


def test_the_description_is_what_the_program_gives():
    config = mj.DetectConfig(min_face_size=60, capacities=(64, 32, 8))
    exported = cascade.export_cascade(mj.load_params(), config, (64, 80), platforms=("cpu",))
    told = cascade.description(exported, config, "own.npz")
    look = lambda canvas, size: mj.detect_padded(mj.load_params(), canvas, size, config)  # noqa: E731
    arguments = [jax.ShapeDtypeStruct(one["shape"], one["dtype"]) for one in told["arguments"]]
    assert [one.shape for one in arguments] == [(64, 80, 3), (2,)]
    wanted = jax.eval_shape(look, *arguments)._asdict()
    assert list(told["results"]) == list(wanted)
    for name, one in told["results"].items():
        assert (tuple(one["shape"]), one["dtype"]) == (wanted[name].shape, wanted[name].dtype)
    assert told["settings"]["min_face_size"] == 60 and told["weights"] == "own.npz"
    assert told["platforms"] == ["cpu"] and told["made_with"]["jax"] == jax.__version__


@pytest.mark.parametrize(
    ("size", "platforms", "told"),
    [
        ((0, 64), ("cpu",), "the canvas is 0 x 64; accepted: sides of 1 pixel or more"),
        ((2**17, 64), ("cpu",), "the canvas has 64 x 131072 pixels"),
        ((64, 64), ("mps",), "platforms are mps; accepted: one or more of cpu, cuda"),
        ((64, 64), (), "platforms are none"),
    ],
)
def test_what_cannot_be_exported_is_told(size, platforms, told):
    with pytest.raises(ValueError, match=told):
        cascade.export_cascade({}, mj.DetectConfig(), size, platforms=platforms)


def test_without_flatbuffers_the_extra_is_named():
    class Unwritable:
        def serialize(self):
            raise ImportError("no flatbuffers")

    with pytest.raises(ValueError, match=r"pip install 'mtcnn_jax\[export\]'"):
        cascade.program(Unwritable())
