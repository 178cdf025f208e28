import io
import pathlib
import subprocess
import sys
import types
import zipfile

import joblib
import numpy as np
import pytest

from experiments import convert
from mtcnn_jax.weights import formats
from mtcnn_jax.weights.npz import MOST_BYTES
from tests import ROOT

FACENET_PYTORCH, MTCNN = convert.PACKAGES["facenet_pytorch"], convert.PACKAGES["mtcnn"]


class FakeTensor:
    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def numpy(self):
        return self.array


@pytest.fixture
def torch(monkeypatch):
    """Stands in for torch: its files are .npz files, with the names of a state dictionary."""

    def load(file, *, map_location, weights_only):
        assert map_location == "cpu" and weights_only is True
        if not zipfile.is_zipfile(file):
            raise RuntimeError("PytorchStreamReader failed")
        file.seek(0)
        with np.load(file) as archive:
            return {name: FakeTensor(array) for name, array in archive.items()}

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(load=load))


@pytest.fixture(scope="session")
def wanted(shared) -> dict[str, np.ndarray]:
    with np.load(shared / "reference/cascade/weights.npz") as archive:
        return dict(archive)


@pytest.fixture(scope="session")
def lz4_files(shared) -> dict[str, bytes]:
    """The package mtcnn's files: of each network a list of arrays, in its layers' order."""
    return {f"{stage}.lz4": dump(arrays) for stage, arrays in peer(shared, "ipazc").items()}


@pytest.fixture(scope="session")
def pt_files(shared) -> dict[str, bytes]:
    """facenet-pytorch's files, for the fake torch."""
    files = {}
    for stage, arrays in peer(shared, "facenet_pytorch", keep_names=True).items():
        state = {
            name.replace("/kernel", ".weight").replace("/alpha", ".weight").replace("/", "."): array
            for name, array in arrays.items()
        }
        content = io.BytesIO()
        np.savez(content, **state)
        files[f"{stage}.pt"] = content.getvalue()
    return files


def peer(shared, name, *, keep_names=False):
    stages = {stage: {} for stage in formats.STAGES}
    with np.load(shared / f"reference/cascade/{name}.npz") as archive:
        for tensor, array in archive.items():
            stage, _, rest = tensor.partition("/")
            stages[stage][rest] = array
    if keep_names:
        return stages
    return {stage: list(arrays.values()) for stage, arrays in stages.items()}


def dump(content) -> bytes:
    file = io.BytesIO()
    joblib.dump(content, file, compress=("lz4", 3))
    return file.getvalue()


def fill(folder: pathlib.Path, files: dict[str, bytes]) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def wheel(path: pathlib.Path, package: convert.Package, files: dict[str, bytes]) -> pathlib.Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{package.folder.parts[0]}/__init__.py", "")
        for name, content in files.items():
            archive.writestr(f"{package.folder}/{name}", content)
    return path


def assert_equal(found, wanted):
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def assert_raises(error, package, path, *wanted):
    with pytest.raises(error) as caught:
        convert.read_weights(package, path)
    for piece in wanted:
        assert piece in str(caught.value)


@pytest.mark.parametrize("level", range(4))
def test_mtcnn_folders(tmp_path, lz4_files, wanted, level):
    folder = fill(tmp_path / "mtcnn/assets/weights", lz4_files)
    assert_equal(convert.read_weights(MTCNN, [folder, *folder.parents][level]), wanted)


def test_mtcnn_wheel(tmp_path, lz4_files, wanted):
    path = wheel(tmp_path / "mtcnn-1.0.0-py3-none-any.whl", MTCNN, lz4_files)
    assert_equal(convert.read_weights(MTCNN, path), wanted)


@pytest.mark.parametrize("level", range(3))
def test_facenet_pytorch_folders(tmp_path, pt_files, wanted, torch, level):
    folder = fill(tmp_path / "facenet_pytorch/data", pt_files)
    assert_equal(convert.read_weights(FACENET_PYTORCH, [folder, *folder.parents][level]), wanted)


def test_facenet_pytorch_wheel(tmp_path, pt_files, wanted, torch):
    path = wheel(tmp_path / "facenet_pytorch.whl", FACENET_PYTORCH, pt_files)
    assert_equal(convert.read_weights(FACENET_PYTORCH, path), wanted)


def test_exports_and_what_is_converted_already(shared, wanted):
    folder = shared / "reference/cascade"
    for package, name in ((FACENET_PYTORCH, "facenet_pytorch"), (MTCNN, "ipazc")):
        assert_equal(convert.read_weights(package, folder / f"{name}.npz"), wanted)
        assert_equal(convert.read_weights(package, folder / "weights.npz"), wanted)
    assert_raises(ValueError, MTCNN, folder / "facenet_pytorch.npz", "use --from=facenet_pytorch")
    assert_raises(ValueError, FACENET_PYTORCH, folder / "ipazc.npz", "use --from=mtcnn")


@pytest.mark.parametrize("module", ["joblib", "lz4.frame", "torch"])
def test_a_missing_module_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch, module):
    package = FACENET_PYTORCH if module == "torch" else MTCNN
    files = dict.fromkeys(package.files, b"")
    for path in (fill(tmp_path / "folder", files), wheel(tmp_path / "a.whl", package, files)):
        monkeypatch.setitem(sys.modules, module, None)
        assert_raises(
            ModuleNotFoundError,
            package,
            path,
            f"read through {module.partition('.')[0]},",
            f"python -m pip install {package.install}",
        )


