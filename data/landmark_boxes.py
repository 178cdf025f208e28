"""Boxes about landmarks, for faces that have points and no box."""

import numpy as np

BOX_SIDES = (2.2, 2.95)
"""Width and height of a face's box over the distance from the middle of the eyes to the mouth's."""

BOX_CENTRE = 0.23
"""Where the box's centre lies, from the middle of the eyes (0) to that of the mouth (1)."""


def box_of_landmarks(landmarks: np.ndarray) -> np.ndarray:
    """Upright boxes [..., 4] about five landmarks [..., 5, 2], for faces that have no box.

    The distance from the eyes to the mouth hardly changes as a head turns sideways; that between
    the eyes does. The proportions are medians over 12,000 faces that have both.
    """
    eyes, mouth = landmarks[..., :2, :].mean(axis=-2), landmarks[..., 3:, :].mean(axis=-2)
    length = np.linalg.norm(mouth - eyes, axis=-1, keepdims=True)
    centre = eyes + BOX_CENTRE * (mouth - eyes)
    half = length * np.array(BOX_SIDES) / 2
    return np.concatenate([centre - half, centre + half], axis=-1).astype(np.float32)
