"""The file of a partition: whole or not there, and read by what reads Parquet."""

import numpy as np
import pyarrow.parquet as pq
import pytest

import mtcnn_jax as mj
from experiments.bulk.partitions import (
    SCHEMA,
    Counts,
    finished,
    name,
    read_counts,
    to_failure,
    to_row,
    write_partition,
)
from experiments.bulk.storage import open_place, write

RANDOM = np.random.default_rng(0)


def faces(count):
    boxes, scores = RANDOM.random((count, 4), np.float32), RANDOM.random(count, np.float32)
    return mj.Faces(boxes, scores, RANDOM.random((count, 5, 2), np.float32))


def test_numbers_come_back_to_the_last_bit(tmp_path):
    found = [faces(count) for count in (2, 0, 3)]
    rows = [to_row(f"{n}.jpg", (40 + n, 50), one) for n, one in enumerate(found)]
    rows.insert(1, to_failure("bad.jpg", "'bad.jpg' is not a picture"))
    place = open_place(str(tmp_path / name(7)))
    counts = write_partition(place, iter(rows), row_group_size=2, crops=False)
    assert counts == Counts(4, 1, 5) == read_counts(place)
    table = pq.read_table(place.path)
    assert table.schema.remove_metadata() == SCHEMA
    assert pq.ParquetFile(place.path).metadata.num_row_groups == 2
    read = table.to_pylist()
    assert [row["file"] for row in read] == ["0.jpg", "bad.jpg", "1.jpg", "2.jpg"]
    failed = read.pop(1)
    assert failed.pop("error") == "'bad.jpg' is not a picture"
    assert {failed.pop("file")} == {"bad.jpg"} and not any(failed.values())
    for row, one in zip(read, found, strict=True):
        for key in ("boxes", "scores", "landmarks"):
            wanted = getattr(one, key)
            assert np.array_equal(np.array(row[key], np.float32).reshape(wanted.shape), wanted)
        assert (row["width"], row["error"]) == (50, None)
    assert [row["height"] for row in read] == [40, 41, 42]


def test_crops_have_a_column_where_they_are_wanted(tmp_path):
    place = open_place(str(tmp_path / "a.parquet"))
    row = to_row("a.jpg", (4, 5), faces(2), [b"png", None])
    write_partition(place, [row, to_failure("b", "none")], row_group_size=9, crops=True)
    assert pq.read_table(place.path)["crops"].to_pylist() == [[b"png", None], None]


def test_a_file_that_is_cut_short_or_of_another_name_is_not_finished(tmp_path):
    output = open_place(str(tmp_path))
    assert finished(output / "none") == set()
    for file in (name(0), name(1_234_567), "part-3.parquet", "part-000004.parquet.tmp"):
        write(output / file, b"PAR1")
    (tmp_path / name(5)).touch()
    (tmp_path / "part-000006.parquet").mkdir()
    assert finished(output) == {0, 1_234_567}


def test_what_fails_on_the_way_leaves_no_file(tmp_path):
    def rows():
        yield to_failure("a.jpg", "none")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_partition(open_place(str(tmp_path / "a")), rows(), row_group_size=1, crops=False)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file/part' cannot be written: "):
        write(open_place(str(tmp_path / "file/part")), b"")