def test_importing_the_command_imports_none_of_the_readers():
    code = (
        "import sys, experiments.convert\n"
        "print([name for name in ('torch', 'joblib', 'lz4') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_missing_files_are_named(tmp_path):
    assert_raises(FileNotFoundError, MTCNN, tmp_path / "gone", "gone", "accepted: the installed")
    assert_raises(
        FileNotFoundError, MTCNN, tmp_path, "no pnet.lz4, rnet.lz4, onet.lz4", "accepted: the inst"
    )
    files = {"pnet.lz4": b"", "onet.lz4": b""}
    folder = fill(tmp_path / "mtcnn/assets/weights", files)
    assert_raises(FileNotFoundError, MTCNN, tmp_path, "no rnet.lz4 in", repr(str(folder)))
    path = wheel(tmp_path / "short.whl", MTCNN, files)
    assert_raises(FileNotFoundError, MTCNN, path, "no mtcnn/assets/weights/rnet.lz4", "short.whl")
    path = wheel(tmp_path / "other.whl", FACENET_PYTORCH, {})
    assert_raises(ValueError, MTCNN, path, "other.whl", "wheel mtcnn-*.whl")


def test_broken_files_are_named(tmp_path, lz4_files):
    words = tmp_path / "words.txt"
    words.write_text("these are words")
    assert_raises(ValueError, MTCNN, words, "words.txt", "accepted: the installed folder mtcnn")
    rnet = lz4_files["rnet.lz4"]
    arrays = joblib.load(io.BytesIO(rnet))
    dense = [array.T if array.shape == (576, 128) else array for array in arrays]
    cases = {
        "text": (b"these are words", "rnet.lz4 of", "cannot be read"),
        "empty": (b"", "rnet.lz4 of", "cannot be read"),
        "cut": (rnet[: len(rnet) // 2], "rnet.lz4 of", "cannot be read"),
        "dictionary": (dump({"kernel": arrays[0]}), "rnet.lz4 of", "a dict, not a list"),
        "one less": (dump(arrays[:-1]), "rnet.lz4 of", "15 arrays, wanted: 16"),
        "turned": (dump(dense), "rnet/fc4/kernel has shape [128, 576]; wanted: [576, 128]"),
    }
    for case, (content, *wanted) in cases.items():
        folder = fill(tmp_path / case, lz4_files | {"rnet.lz4": content})
        assert_raises(ValueError, MTCNN, folder, case, *wanted)


def test_broken_torch_files_are_named(tmp_path, pt_files, torch, monkeypatch):
    folder = fill(tmp_path / "cut", pt_files | {"onet.pt": pt_files["onet.pt"][:1000]})
    assert_raises(ValueError, FACENET_PYTORCH, folder, "onet.pt of", "cut", "cannot be read")
    listing = types.SimpleNamespace(load=lambda file, **options: [1, 2])
    monkeypatch.setitem(sys.modules, "torch", listing)
    assert_raises(ValueError, FACENET_PYTORCH, folder, "pnet.pt of", "a list, not a dictionary")


def test_a_broken_wheel_is_named(tmp_path, lz4_files):
    path = wheel(tmp_path / "broken.whl", MTCNN, lz4_files)
    content = bytearray(path.read_bytes())
    content[2000:2050] = bytes(50)
    path.write_bytes(content)
    assert_raises(ValueError, MTCNN, path, "broken.whl")
    path.write_bytes(content[: len(content) // 2])
    assert_raises(ValueError, MTCNN, path, "broken.whl", "accepted: the installed folder")


def test_the_command_writes_the_reference_file(shared, tmp_path, capsys):
    folder = shared / "reference/cascade"
    output = tmp_path / "weights.npz"
    assert convert.run("mtcnn", str(folder / "ipazc.npz"), str(output)) == 0
    assert capsys.readouterr().out == f"{output}: 50 tensors of mtcnn\n"
    assert output.read_bytes() == (folder / "weights.npz").read_bytes()


def test_the_command_tells_of_errors_and_writes_nothing(tmp_path, capsys):
    assert convert.run("mtcnn", str(tmp_path / "gone"), str(tmp_path / "out.npz")) == 2
    assert "gone" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_wheel_that_is_no_weights_by_its_size_is_not_unpacked(tmp_path):
    files = {f"{stage}.lz4": b"" for stage in formats.STAGES} | {"rnet.lz4": bytes(MOST_BYTES + 1)}
    path = wheel(tmp_path / "large.whl", MTCNN, files)
    assert path.stat().st_size < 2**20
    assert_raises(ValueError, MTCNN, path, "large.whl", "rnet.lz4 has 67108865 bytes; accepted")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name in ("__init__.py", *(f"assets/weights/{name}" for name in files)):
            archive.writestr(f"mtcnn/{name}", b"")
    assert_raises(ValueError, MTCNN, path, "large.whl", "compressed by another method")


def test_a_link_at_the_output_is_replaced_and_not_followed(shared, tmp_path):
    (tmp_path / "precious").write_bytes(b"precious")
    output = tmp_path / "weights.npz"
    output.symlink_to(tmp_path / "precious")
    source = shared / "reference/cascade/ipazc.npz"
    assert convert.run("mtcnn", str(source), str(output)) == 0
    assert (tmp_path / "precious").read_bytes() == b"precious" and not output.is_symlink()
