"""What a worker does with a partition: every picture has a row, and bad ones say why."""

import io
import os
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mtcnn_jax as mj
from experiments.bulk import detector
from experiments.bulk.attempts import FOLDER, Attempt
from experiments.bulk.partitions import Counts
from tests.experiments.bulk.jobs import begin, do_all, rows
from tests.mtcnn_jax.commandline.drawn import FACES, make

COUNT = 7


@pytest.fixture(autouse=True)
def _a_stand_in_for_the_networks(monkeypatch):
    """Finds a face in pictures of odd width."""
    monkeypatch.setattr(mj, "detect", lambda params, image, config: FACES[: image.shape[1] % 2])


class _Here:
    """In the place of a process of its own."""

    def decode(self, fetched, *, max_pixels):
        return detector.decode(fetched, max_pixels=max_pixels)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.fixture
def photos(tmp_path):
    for number in range(COUNT):
        make(tmp_path / f"in/{number}/{number}.png", size=(20 + number, 16))
    return tmp_path / "in"


def by_name(output):
    found = {row["file"]: row for row in rows(output)}
    assert len(found) == len(rows(output))
    return found


def test_every_picture_has_a_row(photos, tmp_path):
    job = begin(photos, tmp_path / "out", partition_size=3)
    counts = do_all(job)
    assert [(one.pictures, one.errors) for one in counts] == [(3, 0), (3, 0), (1, 0)]
    assert sum(one.faces for one in counts) == COUNT // 2
    found = by_name(tmp_path / "out")
    assert sorted(found) == [f"{n}/{n}.png" for n in range(COUNT)]
    for number in range(COUNT):
        row = found[f"{number}/{number}.png"]
        assert (row["width"], row["height"], row["error"]) == (20 + number, 16, None)
        assert np.array_equal(row["boxes"], FACES.boxes[: number % 2].tolist())
        assert row["scores"] == FACES.scores[: number % 2].tolist()
        assert np.array_equal(row["landmarks"], FACES.landmarks[: number % 2].tolist())
    assert not list((tmp_path / "out" / FOLDER).iterdir())


def spoil(photos):
    """Bad input, by name, and what its error says."""
    (photos / "text.jpg").write_text("no picture")
    (photos / "empty.jpg").touch()
    os.mkfifo(photos / "pipe.jpg")
    (photos / "link.jpg").symlink_to(photos / "nowhere.jpg")
    Image.new("1", (3000, 1000)).save(photos / "large.png")
    (photos / "cut.png").write_bytes((photos / "1/1.png").read_bytes()[:60])
    return {
        "text.jpg": "'text.jpg' is not a picture; accepted: ",
        "empty.jpg": "'empty.jpg' is empty; accepted: ",
        "pipe.jpg": "'pipe.jpg' is a pipe, a device or the like",
        "link.jpg": "'link.jpg' is a link that leads nowhere",
        "large.png": "'large.png' has 3000 x 1000 pixels; accepted are up to --max_pixels=2999999",
        "cut.png": "'cut.png' cannot be read as a picture",
    }


@pytest.mark.parametrize("careful", [False, True])
def test_bad_pictures_are_rows_with_their_errors(photos, tmp_path, monkeypatch, careful):
    wanted = spoil(photos)
    monkeypatch.setattr(detector, "isolated", _Here)
    job = begin(photos, tmp_path / "out", partition_size=4, max_pixels=2_999_999)
    if careful:
        for number in range(job.manifest.partitions):
            Attempt(job.manifest.output, number)
    assert sum(one.errors for one in do_all(job)) == len(wanted)
    found = by_name(tmp_path / "out")
    assert len(found) == COUNT + len(wanted)
    for name, error in wanted.items():
        assert found[name]["error"].startswith(error)
        assert found[name]["width"] is None and found[name]["boxes"] is None
    assert sum(len(row["scores"] or ()) for row in found.values()) == COUNT // 2


def test_a_picture_that_goes_away_is_a_row(photos, tmp_path):
    job = begin(photos, tmp_path / "out")
    (photos / "3/3.png").unlink()
    do_all(job)
    assert "no such file" in by_name(tmp_path / "out")["3/3.png"]["error"].lower()


def test_a_partition_that_is_there_is_not_done_again(photos, tmp_path, monkeypatch):
    job = begin(photos, tmp_path / "out", partition_size=3)
    first = do_all(job)
    monkeypatch.setattr(mj, "detect", None)
    assert do_all(job) == first


