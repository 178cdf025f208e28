import zipfile

import numpy as np
import pytest

from experiments.evaluation.protocols import wider_predictions as files

BOXES = np.array([[466.7, 347.9, 23.5, 34.9, 0.99021], [27.2, -4, 27, 39.1, -3.25]])


def test_written_text(tmp_path):
    files.write_predictions(tmp_path, {"0--Parade/0_Parade_a_1": BOXES, "b/c": np.zeros((0, 5))})
    assert (tmp_path / "0--Parade" / "0_Parade_a_1.txt").read_text() == (
        "0--Parade/0_Parade_a_1.jpg\n2\n466.7 347.9 23.5 34.9 0.99021\n27.2 -4 27 39.1 -3.25\n"
    )
    assert (tmp_path / "b" / "c.txt").read_text() == "b/c.jpg\n0\n"


def test_reads_back_from_folders_and_archives(tmp_path):
    written = {"e/a": BOXES, "e/b": np.zeros((0, 5)), "f/c": BOXES[:1] + 1 / 3}
    files.write_predictions(tmp_path / "deep" / "er", written)
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for path in (tmp_path / "deep").rglob("*.txt"):
            archive.write(path, f"pred/{path.relative_to(tmp_path / 'deep' / 'er')}")
    for source in (tmp_path / "deep", tmp_path / "p.zip"):
        found = files.read_predictions(source, written)
        assert list(found) == list(written)
        for name, boxes in written.items():
            np.testing.assert_allclose(found[name], boxes, rtol=1e-8)


def test_known_pictures_may_be_there_and_are_not_read(tmp_path):
    files.write_predictions(tmp_path, {"e/a": BOXES})
    (tmp_path / "e" / "b.txt").write_text("broken")
    assert list(files.read_predictions(tmp_path, ["e/a"], known=["e/b"])) == ["e/a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 2: the end of the file; accepted is the number of boxes"),
        ("x\ntwo\n", "line 2: 'two'; accepted is the number"),
        ("x\n2\n1 2 3 4 5\n", "line 2: 2; there are 1 lines"),
        ("x\n1\n1 2 3 4\n", "line 3: '1 2 3 4'; accepted are 5 finite numbers"),
        ("x\n2\n1 2 3 4 5\n1 2 3 4 nan\n", "line 4: '1 2 3 4 nan'; accepted are 5 finite"),
        ("x\n1\n1 2 3 inf 5\n", "line 3: .*; accepted are 5 finite"),
        ("x\n1\n1 2 3 a 5\n", "line 3: .*; accepted are 5 finite"),
    ],
)
def test_malformed_lines_are_named(tmp_path, text, message):
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "a.txt").write_text(text)
    with pytest.raises(ValueError, match=f"a.txt, {message}"):
        files.read_predictions(tmp_path, ["e/a"])


def test_unknown_missing_and_double_pictures(tmp_path):
    files.write_predictions(tmp_path, {"e/a": BOXES, "e/x": BOXES})
    with pytest.raises(ValueError, match="x.txt: e/x is no picture of the ground truth"):
        files.read_predictions(tmp_path, ["e/a"])
    with pytest.raises(ValueError, match="no predictions for 1 of 3 pictures, the first e/b"):
        files.read_predictions(tmp_path, ["e/a", "e/b", "e/x"])
    files.write_predictions(tmp_path / "again", {"e/a": BOXES})
    with pytest.raises(ValueError, match="e/a was in .* already"):
        files.read_predictions(tmp_path, ["e/a", "e/x"])


def test_sources_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        files.read_predictions(tmp_path / "nothing", ["a"])
    (tmp_path / "p.zip").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="accepted: a ZIP archive or a folder"):
        files.read_predictions(tmp_path / "p.zip", ["a"])


def test_log_odds_keep_the_order_and_do_not_saturate():
    one = np.float32(1)
    scores = np.array([0.02, 0.5, 0.999, np.nextafter(one, np.float32(0)), 1], np.float32)
    odds = files.log_odds(scores)
    assert odds[1] == 0 and odds[0] == pytest.approx(np.log(0.02 / 0.98), abs=1e-6)
    assert (np.diff(odds) > 0).all() and np.isfinite(odds).all()
    assert odds[4] - odds[3] == pytest.approx(np.log(2), abs=1e-6)
    assert np.isfinite(files.log_odds([0.0])).all()
