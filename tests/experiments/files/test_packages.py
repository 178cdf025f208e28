"""The old files of facenet and mtcnn 0.1, and which way round their networks see a picture."""

import numpy as np
import pytest

from experiments import convert
from experiments.files.sources import read_weights
from mtcnn_jax.weights import formats
from mtcnn_jax.weights.params import load_params
from tests.experiments.files.pickled import facenet, keras, npy

FACENET, MTCNN_0_1 = convert.PACKAGES["facenet"], convert.PACKAGES["mtcnn_0_1"]
PROTOCOLS = [2, 4, "numpy", "python 2"]


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=formats.OWN.shape(name)).astype(np.float32)
        for name in formats.OWN.names
    }


def assert_equal(found, wanted):
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def write_facenet(folder, weights, protocol=2):
    folder.mkdir(parents=True, exist_ok=True)
    for number, network in enumerate(facenet(weights), 1):
        (folder / f"det{number}.npy").write_bytes(npy(network, protocol))
    return folder


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_facenet(tmp_path, drawn, protocol):
    folder = write_facenet(tmp_path / "facenet/src/align", drawn, protocol)
    for place in (folder, tmp_path / "facenet"):
        assert_equal(read_weights(FACENET, place), drawn)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mtcnn_0_1(tmp_path, drawn, protocol):
    folder = tmp_path / "mtcnn/data"
    folder.mkdir(parents=True)
    path = folder / "mtcnn_weights.npy"
    path.write_bytes(npy(keras(drawn), protocol))
    for place in (path, folder, tmp_path / "mtcnn"):
        assert_equal(read_weights(MTCNN_0_1, place), drawn)


def test_the_authors_weights_come_back_through_either(shared, tmp_path):
    with np.load(shared / "reference/cascade/weights.npz") as archive:
        wanted = dict(archive)
    output = tmp_path / "weights.npz"
    write_facenet(tmp_path, wanted)
    (tmp_path / "mtcnn_weights.npy").write_bytes(npy(keras(wanted)))
    for package in ("facenet", "mtcnn_0_1"):
        assert convert.run(package, str(tmp_path), str(output)) == 0
        written = (shared / "reference/cascade/weights.npz").read_bytes()
        assert output.read_bytes() == written


def test_values_of_double_precision_are_rounded(tmp_path, drawn):
    doubles = {name: array.astype(float) for name, array in drawn.items()}
    assert_equal(read_weights(FACENET, write_facenet(tmp_path, doubles)), drawn)


def test_an_npz_with_facenets_names_is_read(tmp_path, drawn):
    tensors = {
        f"{stage}/{layer}/{kind}": array
        for stage, network in zip(formats.STAGES, facenet(drawn), strict=True)
        for layer, kinds in network.items()
        for kind, array in kinds.items()
    }
    path = tmp_path / "facenet.npz"
    np.savez(path, **tensors)
    assert_equal(read_weights(FACENET, path), drawn)
    np.testing.assert_array_equal(
        load_params(path)["onet"]["conv2"]["kernel"], drawn["onet/conv2/kernel"]
    )
    with pytest.raises(ValueError, match="use --from=facenet$"):
        read_weights(convert.PACKAGES["mtcnn"], path)


def convolved(picture, kernel):
    """Without borders: [h, w, in] and [a, b, in, out] -> [h - a + 1, w - b + 1, out]."""
    high, wide = kernel.shape[:2]
    return np.array(
        [
            [
                np.tensordot(picture[row : row + high, column : column + wide], kernel, 3)
                for column in range(picture.shape[1] - wide + 1)
            ]
            for row in range(picture.shape[0] - high + 1)
        ]
    )


def test_their_kernel_sees_a_swapped_picture_as_ours_sees_the_picture(drawn):
    picture = np.random.default_rng(1).normal(size=(5, 7, 3)).astype(np.float32)
    theirs = drawn["pnet/conv1/kernel"]
    ours = formats.FACENET.convert("pnet/conv1/kernel", theirs)
    np.testing.assert_allclose(
        convolved(picture.swapaxes(0, 1), theirs).swapaxes(0, 1),
        convolved(picture, ours),
        atol=1e-4,
    )


def test_their_dense_layer_sees_swapped_features_as_ours_sees_the_features(drawn):
    features = np.random.default_rng(1).normal(size=(3, 3, 64)).astype(np.float32)
    theirs = drawn["rnet/dense4/kernel"]
    ours = formats.FACENET.convert("rnet/dense4/kernel", theirs)
    np.testing.assert_allclose(
        features.swapaxes(0, 1).reshape(-1) @ theirs, features.reshape(-1) @ ours, atol=1e-4
    )


def test_facenets_kernels_are_those_of_its_port_with_axes_in_another_order(drawn):
    """The port's [out, in, row, column] were made from facenet's by reversing all four."""
    for name in ("pnet/conv1/kernel", "rnet/dense4/kernel", "onet/reg/kernel", "onet/conv4/kernel"):
        theirs = drawn[name]
        np.testing.assert_array_equal(
            formats.FACENET.convert(name, theirs), formats.FACENET_PYTORCH.convert(name, theirs.T)
        )


def changed(network, layer, kind, value):
    return network | {layer: network[layer] | {kind: value}}


def test_wrong_files_are_named(tmp_path, drawn):
    folder = write_facenet(tmp_path, drawn)
    pnet = facenet(drawn)[0]
    less = {layer: kinds for layer, kinds in pnet.items() if layer != "PReLU2"}
    cases = [
        (less, "lacks pnet/PReLU2/alpha"),
        (changed(pnet, "conv1", "age", np.zeros(3)), "holds pnet/conv1/age, unknown"),
        (changed(pnet, "conv1", "weights", np.zeros((3, 3, 3, 9))), r"shape \[3, 3, 3, 9\]"),
        (changed(pnet, "conv1", "weights", [1, 2]), "its pnet/conv1/weights is no array of f4"),
        (changed(pnet, "conv1", "weights", np.zeros(3, int)), "is of 'i8', not of"),
        (changed(pnet, "conv1", "biases", np.full(10, np.nan)), "holds NaN or infinity in 10"),
        ([1, 2], "holds a list where a dictionary is wanted"),
        ({"conv1": 3}, "holds a int where a dictionary is wanted"),
    ]
    for network, words in cases:
        (folder / "det1.npy").write_bytes(npy(network))
        with pytest.raises(ValueError, match=words):
            read_weights(FACENET, folder)
    (folder / "det2.npy").unlink()
    with pytest.raises(FileNotFoundError, match="no det2.npy in"):
        read_weights(FACENET, folder)
    with pytest.raises(FileNotFoundError, match="accepted: the folder of facenet"):
        read_weights(FACENET, tmp_path / "gone")


def test_wrong_files_of_mtcnn_0_1_are_named(tmp_path, drawn):
    networks = keras(drawn)
    path = tmp_path / "mtcnn_weights.npy"
    heads = [*networks["rnet"][:-1], np.zeros(3, np.float32)]
    cases = [
        ({"pnet": networks["pnet"]}, "no list 'rnet' of 16 arrays"),
        (networks | {"pnet": networks["pnet"][1:]}, "no list 'pnet' of 13 arrays"),
        (networks | {"rnet": heads}, r"a head of its rnet has 3 outputs, not \[2, 4\]"),
        ({"PNet": {}, "RNet": {}, "ONet": {}}, "no list 'pnet'"),
    ]
    for content, words in cases:
        path.write_bytes(npy(content))
        with pytest.raises(ValueError, match=f"mtcnn_weights.npy of .*{words}.*mtcnn 0.1"):
            read_weights(MTCNN_0_1, path)
