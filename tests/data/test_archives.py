import json
import re

import numpy as np
import pytest

from data.archives import ArchiveError, PictureArchive, check_name, inside
from data.datasets import aflw, celeb_a, fddb, labelled, wider_face
from experiments.evaluation.protocols import wider_predictions
from tests.archives import jpeg, write_celeb, write_wider, write_zip
from tests.data.datasets import test_aflw

OUTSIDE = [
    "../evil.jpg",
    "a/../../evil.jpg",
    "/etc/evil.jpg",
    "C:/evil.jpg",
    "c:evil.jpg",
    "..\\evil.jpg",
    "\\evil.jpg",
    "a\x00.jpg",
    "a\x1b[2J.jpg",
    f"{'a' * 300}.jpg",
]
"""Names that lead out of their folder, or are none; not empty, and on one line each."""


@pytest.mark.parametrize("name", [*OUTSIDE, "", ".", "./", "a\nb.jpg", "\ud800.jpg"])
def test_names_that_leave_their_folder(name):
    with pytest.raises(ArchiveError, match="labels.txt, line 1: .* accepted is the path of a pict"):
        check_name(name, "labels.txt, line 1")


@pytest.mark.parametrize("name", ["a.jpg", "0--Parade/a b..c.jpg", "...jpg", "ä/~.jpg", "ab:c.jpg"])
def test_names_that_stay(name):
    assert check_name(name, "") == name
    assert check_name(f"./{name.replace('/', '//')}", "") == name


def celeb_list(folder, name):
    path = folder / "list.txt"
    path.write_text(f"{name} 1\n")
    return celeb_a.read_list(path, 1, header=False)


def fddb_blocks(folder, name):
    path = folder / "ellipseList.txt"
    path.write_text(f"{name}\n0\n")
    return fddb.read_blocks(path, (6,))


def aflw_database(folder, name):
    test_aflw.write(folder)
    test_aflw.change(folder, "UPDATE FaceImages SET filepath = ? WHERE image_id = 1", (name,))
    return aflw.Pictures(folder)


def coco_labels(folder, name):
    path = folder / "labels.json"
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": name}], "annotations": []}))
    return labelled.read_labels(path)


PARSERS = {
    "wider": lambda _, name: wider_face.parse_annotations("labels", f"{name}\n0\n0 0 0 0\n"),
    "wider_test": lambda _, name: wider_face.parse_names("labels", name),
    "coco": coco_labels,
    "fddb": fddb_blocks,
    "celeb_a": celeb_list,
    "aflw": aflw_database,
    "predictions": lambda folder, name: wider_predictions.write_predictions(
        folder / "a" / "b", {name.removesuffix(".jpg"): np.zeros((0, 5))}
    ),
}


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("parser", PARSERS)
def test_every_parser_refuses_them_by_place(tmp_path, parser, name):
    before = set(tmp_path.parent.rglob("*"))
    with pytest.raises(ArchiveError, match=re.escape("accepted is the path of a picture below")):
        PARSERS[parser](tmp_path, name)
    new = {path.name for path in set(tmp_path.parent.rglob("*")) - before}
    assert not [path for path in new if "evil" in path]


def test_links_that_leave_a_folder_are_not_followed(tmp_path):
    folder = tmp_path / "set"
    (folder / "a").mkdir(parents=True)
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    (folder / "a" / "1.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "a" / "2.jpg").write_bytes(b"fine")
    (folder / "3.jpg").symlink_to(folder / "a" / "2.jpg")
    (folder / "b").symlink_to(tmp_path)
    (folder / "c").symlink_to("c")
    archive = PictureArchive(folder)
    for name in ("a/1.jpg", "b/outside.jpg"):
        with pytest.raises(ArchiveError, match=f"{name}, which line 1 names, is a link to .*outsi"):
            archive.read(name, named_by="line 1")
    assert archive.read("3.jpg", named_by="") == b"fine"
    for name in ("a", "3.jpg/4.jpg", "5.jpg"):
        with pytest.raises(ArchiveError, match=f"holds no {name}, which line 1 names"):
            archive.read(name, named_by="line 1")
    assert not inside(folder, "c", "").exists()
    # A folder that is a link itself is the user's choice.
    (tmp_path / "link").symlink_to(folder)
    assert PictureArchive(tmp_path / "link").read("a/2.jpg", named_by="") == b"fine"


def test_names_are_checked_in_archives_too(tmp_path):
    write_zip(tmp_path / "a.zip", {"../evil.jpg": b"", "b.jpg": b"fine"})
    archive = PictureArchive(tmp_path / "a.zip")
    with pytest.raises(ArchiveError, match="line 1: '../evil.jpg'; accepted"):
        archive.read("../evil.jpg", named_by="line 1")
    assert archive.read("b.jpg", named_by="") == b"fine"


@pytest.mark.parametrize("names", [["a.jpg"], ["s/a.jpg"]])
def test_labelled_folders_and_aflw_follow_no_link_out(tmp_path, names):
    folder = tmp_path / "set"
    (folder / "s").mkdir(parents=True)
    (tmp_path / "outside.jpg").write_bytes(jpeg())
    (folder / names[0]).symlink_to(tmp_path / "outside.jpg")
    (tmp_path / "labels.txt").write_text(f"{names[0]}\n1\n1 1 20 20 0 0 0 0 0 0\n")
    with pytest.raises(ArchiveError, match="a.jpg, which .*line 1 names, is a link to"):
        labelled.Pictures(folder, tmp_path / "labels.txt")
    test_aflw.write(folder)
    (folder / "flickr/0/a.jpg").unlink()
    (folder / "flickr/0/a.jpg").symlink_to(tmp_path / "outside.jpg")
    with pytest.raises(ArchiveError, match="0/a.jpg, which face 1 of .* names, is a link to"):
        aflw.Pictures(folder)


def test_unpacked_sets_may_lie_behind_a_link(tmp_path):
    """As they do where a disk of their own holds them; the pictures in them may not."""
    manual, disk = tmp_path / "manual", tmp_path / "disk"
    manual.mkdir()
    disk.mkdir()
    write_celeb(disk, unpacked=True)
    (manual / "img_celeba").symlink_to(disk / "img_celeba")
    archive = PictureArchive(manual / "img_celeba")
    assert archive.read("000001.jpg", named_by="") == jpeg(height=80, seed=0)
    write_wider(manual)
    assert len(wider_face.read_annotations(manual, "train")) == 3
