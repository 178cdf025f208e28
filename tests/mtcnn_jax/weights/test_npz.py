"""Files that are made to harm: they end in a sentence, unpacked no further than needed for it."""

import io
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from mtcnn_jax.weights import formats
from mtcnn_jax.weights.npz import MOST_BYTES, parse_npz, read_file
from mtcnn_jax.weights.params import load_params, nest, save_params

MANY = 100 * 2**20
"""Bytes that a small archive unpacks to."""


@pytest.fixture(scope="module")
def tensors():
    """P-Net's tensors: a small file."""
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=formats.OWN.shape(name)).astype(np.float32)
        for name in formats.OWN.names
        if name.startswith("pnet")
    }


def archive(tensors, *, compress=False):
    content = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(content, **tensors)
    return content.getvalue()


def added(content, name, member, method=zipfile.ZIP_DEFLATED):
    """The archive with one more member, of these bytes."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a", method) as more:
        more.writestr(name, member)
    return file.getvalue()


def header(shape, dtype="<f4"):
    file = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def parse(content):
    return parse_npz(content, "weights.npz", stages=["pnet"])


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("boxes.npy", "holds boxes, unknown"),
        ("pnet/conv1/kernel.npy", r"kernel has shape \[26214400\]; wanted: \[3, 3, 3, 10\]"),
        ("pnet/conv1/bias.npy", r"bias has 104857\d+ bytes, its header tells of 168"),
        ("notes.txt", "notes.txt is not an array"),
    ],
)
def test_a_small_file_is_not_unpacked_to_a_large_one(tensors, name, wanted):
    zeros = bytes(MANY)
    bombs = {
        "boxes.npy": header((MANY // 4,)) + zeros,
        "pnet/conv1/kernel.npy": header((MANY // 4,)) + zeros,
        "pnet/conv1/bias.npy": header((10,)) + zeros,
        "notes.txt": zeros,
    }
    others = {key: array for key, array in tensors.items() if f"{key}.npy" != name}
    content = added(archive(others), name, bombs[name])
    assert len(content) < 2**20
    del zeros, bombs
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"weights.npz.*{wanted}"):
        parse(content)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MANY / 10


def test_networks_not_asked_for_are_not_unpacked(tensors):
    content = added(archive(tensors), "rnet/conv1/kernel.npy", bytes(MANY))
    tracemalloc.start()
    assert parse(content)[0].keys() == tensors.keys()
    assert tracemalloc.get_traced_memory()[1] < MANY / 10
    tracemalloc.stop()


def test_members_that_numpy_would_not_have_written_are_named(tensors):
    whole = archive(tensors)
    name = "pnet/conv1/bias"
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = added(whole, f"{name}.npy", npy(tensors[name]))
    others = archive({key: array for key, array in tensors.items() if key != name})
    cases = {
        f"holds {name} twice": twice,
        "another method": added(others, f"{name}.npy", npy(tensors[name]), zipfile.ZIP_LZMA),
        r"holds 'a\\nb', which is no": added(whole, "a\nb", b""),
        "version .9, 0.": added(others, f"{name}.npy", b"\x93NUMPY\x09\x00" + bytes(99)),
        "objects.*pickle": added(others, f"{name}.npy", npy(np.array([{}], object))),
        "negative": added(others, f"{name}.npy", header((-10,)) + bytes(40)),
    }
    for wanted, content in cases.items():
        wanted = "header tells of|has shape" if wanted == "negative" else wanted
        with pytest.raises(ValueError, match=f"weights.npz.*({wanted}).*(accepted|wanted)"):
            parse(content)


def test_a_file_of_many_bytes_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "large.npz"
    with open(path, "wb") as file:
        file.truncate(2**40)  # It takes no room.
    with pytest.raises(ValueError, match=f"large.npz.*more than {MOST_BYTES} bytes.*; accepted"):
        load_params(path)
    assert read_file(io.BytesIO(b"few"))[0] == b"few"


def test_a_link_is_replaced_and_not_what_it_leads_to(tensors, tmp_path):
    (tmp_path / "precious").write_bytes(b"precious")
    link = tmp_path / "weights.npz"
    link.symlink_to(tmp_path / "precious")
    save_params(link, nest(tensors))
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not link.is_symlink() and load_params(link, stages=["pnet"])


class Exploit:
    """A pickle of it creates the file named, when loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def harmed(rng, tensors, wholes, exploit):
    """A broken file of weights: cut off, changed, with wrong members, huge sizes or pickles."""
    whole = wholes[rng.integers(len(wholes))]
    names = sorted(tensors)
    name = names[rng.integers(len(names))]
    others = {key: array for key, array in tensors.items() if key != name}
    kind = rng.integers(7)
    if kind == 0:
        return whole[: rng.integers(len(whole))]
    if kind == 1:
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 9)):
            content[place] ^= 1 << rng.integers(8)
        return bytes(content)
    if kind == 2:  # In what tells of the members, which is a small part of the file.
        content = bytearray(whole)
        start = content.rindex(b"PK\x01\x02", 0, len(content) - rng.integers(100))
        for place in rng.integers(start, len(content), rng.integers(1, 9)):
            content[place] = rng.integers(256)
        return bytes(content)
    if kind == 3:  # A size of four bytes, in a directory entry, is another one.
        content = bytearray(whole)
        entry = content.index(b"PK\x01\x02", rng.integers(content.rindex(b"PK\x01\x02")))
        struct.pack_into("<I", content, entry + 20 + 4 * rng.integers(2), rng.integers(2**32))
        return bytes(content)
    if kind == 4:
        member = [b"", b"words", npy(np.zeros(3)), rng.bytes(200), header((2**40, 2**20))]
        wrong = [f"{name}.npy", "step.npy", "../x", ".npy"][rng.integers(4)]
        return added(archive(others), wrong, member[rng.integers(5)])
    if kind == 5:
        dtype = ["|O", "<f4", "<i8", "<U9", "|V3", "<f2"][rng.integers(6)]
        shape = [(2**62, 2**62), (-1,), (), tensors[name].shape][rng.integers(4)]
        return added(archive(others), f"{name}.npy", header(shape, dtype) + rng.bytes(99))
    pickled = pickle.dumps(exploit)
    objects = np.array([exploit], object)
    return [pickled, npy(objects), archive(tensors | {name: objects}), whole + pickled][
        rng.integers(4)
    ]


@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")  # NumPy's, of changed headers.
def test_300_broken_files_end_in_a_sentence_or_in_the_same_weights(tensors, tmp_path):
    rng = np.random.default_rng(0)
    wholes = [archive(tensors), archive(tensors, compress=True)]
    path, refused = tmp_path / "weights.npz", 0
    for _ in range(300):
        path.write_bytes(harmed(rng, tensors, wholes, Exploit(tmp_path / "run")))
        try:
            found = load_params(path, stages=["pnet"])
        except ValueError as error:
            assert "weights.npz" in str(error) and "\n" not in str(error)
            refused += 1
        else:  # What was changed says nothing of the weights, as the time of a member.
            for name, array in tensors.items():
                stage, layer, kind = name.split("/")
                np.testing.assert_array_equal(found[stage][layer][kind], array)
        assert not (tmp_path / "run").exists()
    assert refused > 200
