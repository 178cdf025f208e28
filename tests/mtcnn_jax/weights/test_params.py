import io
import re

import jax
import numpy as np
import pytest

from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.networks.reference import NETWORKS
from mtcnn_jax.weights import formats
from mtcnn_jax.weights.params import check_params, load_params, nest, save_params

PEERS = ("facenet_pytorch.npz", "ipazc.npz")


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    """Weights in the project's own layout, the value of each tensor its own."""
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=formats.OWN.shape(name)).astype(np.float32)
        for name in formats.OWN.names
    }


def write(path, tensors):
    np.savez(path, **tensors)
    return path


def assert_equal(params, tensors):
    leaves = {
        "/".join(key.key for key in path): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }
    assert leaves.keys() == tensors.keys()
    for name, leaf in leaves.items():
        assert leaf.dtype == np.float32, name
        np.testing.assert_array_equal(leaf, tensors[name], err_msg=name)


def assert_raises(error, load, *wanted):
    """The call raises `error` and its text has every piece wanted."""
    with pytest.raises(error) as caught:
        load()
    for piece in wanted:
        assert piece in str(caught.value)


def test_shapes_are_those_of_the_modules():
    for stage, network in NETWORKS.items():
        pixels = jax.ShapeDtypeStruct((1, INPUT_SIZE[stage], INPUT_SIZE[stage], 3), np.float32)
        variables = jax.eval_shape(network().init, jax.random.key(0), pixels)
        shapes = {
            "/".join([stage, *(key.key for key in path)]): leaf.shape
            for path, leaf in jax.tree_util.tree_leaves_with_path(variables["params"])
        }
        own = [name for name in formats.OWN.names if name.startswith(stage)]
        assert {name: formats.OWN.shape(name) for name in own} == shapes


def test_save_and_load_give_back_every_tensor(tensors, tmp_path):
    path = tmp_path / "weights"  # No ending is added.
    save_params(path, nest(tensors))
    assert_equal(load_params(path), tensors)
    assert_equal(load_params(str(path)), tensors)
    with open(path, "rb") as file:
        assert_equal(load_params(file), tensors)
    assert [file.name for file in tmp_path.iterdir()] == ["weights"]


def test_saving_again_gives_the_same_bytes_and_plain_permissions(tensors, tmp_path):
    (tmp_path / "plain").touch()
    for name in ("first", "second"):
        reordered = dict(sorted(tensors.items(), reverse=name == "second"))
        save_params(tmp_path / name, jax.tree.map(jax.numpy.asarray, nest(reordered)))
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert (tmp_path / "first").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_one_stage_alone(tensors, tmp_path):
    pnet = {name: array for name, array in tensors.items() if name.startswith("pnet")}
    save_params(tmp_path / "pnet.npz", nest(pnet))
    assert_equal(load_params(tmp_path / "pnet.npz", stages=["pnet"]), pnet)
    assert_equal(load_params(write(tmp_path / "all.npz", tensors), stages=("pnet",)), pnet)
    assert_raises(
        ValueError,
        lambda: load_params(tmp_path / "pnet.npz"),
        "lacks rnet/conv1/kernel [3, 3, 3, 28]",
        "13 of the 50",
    )
    assert_raises(
        ValueError, lambda: load_params(tmp_path / "pnet.npz", stages=["p"]), "('p',)", "'pnet'"
    )


@pytest.mark.parametrize("name", PEERS)
def test_the_ports_layouts_give_the_same_weights(shared, name):
    folder = shared / "reference/cascade"
    with np.load(folder / "weights.npz") as archive:
        wanted = dict(archive)
    assert_equal(load_params(folder / "weights.npz"), wanted)
    assert_equal(load_params(folder / name), wanted)
    rnet = {tensor: array for tensor, array in wanted.items() if tensor.startswith("rnet")}
    assert_equal(load_params(folder / name, stages=["rnet"]), rnet)


def test_first_dense_kernel_is_reordered_from_columns_first():
    """Feature (row, column, channel) has to meet the same weights in either order."""
    kernel = np.random.default_rng(0).normal(size=(576, 128)).astype(np.float32)
    features = np.random.default_rng(1).normal(size=(3, 3, 64)).astype(np.float32)
    wanted = sum(
        features[row, column, channel] * kernel[(column * 3 + row) * 64 + channel]
        for row in range(3)
        for column in range(3)
        for channel in range(64)
    )
    name = "rnet/dense4/kernel"
    for own in (
        formats.MTCNN.convert(name, kernel),
        formats.FACENET_PYTORCH.convert(name, kernel.T),
    ):
        np.testing.assert_allclose(features.reshape(-1) @ own, wanted, atol=1e-4)


@pytest.mark.parametrize("peer", PEERS)
def test_wrong_tensors_of_a_port_are_named_as_the_port_does(shared, tmp_path, peer):
    with np.load(shared / "reference/cascade" / peer) as archive:
        tensors = dict(archive)
    dense = "rnet/dense4/kernel" if peer == PEERS[0] else "rnet/fc4/kernel"
    wanted = "[128, 576]" if peer == PEERS[0] else "[576, 128]"
    turned = tensors | {dense: tensors[dense].T}
    path = write(tmp_path / "turned.npz", turned)
    found = str(list(turned[dense].shape))
    assert_raises(ValueError, lambda: load_params(path), dense, f"shape {found}", wanted)
    del turned[dense]
    path = write(tmp_path / "missing.npz", turned)
    assert_raises(ValueError, lambda: load_params(path), "missing.npz", f"lacks {dense} {wanted}")