def test_what_kills_twice_is_a_row_and_the_rest_is_whole(photos, tmp_path, monkeypatch):
    """Workers that die stand in as those that end with an exception no one catches."""

    class Killed(BaseException):
        pass

    def detect(params, image, config):
        if image.shape[1] == 24:
            raise Killed
        return FACES[: image.shape[1] % 2]

    monkeypatch.setattr(mj, "detect", detect)
    monkeypatch.setattr(detector, "isolated", _Here)
    job = begin(photos, tmp_path / "out")
    for _ in range(3):  # One that was not careful, and two that were.
        with pytest.raises(Killed):
            do_all(job)
    assert do_all(job) == [Counts(COUNT, 1, COUNT // 2)]
    errors = {name: row["error"] for name, row in by_name(tmp_path / "out").items()}
    assert {name for name, error in errors.items() if error} == {"4/4.png"}
    assert errors["4/4.png"].startswith("'4/4.png' killed the workers that looked at it")
    assert not list((tmp_path / "out" / FOLDER).iterdir())


def encoded(number):
    content = io.BytesIO()
    Image.new("RGB", (20 + number, 16)).save(content, "png")
    return content.getvalue()


@pytest.mark.parametrize("kind", ["bytes", "struct"])
def test_pictures_in_parquet_are_named_by_file_and_row(tmp_path, kind):
    values = [encoded(number) for number in range(11)]
    values[4] = None
    if kind == "struct":
        values = [{"bytes": value, "path": "same.png"} for value in values]
    pq.write_table(pa.table({"image": values}), tmp_path / "p.parquet", row_group_size=3)
    do_all(begin(tmp_path / "p.parquet", tmp_path / "out", partition_size=6))
    found = rows(tmp_path / "out")
    assert [row["file"] for row in found] == [f"p.parquet#{number}" for number in range(11)]
    assert [row["width"] for row in found] == [n + 20 if n != 4 else None for n in range(11)]
    assert found[4]["error"] == "'p.parquet#4' holds no bytes; accepted: an encoded picture"


def test_rows_of_parquet_that_is_damaged_are_rows_with_an_error(tmp_path):
    file = tmp_path / "p.parquet"
    table = pa.table({"image": [encoded(number) for number in range(6)]})
    pq.write_table(table, file, row_group_size=3)
    job = begin(file, tmp_path / "out", partition_size=3)
    start = pq.read_metadata(file).row_group(1).column(0).file_offset
    start = start or pq.read_metadata(file).row_group(1).column(0).dictionary_page_offset
    content = bytearray(file.read_bytes())
    content[start : start + 40] = bytes(40)
    file.write_bytes(content)
    assert do_all(job) == [Counts(3, 0, 1), Counts(3, 3, 0)]
    errors = [row["error"] for row in rows(tmp_path / "out")]
    assert errors[:3] == [None] * 3
    assert all(one.startswith(f"'p.parquet#{n + 3}' cannot") for n, one in enumerate(errors[3:]))


def test_names_in_parquet_are_looked_up_from_its_folder_or_as_they_are(photos, tmp_path):
    other = make(tmp_path / "other.png", size=(33, 9))
    names = ["1/1.png", str(other), other.as_uri(), "6/6.png", "none.png", "1/1.png"]
    pq.write_table(pa.table({"key": names}), photos / "names.parquet")
    do_all(begin(photos / "names.parquet", tmp_path / "out", column="key"))
    found = rows(tmp_path / "out")
    assert [row["file"] for row in found] == names
    assert [row["width"] for row in found] == [21, 33, 33, 26, None, 21]


def test_crops_are_pictures_of_the_faces(photos, tmp_path, monkeypatch):
    far = mj.Faces(FACES.boxes, FACES.scores, np.full((1, 5, 2), 3, np.float32))
    monkeypatch.setattr(mj, "detect", lambda p, image, c: far if image.shape[1] == 21 else FACES)
    do_all(begin(photos, tmp_path / "out", crops="aligned", crop_size=8))
    found = by_name(tmp_path / "out")
    (content,) = found["2/2.png"]["crops"]
    wanted = mj.align(photos / "2/2.png", FACES, size=8)[0]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), wanted)
    assert found["1/1.png"]["crops"] == [None]  # Its points are all in one place.


def test_pictures_go_through_in_batches(photos, tmp_path, monkeypatch):
    sizes = []

    def detect_batch(params, images, config, *, batch_size):
        sizes.append((len(images), batch_size))
        return [FACES[: image.shape[1] % 2] for image in images]

    monkeypatch.setattr(mj, "detect_batch", detect_batch)
    monkeypatch.setattr(mj, "detect", None)
    assert do_all(begin(photos, tmp_path / "out", batch_size=4)) == [Counts(COUNT, 0, COUNT // 2)]
    assert sizes == [(COUNT, 4)]


def test_a_worker_tells_why_the_job_cannot_go_on(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(detector.Detector, "__init__", lambda self: None)
    worker = detector.Detector()
    worker._job, worker._params = begin(photos, tmp_path / "out"), {}
    pathlib.Path(tmp_path / "out/_manifest/pictures-000000.parquet").unlink()
    (row,) = worker({"partition": np.array([0])})
    assert "pictures-000000.parquet' cannot be read" in row["failed"][0]
    assert row["partition"] == [0] and row["pictures"] == [0]
