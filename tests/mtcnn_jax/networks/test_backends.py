"""The backends of the cascade against the reference, end to end."""

import dataclasses

import numpy as np
import pytest

from mtcnn_jax import DetectConfig, detect, detect_batch
from tests.mtcnn_jax.cascade.test_boxes import overlap


def same(faces, wanted):
    """The same faces, within what one window more or less makes of their means.

    Where an overlap is the threshold itself, rounding decides, which differs between backends.
    """
    assert len(faces.boxes) == len(wanted.boxes) >= 1
    assert min(map(overlap, faces.boxes, wanted.boxes)) > 0.98
    np.testing.assert_allclose(faces.scores, wanted.scores, atol=1e-3)
    np.testing.assert_allclose(faces.landmarks, wanted.landmarks, atol=0.5)


@pytest.fixture(scope="module")
def plain(params, street, astronaut):
    """Each photo, and its faces by the reference."""
    photos = {"street": street, "astronaut": astronaut[:300, 60:360]}
    config = DetectConfig(backend="reference")
    return {name: (photo, detect(params, photo, config)) for name, photo in photos.items()}


@pytest.mark.parametrize("backend", ["cpu", "gpu", "gpu_unrolled"])
@pytest.mark.parametrize("name", ["street", "astronaut"])
def test_the_faces_are_those_of_the_reference(name, backend, plain, params):
    photo, wanted = plain[name]
    same(detect(params, photo, DetectConfig(backend=backend)), wanted)


def test_so_they_are_in_a_batch_for_a_gpu(params, street):
    config = DetectConfig(min_face_size=40, capacities=(1024, 256, 64))
    pictures = [street, street[:, ::-1], street[40:, 30:]]
    wanted = [detect(params, picture, config) for picture in pictures]
    assert sum(len(faces.scores) for faces in wanted) > 8
    config = dataclasses.replace(config, backend="gpu", chunks=(64, 8))
    for faces, one in zip(
        detect_batch(params, pictures, config, batch_size=2), wanted, strict=True
    ):
        same(faces, one)
