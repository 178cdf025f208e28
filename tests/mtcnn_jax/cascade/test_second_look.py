"""What a look says, by hand; `test_stages` has the second look as a whole."""

import numpy as np

from mtcnn_jax.cascade.boxes import mirror
from mtcnn_jax.cascade.second_look import said


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
