"""Pickles are read as data: what they would call is refused by name, and never called."""

import collections
import io
import os
import pickle

import numpy as np
import pytest

from experiments.files.packages import PACKAGES
from experiments.files.sources import read_weights
from mtcnn_jax.weights import formats
from tests.experiments.files.pickled import keras, npy


class Calls:
    """A pickle of it calls a function when it is loaded."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=formats.OWN.shape(name)).astype(np.float32)
        for name in formats.OWN.names
    }


def read(path, content):
    path.write_bytes(content)
    return read_weights(PACKAGES["mtcnn_0_1"], path)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.mkdir, ("run",), "posix.mkdir"),
        (eval, ("__import__('os').mkdir('run')",), "(__)?builtins?(__)?.eval"),
        (open, ("run", "w"), "io.open"),
        (np.load, ("run",), "numpy.load"),
        (np.frombuffer, (b"1234",), "numpy.*frombuffer"),
        (getattr, ({}, "update"), "(__)?builtins?(__)?.getattr"),
        (collections.OrderedDict, (), "collections.OrderedDict"),
    ],
)
def test_nothing_is_called(tmp_path, monkeypatch, protocol, function, arguments, name):
    monkeypatch.chdir(tmp_path)
    content = npy({"pnet": [Calls(function, *arguments)]}, protocol)
    with pytest.raises(ValueError, match=f"calls ({name}), which .* is not run"):
        read(tmp_path / "mtcnn_weights.npy", content)
    assert os.listdir(tmp_path) == ["mtcnn_weights.npy"]


def object_array(shape, *items):
    array = np.empty(shape, object)
    array[...] = items[0] if items else None
    return array


@pytest.mark.parametrize(
    "item",
    [
        object_array((2,), 1),
        np.zeros(3, [("a", "f4"), ("b", "O")]),
        np.zeros(3, "V8"),
        np.array(["words"]),
        np.zeros(3, np.complex64),
        np.datetime64("2000-01-01"),
        {1, 2},
        1j,
    ],
)
def test_what_weights_have_no_use_for_is_refused(tmp_path, item):
    with pytest.raises(ValueError, match="mtcnn_weights.npy of .* cannot be read"):
        read(tmp_path / "mtcnn_weights.npy", npy({"pnet": [item]}))


def test_parts_of_an_array_that_do_not_fit_are_refused(tmp_path):
    """As NumPy's own constructor would take them from a trusted pickle."""
    make = np.zeros(3).__reduce__()[0]

    class Forged:
        def __init__(self, *state):
            self.state = state

        def __reduce__(self):
            return make, (np.ndarray, (0,), b"b"), self.state

    four = np.dtype("f4")
    for state in [
        (1, (2**40,), four, False, bytes(8)),
        (1, (-1, -1), four, False, bytes(8)),
        (1, (3,), four, False, bytes(8)),
        (1, (2,), four, False, [1, 2]),
        (1, (2,), "f4", False, bytes(8)),
        (1, (), np.dtype("O"), False, bytes(8)),
        (1, (2,), np.dtype("O"), False, [1, 2]),
        (1,),
        (),
    ]:
        with pytest.raises(ValueError, match="mtcnn_weights.npy of .* cannot be read"):
            read(tmp_path / "mtcnn_weights.npy", npy({"pnet": [Forged(*state)]}))


def test_an_array_that_is_none_is_refused(tmp_path):
    path = tmp_path / "mtcnn_weights.npy"
    for array in (np.zeros(3, np.float32), np.array(3), object_array((2,), {})):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        with pytest.raises(ValueError, match="mtcnn_weights.npy of .* it holds an array of"):
            read(path, file.getvalue())


@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")  # NumPy's, of changed headers.
@pytest.mark.filterwarnings("ignore:.*escape sequence:DeprecationWarning")  # Of text in a pickle.
def test_300_broken_files_end_in_a_sentence(tmp_path, weights, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    wholes = [npy(keras(weights)["pnet"], protocol) for protocol in (2, 4, "python 2")]
    wholes += [npy({"pnet": [Calls(os.mkdir, "run"), np.zeros(3)]}, number) for number in (0, 2)]
    refused = 0
    for _ in range(300):
        whole = bytearray(wholes[rng.integers(len(wholes))])
        kind = rng.integers(3)
        if kind == 0:
            whole = whole[: rng.integers(len(whole))]
        places = rng.integers(0, len(whole) if kind == 1 else min(len(whole), 400), 4)
        for place in places if len(whole) else ():
            whole[place] = rng.integers(256)
        try:
            read(tmp_path / "mtcnn_weights.npy", bytes(whole))
        except ValueError as error:
            assert "mtcnn_weights.npy" in str(error)
            refused += 1
        assert os.listdir(tmp_path) == ["mtcnn_weights.npy"]
    assert refused == 300
    assert pickle.loads(pickle.dumps(Calls(len, ()))) == 0  # Elsewhere it would be called.
