"""The pictures that are made of a picture."""

import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from mtcnn_jax.commandline.copies import copies_of, remove_copies, write_copies
from mtcnn_jax.commandline.results import is_ours, is_result
from tests.mtcnn_jax.commandline.drawn import make, options

IMAGE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
BOXES = np.array([[10, 10, 30, 34], [40, 20, 64, 50]], np.float32)
SHAPE = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]], np.float32)
TWO = mj.Faces(
    BOXES,
    np.array([0.9, 0.8], np.float32),
    BOXES[:, None, :2] + SHAPE * (BOXES[:, None, 2:] - BOXES[:, None, :2]),
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["aligned", "box"])
def test_crops_are_those_of_align_without_loss(tmp_path, kind):
    asked = options(pictures=False, crops=kind, crop_size=48)
    assert write_copies(tmp_path / "x.jpg", IMAGE, TWO, asked) == []
    assert names(tmp_path) == ["x.jpg.face0.png", "x.jpg.face1.png"]
    template = {"aligned": "arcface", "box": "box"}[kind]
    for number, wanted in enumerate(mj.align(IMAGE, TWO, size=48, template=template)):
        with Image.open(tmp_path / f"x.jpg.face{number}.png") as crop:
            np.testing.assert_array_equal(np.asarray(crop), wanted)


@pytest.mark.parametrize("how", ["blur", "pixels", "box"])
def test_a_picture_without_its_faces(tmp_path, how):
    asked = options(pictures=False, blur=how)
    flat = np.full((60, 80, 3), 50, np.uint8)
    flat[20:24, 18:22] = flat[34:37, 50:54] = 250  # Within the faces.
    assert write_copies(tmp_path / "x.jpg", flat, TWO, asked) == []
    assert names(tmp_path) == ["x.jpg.blurred.jpg"]
    with Image.open(tmp_path / "x.jpg.blurred.jpg") as blurred:
        found = np.asarray(blurred).astype(int)
    assert found.shape == flat.shape
    assert found[20:24, 18:22].max() < 200 and found[34:37, 50:54].max() < 200
    assert abs(found[55:, :8] - 50).max() < 8  # Far from both.


def test_all_copies_carry_a_mark_and_are_named_like_results(tmp_path):
    asked = options(crops="box", blur="box")
    write_copies(tmp_path / "a/x.jpg", IMAGE, TWO, asked)
    wanted = ["blurred.jpg", "face0.png", "face1.png", "faces.jpg"]
    assert names(tmp_path / "a") == [f"x.jpg.{name}" for name in wanted]
    for path in copies_of(tmp_path / "a/x.jpg", 2, asked):
        assert is_ours(path) and is_result(path.name)
    assert not is_result("x.jpg") and not is_result("face0.png") and not is_result("x.faces.png")


def test_crops_of_faces_that_are_no_more_are_taken_away(tmp_path):
    asked = options(pictures=False, crops="box")
    write_copies(tmp_path / "x.jpg", IMAGE, TWO, asked)
    write_copies(tmp_path / "x.jpg", IMAGE, TWO[:1], asked)
    assert names(tmp_path) == ["x.jpg.face0.png"]


def test_a_crop_in_the_place_of_a_users_file_is_told(tmp_path):
    own = make(tmp_path / "x.jpg.face1.png")
    before = own.read_bytes()
    asked = options(pictures=False, crops="box")
    (sentence,) = write_copies(tmp_path / "x.jpg", IMAGE, TWO, asked)
    assert "x.jpg.face1.png' is there and no result of an earlier run; accepted" in sentence
    assert own.read_bytes() == before
    remove_copies(tmp_path / "x.jpg")
    assert names(tmp_path) == ["x.jpg.face1.png"]


def test_a_face_that_cannot_be_aligned_is_told_by_name(tmp_path):
    bad = mj.Faces(TWO.boxes, TWO.scores, np.zeros_like(TWO.landmarks))
    told = write_copies(tmp_path / "x.jpg", IMAGE, bad, options(crops="aligned"))
    assert len(told) == 2 and f"{str(tmp_path / 'x.jpg.face0.png')!r}: " in told[0]
    assert names(tmp_path) == ["x.jpg.faces.jpg"]
