"""A thousand broken labels and archives of all forms: a result, or an error that names the file."""

import codecs
import json
import random
import zipfile

import pytest

from data.archives import ArchiveError, PictureArchive
from data.datasets import celeb_a, fddb, labelled
from data.prepare import prepare
from experiments.evaluation import coco_results
from experiments.evaluation.benchmarks import fddb as fddb_benchmark
from experiments.evaluation.benchmarks import landmarks
from experiments.evaluation.protocols import wider_predictions
from tests import archives
from tests.data.datasets.test_broken import COCO

EACH = 80
"""Broken files of each form; there are fourteen forms."""

TOKENS = [
    *("nan", "NaN", "inf", "-Infinity", "1e400", "-1e30", "9" * 400, "1_0", "0x1", "-1", "0", ""),
    *("..", "../a.jpg", "/a.jpg", "C:\\a.jpg", "\x00", "\ufeff", "\u2028", "٣", "é", '"', "[", "{"),
    *("null", "true", "[]", "{}", "\n", "\r", "\t", " ", "a" * 5000, "\\ud800", "[" * 3000),
]
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7")


def cut(rng, content):
    return content[: rng.randrange(len(content))]


def flip(rng, content):
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 20))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def insert(rng, content):
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice(TOKENS).encode() + content[place:]


def replace(rng, content):
    """A word, often a number, for another."""
    words = content.split(b" ")
    words[rng.randrange(len(words))] = rng.choice(TOKENS).encode()
    return b" ".join(words)


def swap(rng, content):
    lines = content.split(b"\n")
    one, other = (rng.randrange(len(lines)) for _ in range(2))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def repeat(rng, content):
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    lines[place:place] = [rng.choice(lines)] * rng.choice((1, 2, 50))
    return b"\n".join(lines)


def drop(rng, content):
    lines = content.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def encode(rng, content):
    text = content.decode("utf-8", errors="replace")
    return text.encode(rng.choice(ENCODINGS), errors="replace")


def mark(rng, content):
    return rng.choice((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF8 * 2)) + content


def noise(rng, content):
    return rng.randbytes(rng.choice((0, 1, len(content))))


TEXT = (cut, flip, insert, replace, swap, repeat, drop, encode, mark, noise)
BYTES = (cut, flip, insert, noise)


def broken(rng, content, ways):
    for _ in range(rng.choice((1, 1, 2, 4))):
        content = rng.choice(ways)(rng, content) or b"\n"
    return content


def zipped(members, *, method=zipfile.ZIP_STORED):
    """The content of a ZIP archive."""

    def write(path):
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return write


def read_zip(path):
    archive = PictureArchive(path)
    try:
        for name in ("a.jpg", "b/ä.jpg", *archive.names[:5]):
            archive.read(name, named_by=f"{path}, line 1")
    finally:
        archive.close()


def read_coco_results(path):
    annotations = path.with_name("annotations.json")
    annotations.write_text(json.dumps(COCO))
    coco_results.read_results(path, annotations, ["a.jpg"])


WIDER = archives.WIDER_TEXT.replace("_a_1", "_ä_1")
FDDB = "2002/a/img_1\n2\n30.5 20.5 1.5 100 90 1\n10 8 0 40 40 1\n2002/b/img_2\n0\n"
FOUND = "2002/a/img_1\n1\n80 60 40 62 0.9\n2002/b/img_2\n0\n"
POINTS = "a.jpg 1 2 3 4 5 6 7 8 9 10\nb.jpg 1 2 3 4 5 6 7 8 9 10\n"
RESULTS = [{"image_id": 7, "bbox": [0, 0, 20, 40], "score": 0.4}]
PREDICTED = "a.jpg\n2\n1 2 30 40 0.9\n5 6 7 8 0.5\n"
MEMBERS = {"a.jpg": archives.jpeg(height=8, width=8), "b/ä.jpg": b"0" * 200, "c.txt": b"c"}

