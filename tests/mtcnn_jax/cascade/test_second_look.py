"""What a look says, by hand; `test_stages` has the second look as a whole."""

import jax.numpy as jnp
import numpy as np
import pytest

from mtcnn_jax.cascade.boxes import encode_offsets, mirror
from mtcnn_jax.cascade.second_look import averaged, said
from mtcnn_jax.cascade.windows import Windows
from mtcnn_jax.config import DetectConfig


def test_the_same_face_is_said_of_a_window_and_of_its_mirror_image():
    window = np.array([[100, 50, 140, 90]], np.float32)
    logits = np.array([[-1, 2]], np.float32)
    # A face from (110, 52) to (134, 94), its nose at (120, 70).
    offsets = np.array([[0.25, 0.05, -0.15, 0.1]], np.float32)
    x = [0.35, 0.75, 0.5, 0.4, 0.7]
    y = [0.3, 0.32, 0.5, 0.7, 0.72]
    wanted = [3, 110, 52, 134, 94, 114, 62, 130, 62.8, 120, 70, 116, 78, 128, 78.8]
    straight = said(window, logits, offsets, np.array([x + y], np.float32))
    np.testing.assert_allclose(straight[0], wanted, rtol=1e-6)
    # Seen mirrored, left is right: eyes and mouth corners change places.
    turned = np.array([[0.15, 0.05, -0.25, 0.1]], np.float32)
    x = [0.25, 0.65, 0.5, 0.3, 0.6]
    y = [0.32, 0.3, 0.5, 0.72, 0.7]
    mirrored = said(mirror(window), logits, turned, np.array([x + y], np.float32))
    np.testing.assert_allclose(mirrored[0], wanted, rtol=1e-6)


@pytest.mark.parametrize("backend", ["auto", "gpu_unrolled"])
def test_a_face_found_twice_is_left_once_where_its_boxes_come_to_agree(backend):
    """Each look says the face of which the window shows more; what was said first is 40 wide."""
    faces = np.array([[100, 100, 140, 140], [125, 100, 165, 140]], np.float32)
    first = np.array([[128, 100, 168, 140], [112, 100, 152, 140], [90, 100, 130, 140]], np.float32)
    scores = np.array([0.9, 0.8, 0.95], np.float32)[:, None]
    margins = np.log(scores / (1 - scores))

    def look(windows):
        middle = (windows.boxes[:, 0] + windows.boxes[:, 2]) / 2
        shown = jnp.asarray(faces)[(middle > 132).astype(int)]
        shown = jnp.where(
            (windows.boxes[:, 0] > windows.boxes[:, 2])[:, None], mirror(shown), shown
        )
        count = len(middle)
        logits = jnp.tile(jnp.array([[0.0, 2.0]]), (count, 1))
        return logits, encode_offsets(windows.boxes, shown), jnp.zeros((count, 10))

    zeros = np.zeros(3, np.int32)
    windows = Windows(first, scores[:, 0], np.zeros((3, 4), np.float32), zeros == 0, zeros)
    known = np.concatenate([margins, first, np.zeros((3, 10), np.float32)], axis=1)
    config = DetectConfig(backend=backend)
    found, whole, left_out = averaged(look, windows, jnp.asarray(known), config)
    assert found.valid.tolist() == [True, True, False] and left_out == 0
    # The first and the last of them; between them 15 pixels of 65, an IoU of 0.23.
    wanted = (first[[2, 0]] + 4 * faces) / 5
    np.testing.assert_allclose(found.boxes[:2], wanted, rtol=1e-6)
    np.testing.assert_allclose(whole[:2, 0], (margins[[2, 0], 0] + 4 * 2) / 5, rtol=1e-6)
