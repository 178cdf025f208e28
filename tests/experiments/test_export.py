"""The command that exports: its flags, checked before anything is written."""

import json
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import export
from mtcnn_jax.cascade.size_prior import COUNTED, raised
from mtcnn_jax.networks.forward import forward
from tests import ROOT
from tests.experiments.files.test_cascade import programs, run_alone


def values_of(folder, **changed):
    """The flags of the command, as attributes."""
    own = {"format": "stablehlo", "output": str(folder), "weights": None}
    return types.SimpleNamespace(**{**dict.fromkeys(export.DEFAULTS), **own, **changed})


def run(folder, monkeypatch, **changed):
    monkeypatch.setattr(export.flags, "FLAGS", values_of(folder, **changed))
    monkeypatch.setattr(export, "run_command", lambda argv, work, quiet: work())
    return export.main(["export"])


def test_settings_are_detections_own_unless_flags_say_otherwise(tmp_path):
    assert export.read_settings(values_of(tmp_path)) == export.DEFAULTS
    changed = {"height": "64", "thresholds": "0.5,0.6,0.9", "platforms": "cuda"}
    changed |= {"capacities": "9,8,7", "min_face_size": "33.5", "voting": "1", "second_look": False}
    changed |= {"size_prior": "0"}
    found = export.read_settings(values_of(tmp_path, **changed))
    assert found == {
        **export.DEFAULTS,
        "height": 64,
        "thresholds": (0.5, 0.6, 0.9),
        "platforms": ("cuda",),
        "capacities": (9, 8, 7),
        "min_face_size": 33.5,
        "voting": 1.0,
        "second_look": False,
        "size_prior": 0.0,
    }
    config = export.mj.DetectConfig()
    for name in set(export.DEFAULTS) - {"height", "width", "platforms"}:
        assert export.DEFAULTS[name] == getattr(config, name)


def test_graphs_are_written_and_run_alone(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path / "new" / "exported"
    run(folder, monkeypatch, format="onnx")
    assert sorted(path.name for path in folder.iterdir()) == ["onet.onnx", "pnet.onnx", "rnet.onnx"]
    (folder / "photo.jpg").write_bytes((ROOT / "docs/astronaut.jpg").read_bytes())
    found = run_alone(programs()[1], folder)
    image = Image.open(folder / "photo.jpg").resize((48, 48), box=(163, 58, 283, 178))
    pixels = (np.asarray(image, np.float32)[None] - 127.5) / 128
    params = export.mj.load_params()["onet"]
    logits = forward("onet", params, jnp.asarray(pixels), backend="reference")[0]
    assert found["score"] == pytest.approx(float(jax.nn.softmax(logits)[0, 1]), abs=1e-4)
    # The graph is the network alone: the cascade counts in the window's size.
    logits = raised(logits, jnp.array([[163, 58, 283, 178]]), COUNTED["onet"] * 0.25)
    assert jax.nn.softmax(logits)[0, 1] > 0.98
    # Eyes, nose and corners of the mouth, as facenet-pytorch finds them.
    known = [[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.3], [245.3, 141.9]]
    np.testing.assert_allclose(found["points"], known, atol=5)


def test_a_program_is_written(tmp_path, monkeypatch, capsys):
    pytest.importorskip("flatbuffers")
    run(tmp_path, monkeypatch, height="48", width="64", capacities="64,32,8", platforms="cpu")
    told = json.loads((tmp_path / "cascade.json").read_text())
    assert told["arguments"][0]["shape"] == [48, 64, 3] and told["weights"] == "bundled"
    assert told["settings"]["capacities"] == [64, 32, 8]
    size = (tmp_path / told["file"]).stat().st_size
    assert f"cascade.jax: {size:,} bytes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"format": "onnx", "height": "9"}, "--height is of --format=stablehlo; accepted with"),
        ({"height": "tall"}, "--height=tall; accepted: whole numbers such as 480"),
        ({"thresholds": "0.6,x"}, "--thresholds=0.6,x; accepted: numbers such as 0.6,0.7,0.7"),
        ({"thresholds": "0.6"}, r"thresholds is \(0.6,\); accepted are 3 scores"),
        ({"capacities": "0,1,2"}, "capacities is"),
        ({"width": "-1"}, "the canvas is 480 x -1; accepted: sides of 1 pixel or more"),
        ({"platforms": "tpu"}, "platforms are tpu; accepted"),
        ({"weights": "none.npz"}, "none.npz"),
    ],
)
def test_wrong_flags_end_it_with_a_word_and_nothing_written(tmp_path, monkeypatch, changed, match):
    with pytest.raises((ValueError, OSError), match=match):
        run(tmp_path / "exported", monkeypatch, **changed)
    assert not (tmp_path / "exported").exists()


def test_a_file_in_the_folders_place_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is no folder; accepted: one, or a new name"):
        run(tmp_path / "file", monkeypatch, format="onnx")


def test_without_onnx_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "experiments.files.networks", None)
    with pytest.raises(ValueError, match=r"pip install 'mtcnn_jax\[export\]'"):
        run(tmp_path / "exported", monkeypatch, format="onnx")
    assert not (tmp_path / "exported").exists()
