"""Scenes hold as many faces as they say, at places that do not overlap."""

import numpy as np
import pytest

from experiments.speed.scenes import FACE, open_photo, scene
from mtcnn_jax import DetectConfig, detect, load_params


@pytest.fixture(scope="module")
def photo():
    return open_photo()


@pytest.mark.parametrize("faces", [0, 1, 5, 12])
def test_as_many_faces_as_asked_for_are_laid_on_the_ground(photo, faces):
    empty, picture = (scene(photo, (480, 640), count) for count in (0, faces))
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    changed = (picture != empty).any(axis=-1)
    assert bool(changed.any()) == bool(faces)
    assert changed.mean() < 0.9
    head = np.asarray(photo.crop(FACE))
    assert head.mean() > 60


def test_the_detector_finds_them(photo):
    picture = scene(photo, (480, 640), 5)
    assert len(detect(load_params(), picture, DetectConfig(min_face_size=40)).boxes) == 5


def test_too_many_are_refused(photo):
    with pytest.raises(ValueError, match="500 faces in 640 x 480 pixels leave .* accepted are 48"):
        scene(photo, (480, 640), 500)