def test_wrong_tensors_are_named(tensors, tmp_path):
    name, array = "onet/dense5/kernel", tensors["onet/dense5/kernel"]
    holed = array.copy()
    holed[3, 4] = np.nan
    holed[5, 6] = np.inf
    cases = {
        "turned": ({name: array.T}, "onet/dense5/kernel has shape [256, 1152]", "[1152, 256]"),
        "scalar": ({name: np.float32(1)}, "has shape []; wanted: [1152, 256]"),
        "double": (
            {name: array.astype(float)},
            f"{name} is float64",
            "wanted: float32 [1152, 256]",
        ),
        "whole": ({name: array.astype(int)}, f"{name} is int64", "wanted: float32"),
        "words": ({name: array.astype(str)}, f"{name} is <U", "wanted: float32"),
        "holed": ({name: holed}, f"{name} [1152, 256] holds NaN or infinity in 2 of 294912"),
        "more": ({"onet/age/bias": array}, "holds onet/age/bias, unknown", "exactly the 50"),
        "step": ({"step": np.int64(3)}, "holds step, unknown"),
    }
    for case, (changes, *wanted) in cases.items():
        path = write(tmp_path / f"{case}.npz", tensors | changes)
        assert_raises(ValueError, lambda path=path: load_params(path), f"{case}.npz", *wanted)


def test_files_that_are_no_weights(tensors, tmp_path):
    whole = write(tmp_path / "whole.npz", tensors).read_bytes()
    np.save(tmp_path / "array.npy", np.zeros(3))
    contents = {
        "empty.npz": (b"", "is empty"),
        "words.npz": (b"these are words\n" * 100, "is not an .npz file"),
        "array.npy": ((tmp_path / "array.npy").read_bytes(), "is not an .npz file"),
        "short.npz": (whole[: len(whole) // 2], "is not an .npz file"),
        "flipped.npz": (whole[:500] + b"\xff" * 50 + whole[550:], "cannot be read"),
    }
    for name, (content, wanted) in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert_raises(ValueError, lambda path=path: load_params(path), name, wanted, "accepted: an")
    path = write(tmp_path / "faces.npz", {"boxes": np.zeros((1, 4), np.float32)})
    assert_raises(ValueError, lambda: load_params(path), "no weights of MTCNN", "are boxes")


class Exploit:
    """A pickle of it creates the file named, when loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickles_are_refused_unread(tensors, tmp_path):
    objects = np.array([Exploit(tmp_path / "pwned")], dtype=object)
    np.savez(tmp_path / "objects.npz", **tensors, more=objects)
    assert_raises(
        ValueError, lambda: load_params(tmp_path / "objects.npz"), "objects.npz", "pickle"
    )
    assert not (tmp_path / "pwned").exists()


def test_paths_that_are_no_files(tmp_path):
    assert_raises(
        FileNotFoundError, lambda: load_params(tmp_path / "gone.npz"), "gone.npz", "accepted: an"
    )
    assert_raises(ValueError, lambda: load_params(tmp_path), str(tmp_path), "is a directory")
    assert_raises(TypeError, lambda: load_params(3), "from a int", "accepted: a path")
    assert_raises(TypeError, lambda: load_params(io.StringIO("x")), "str", "binary mode")


def test_missing_bundled_weights_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path / package)
    assert_raises(FileNotFoundError, load_params, "mtcnn_jax/weights/mtcnn.npz", "load_params(")


def test_bundled_weights(tensors, tmp_path, monkeypatch):
    (tmp_path / "mtcnn_jax/weights").mkdir(parents=True)
    write(tmp_path / "mtcnn_jax/weights/mtcnn.npz", tensors)
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path / package)
    assert_equal(load_params(), tensors)


def test_wrong_params_are_not_saved(tensors, tmp_path):
    good = nest(tensors)
    path = tmp_path / "weights.npz"
    save_params(path, good)
    before = path.read_bytes()
    small = good | {"pnet": good["pnet"] | {"prob": {"kernel": np.zeros((1, 1, 32, 2))}}}
    assert_raises(ValueError, lambda: save_params(path, small), "lacks pnet/prob/bias [2]")
    assert_raises(
        ValueError, lambda: save_params(path, {}), "lacks pnet/conv1/kernel [3, 3, 3, 10]"
    )
    assert_raises(TypeError, lambda: save_params(path, [good]), "list", "nested dictionaries")
    assert path.read_bytes() == before
    assert_raises(ValueError, lambda: save_params(tmp_path, good), "is a directory")
    gone = tmp_path / "gone"
    assert_raises(FileNotFoundError, lambda: save_params(gone / "w.npz", good), f"{str(gone)!r}")


def test_check_params_takes_jax_arrays_and_names_its_source(tensors):
    params = jax.tree.map(jax.numpy.asarray, nest(tensors))
    check_params(params, "the checkpoint")
    params["rnet"]["prelu1"]["alpha"] = params["rnet"]["prelu1"]["alpha"].astype(jax.numpy.bfloat16)
    with pytest.raises(
        ValueError, match=re.escape("the checkpoint: rnet/prelu1/alpha is bfloat16")
    ):
        check_params(params, "the checkpoint")
