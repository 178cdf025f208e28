"""What the demonstration shows: windows in their places and colours, and what it says."""

import warnings

import numpy as np
import pytest
from PIL import Image

import mtcnn_jax as mj
from experiments.demonstration import views


def windows(*rows):
    return np.array(rows, np.float32).reshape(-1, 5)


def faces(count):
    """That many faces of 20 x 20 pixels, one below the other."""
    corners = np.arange(count, dtype=np.float32)[:, None] * 30
    boxes = np.concatenate([corners * 0 + 10, corners, corners * 0 + 30, corners + 20], axis=1)
    points = np.broadcast_to(boxes[:, None, :2] + 5, (count, 5, 2))
    return mj.Faces(boxes, np.linspace(0.9, 0.8, count, dtype=np.float32), points)


@pytest.fixture
def stubs(monkeypatch):
    """Puts known faces and windows in the cascade's place; gives them, to be changed."""
    found = {"faces": faces(2), "pnet": windows((0, 0, 100, 100, 0.9), (0, 0, 40, 40, 0.6))}
    found |= {"rnet": windows((0, 0, 100, 100, 0.9)), "onet": windows(), "warning": None}

    def detect(params, image, config):
        if found["warning"]:
            warnings.warn(found["warning"], stacklevel=2)
        return found["faces"]

    def align(image, faces, *, size):
        return np.zeros((len(faces), size, size, 3), np.uint8)

    monkeypatch.setattr(mj, "detect", detect)
    monkeypatch.setattr(mj, "align", align)
    monkeypatch.setattr(mj, "detect_stages", lambda params, images, config: [found])
    return found


def default():
    return views.settings(20, 0.6, 0.7, 0.7, 0.7)


def test_windows_are_drawn_at_their_pixels_from_blue_to_yellow():
    image = np.full((60, 80, 3), 100, np.uint8)
    left = windows((40, 10, 60, 30, 1.0), (5, 5, 25, 25, 0.5))
    drawn = np.asarray(views.draw_windows(image, left, least=0.5))
    assert drawn.shape == image.shape
    for column in (40, 59):
        assert drawn[20, column].tolist() == [255, 214, 0]
    for column in (5, 24):
        assert drawn[20, column].tolist() == [64, 132, 255]
    outside = [(20, 39), (20, 60), (20, 4), (20, 25), (20, 50), (20, 15)]
    assert all(drawn[place].tolist() == [60, 60, 60] for place in outside)


def test_the_best_window_is_drawn_over_the_others():
    left = windows((4, 4, 12, 12, 1.0), (4, 4, 12, 12, 0.7))
    drawn = np.asarray(views.draw_windows(np.zeros((20, 20, 3), np.uint8), left, least=0.7))
    assert drawn[4, 4].tolist() == [255, 214, 0]


def test_windows_beyond_the_picture_or_thinner_than_a_pixel_are_drawn_as_far_as_they_go():
    left = windows((-9, -9, 5, 5, 0.9), (8, 8, 8.2, 8.2, 0.8))
    drawn = np.asarray(views.draw_windows(np.zeros((20, 20, 3), np.uint8), left, least=0.7))
    assert drawn[4, 2].any() and drawn[8, 8].any() and not drawn[15, 15].any()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((100, 50), (100, 50)), ((1280, 640), (1280, 640)), ((2560, 640), (1280, 320)),
     ((3, 12800), (1, 1280))],
)  # fmt: skip
def test_large_pictures_are_shown_smaller(shape, expected):
    small, scale = views.shown(np.zeros((*shape, 3), np.uint8))
    assert small.shape == (*expected, 3)
    assert scale == pytest.approx(max(expected) / max(shape))


def test_a_photo_is_looked_at_whole_and_shown_small(stubs):
    view = views.look({}, np.full((200, 2560, 3), 100, np.uint8), default())
    assert view.faces.size == (1280, 100)
    assert [crop.size for crop, _ in view.crops] == [(112, 112)] * 2
    assert [caption for _, caption in view.crops] == ["0.900", "0.800"]
    told = ["P-Net left 2 windows", "R-Net left 1 window", "O-Net left 0 windows"]
    assert [caption for _, caption in view.stages] == told
    whole = np.asarray(view.stages[1][0])  # A window of 100 pixels, half as large on the screen.
    assert whole[25, 49, 0] > 150 and whole[25, 54].tolist() == [60, 60, 60]
    assert view.said.startswith("2 faces in 2560 x 200 pixels, ")


def test_it_says_where_there_is_no_face_and_where_windows_were_dropped(stubs):
    stubs["faces"], stubs["warning"] = faces(0), "(1, 0, 0) windows went over the capacities"
    view = views.look({}, np.zeros((50, 50, 3), np.uint8), default())
    assert not view.crops
    assert view.said.startswith("No face in 50 x 50 pixels")
    assert "lower thresholds" in view.said.lower() and "dropped" in view.said


def test_of_a_crowd_the_surest_are_shown_aligned(stubs):
    stubs["faces"] = faces(views.MOST_CROPS + 1)
    view = views.look({}, np.zeros((50, 50, 3), np.uint8), default())
    assert len(view.crops) == views.MOST_CROPS and view.crops[0][1] == "0.900"
    assert view.said.startswith("61 faces") and "surest 60" in view.said


def test_sliders_become_settings():
    config = views.settings(40, 0.1, 0.99, 0.5, 1)
    assert (config.min_face_size, config.thresholds, config.voting) == (40, (0.1, 0.99, 0.5), 1)
    with pytest.raises(ValueError, match="thresholds is"):
        views.settings(40, 0.1, 1.0, 0.5, 1)


def test_a_photo_that_cannot_be_read_is_named_without_its_folder(tmp_path):
    path = tmp_path / "note.png"
    path.write_text("no picture")
    with pytest.raises(ValueError, match="^'note.png' is not a picture"):
        views.read_photo(path)


def test_a_photo_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(views, "MOST_PIXELS", 3_000_000)
    path = tmp_path / "large.png"
    Image.new("L", (3001, 1000)).save(path)
    with pytest.raises(ValueError, match="3001 x 1000 pixels; accepted are up to 3 million"):
        views.read_photo(path)
    Image.new("L", (3000, 1000)).save(path)
    assert views.read_photo(path).shape == (1000, 3000, 3)