FORMS = {
    "wider": ("labels.txt", WIDER, labelled.read_labels, TEXT),
    "coco": ("labels.json", json.dumps(COCO, indent=1), labelled.read_labels, TEXT),
    "coco_line": ("labels.json", json.dumps(COCO), labelled.read_labels, TEXT),
    "coco_results": ("found.json", json.dumps(RESULTS, indent=1), read_coco_results, TEXT),
    "fddb": ("ellipseList.txt", FDDB, lambda path: fddb.read_labels(path.parent), TEXT),
    "fddb_results": (
        "found.txt",
        FOUND,
        lambda path: fddb_benchmark.read_detections(path, {"2002/a/img_1": 0, "2002/b/img_2": 0}),
        TEXT,
    ),
    "celeb_a": ("list.txt", f"2\nx y\n{POINTS}", lambda path: celeb_a.read_list(path, 10), TEXT),
    "celeb_a_partition": (
        "partition.txt", "a.jpg 0\nb.jpg 1\nc.jpg 2\n", celeb_a.read_partitions, TEXT
    ),
    "celeb_a_results": (
        "found.txt",
        f"2\nx y\n{POINTS}",
        lambda path: landmarks.read_landmarks(path, ["a.jpg", "b.jpg"]),
        TEXT,
    ),
    "celeb_a_identities": (
        "people.txt", "a.jpg 1\nb.jpg 2\n", landmarks.read_identities, TEXT
    ),
    "predictions": (
        "found/a.txt",
        PREDICTED,
        lambda path: wider_predictions.read_predictions(path.parent, ["a"]),
        TEXT,
    ),
    "zip": ("a.zip", zipped(MEMBERS), read_zip, BYTES),
    "zip_deflated": ("a.zip", zipped(MEMBERS, method=zipfile.ZIP_DEFLATED), read_zip, BYTES),
    "zip_predictions": (
        "a.zip",
        zipped({"a.txt": PREDICTED * 5}, method=zipfile.ZIP_LZMA),
        lambda path: wider_predictions.read_predictions(path, ["a"]),
        BYTES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_broken_files_end_in_a_result_or_the_parsers_own_error(tmp_path, form):
    name, content, read, ways = FORMS[form]
    rng, path, refused = random.Random(form), tmp_path / name, 0
    path.parent.mkdir(exist_ok=True)
    if callable(content):
        content(path)
    else:
        path.write_bytes(content.encode())
    whole = path.read_bytes()
    if form != "zip_predictions":  # Whose text says another number of boxes.
        read(path)
    for number in range(EACH):
        path.write_bytes(broken(rng, whole, ways))
        try:
            read(path)
        except ValueError as error:
            # Not one of the kinds below it, such as those of decoding, nor one without a place.
            assert type(error) is ValueError or isinstance(error, ArchiveError), number
            assert str(tmp_path) in str(error), number
            assert len(str(error)) < 1000, number
            refused += 1
    assert refused > EACH // 5


@pytest.mark.parametrize("seed", range(6))
def test_broken_archives_are_prepared_or_refused(tmp_path, seed):
    """The whole way, as the command goes it."""
    rng, manual, prepared = random.Random(seed), tmp_path / "manual", 0
    manual.mkdir()
    for number in range(6):
        archives.write_wider(manual)
        path = manual / rng.choice(("WIDER_train.zip", "WIDER_val.zip", "wider_face_split.zip"))
        path.write_bytes(broken(rng, path.read_bytes(), (flip, flip, cut)))
        data = tmp_path / str(number)
        broken_ones = bool(seed % 2)
        try:
            prepare(
                "wider_face",
                manual_dir=str(manual),
                data_dir=str(data),
                leave_out_broken=broken_ones,
            )
        except ArchiveError as error:
            assert str(manual) in str(error)
            assert not [found for found in data.rglob("*") if found.is_file()]
        else:
            prepared += 1
    assert prepared < 6
