"""Pictures are listed as they come, and divided into partitions, each of them once."""

import os
import pathlib
import tracemalloc

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.bulk import manifest
from experiments.bulk.listing import Source, column_of, is_file, list_sources
from experiments.bulk.manifest import read_manifest, shown, write_manifest
from experiments.bulk.storage import open_place

NAMES = ["a.jpg", "b.PNG", "deep/er/c.webp", "deep/d.tif", "two words/ü.jpeg"]
OTHERS = ["notes.txt", "deep/clip.mp4"]
HIDDEN = [".e.jpg", ".cache/f.jpg"]


def fill(root):
    for name in (*NAMES, *OTHERS, *HIDDEN):
        root.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        root.joinpath(name).write_bytes(b"no one looks")
    return root


def listed(url, column=None, most=10):
    place = open_place(str(url))
    return list(list_sources(place, single=is_file(place), column=column, most=most))


def write_parquet(path, count, *, group, column="image", value=lambda number: b"%d" % number):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"id": range(count), column: [value(number) for number in range(count)]})
    pq.write_table(table, path, row_group_size=group)
    return path


def test_a_folder_gives_its_pictures_and_counts_what_else_is_there(tmp_path):
    found = listed(fill(tmp_path))
    assert sorted(shown(one.file) for one in found if one) == sorted(NAMES)
    assert found.count(None) == len(OTHERS)


def test_a_folder_elsewhere_gives_the_same(tmp_path):
    memory = fsspec.filesystem("memory")
    memory.put(f"{fill(tmp_path)}/", "/listing/photos/", recursive=True)
    try:
        found = listed("memory://listing/photos")
    finally:
        memory.rm("/listing", recursive=True)
    assert sorted(shown(one.file) for one in found if one) == sorted(NAMES)
    assert found.count(None) == len(OTHERS)


def test_one_picture_is_an_input(tmp_path):
    assert listed(fill(tmp_path) / "deep/d.tif") == [Source(b"d.tif")]


def test_a_name_that_is_no_text_is_told_byte_by_byte(tmp_path):
    name = b"caf\xe9.jpg"
    pathlib.Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).touch()
    assert listed(tmp_path) == [Source(name)]
    assert shown(name) == r"caf\xe9.jpg"


def test_links_to_folders_are_not_followed(tmp_path):
    fill(tmp_path)
    (tmp_path / "deep/round").symlink_to(tmp_path)
    (tmp_path / "again.jpg").symlink_to(tmp_path / "a.jpg")
    assert sorted(shown(one.file) for one in listed(tmp_path) if one) == sorted(
        [*NAMES, "again.jpg"]
    )


def test_row_groups_of_parquet_are_never_divided(tmp_path):
    file = write_parquet(tmp_path / "photos.parquet", 25, group=4)
    # Groups of 4, 4, 4, 4, 4, 4 and 1 rows, of which 10 hold two, and at the end three.
    found = listed(file)
    assert found == [
        Source(b"photos.parquet", first, groups, row, rows)
        for first, groups, row, rows in [(0, 2, 0, 8), (2, 2, 8, 8), (4, 3, 16, 9)]
    ]
    assert [one.pictures for one in listed(file, most=1)] == [4] * 6 + [1]


def test_a_folder_of_parquet_is_one_where_a_column_is_named(tmp_path):
    for name in ("x/one.parquet", "two.parquet"):
        write_parquet(tmp_path / name, 3, group=3)
    (tmp_path / "more.txt").touch()
    found = listed(tmp_path, column="image")
    assert sorted(one.file for one in found if one) == [b"two.parquet", b"x/one.parquet"]
    assert found.count(None) == 1


def test_names_may_lie_in_parquet(tmp_path):
    names = ["a.jpg", "/b.jpg", "s3://c/d.jpg"]
    file = write_parquet(tmp_path / "n.parquet", 3, group=2, column="key", value=names.__getitem__)
    assert listed(file, column="key") == [Source(name.encode()) for name in names]


BYTES, STRUCT = pa.binary(), pa.struct({"bytes": pa.binary(), "path": pa.string()})


@pytest.mark.parametrize(
    ("columns", "asked", "found"),
    [
        ({"id": pa.int64(), "jpeg": BYTES}, None, "jpeg"),
        ({"name": pa.string(), "image": STRUCT}, None, "image"),
        ({"name": pa.string(), "image": STRUCT}, "name", "name"),
        ({"a": BYTES, "b": BYTES}, "b", "b"),
        ({"a": BYTES, "b": BYTES}, None, None),
        ({"a": pa.string()}, None, None),
        ({"a": BYTES}, "c", None),
        ({"a": pa.int64()}, "a", None),
    ],
)
def test_the_column_is_the_one_named_or_the_only_one(columns, asked, found):
    place = open_place("/photos.parquet")
    if found:
        assert column_of(pa.schema(columns), asked, place) == found
        return
    with pytest.raises(ValueError, match=r"column.*accepted of '/photos.parquet'.*it has"):
        column_of(pa.schema(columns), asked, place)


def test_a_damaged_file_of_parquet_is_named(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match=r"x.parquet' is not Parquet or damaged"):
        listed(tmp_path / "x.parquet")


def test_an_input_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match="none' cannot be read"):
        listed(tmp_path / "none")


@pytest.mark.parametrize("held", [1, 7, 1000])
def test_each_picture_is_in_one_partition(tmp_path, monkeypatch, held):
    monkeypatch.setattr(manifest, "FILE_SIZE", held)
    sources = [Source(b"%d.jpg" % number) for number in range(23)]
    sources += [None, Source(b"x.parquet", 0, 2, 0, 9), None, Source(b"y.parquet", 3, 1, 70, 4)]
    output = open_place(str(tmp_path))
    written = write_manifest(output, iter(sources), {"input": "photos"}, 5)
    assert (written.pictures, written.left_out) == (23 + 9 + 4, 2)
    parts = [written.sources(number) for number in range(written.partitions)]
    assert [one for part in parts for one in part] == [one for one in sources if one]
    # 5, 5, 5, 5 and 3 pictures, then nine rows at once, since they are in one source, and four.
    assert [sum(one.pictures for one in part) for part in parts] == [5, 5, 5, 5, 3, 9, 4]
    assert read_manifest(output) == (written, {"input": "photos"})


def test_a_list_that_was_not_finished_is_none(tmp_path):
    def killed():
        yield Source(b"a.jpg")
        raise KeyboardInterrupt

    output = open_place(str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        write_manifest(output, killed(), {"input": "photos"}, 1)
    assert read_manifest(output) is None


def test_no_picture_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="no picture at photos, and 2 other files; accepted"):
        write_manifest(open_place(str(tmp_path)), [None, None], {"input": "photos"}, 5)


def test_a_manifest_that_is_damaged_is_named(tmp_path):
    output = open_place(str(tmp_path))
    write_manifest(output, [Source(b"a.jpg")], {"input": "photos"}, 5)
    (tmp_path / manifest.DONE).write_text('{"settings": {}}')
    with pytest.raises(ValueError, match="done.json' is damaged; accepted: another --output"):
        read_manifest(output)


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "FILE_SIZE", 1000)

    def most(count):
        output = open_place(str(tmp_path / str(count)))
        sources = (Source(b"a/long/name/of/a/picture/%09d.jpg" % n) for n in range(count))
        tracemalloc.start()
        try:
            write_manifest(output, sources, {"input": "photos"}, 100)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = most(2_000), most(20_000)
    assert many < few + 200_000  # A list of the names alone would be of 1.5 MB more.
