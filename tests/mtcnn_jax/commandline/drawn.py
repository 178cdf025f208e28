"""Pictures that the tests of the command read, faces that they find, and what they ask for."""

import numpy as np
from PIL import Image

import mtcnn_jax as mj
from mtcnn_jax.commandline.options import FLAGS, to_options

FACES = mj.Faces(
    np.array([[1.5, 2, 9, 10.25]], np.float32),
    np.array([0.875], np.float32),
    np.array([[[3, 4], [7, 4], [5, 6], [4, 8], [6.125, 8]]], np.float32),
)

DEFAULTS = {flag.name: flag.default for flag in FLAGS}
"""Of all flags, as a command line without them gives them."""


def options(**values):
    """What a run with these flags is asked for."""
    return to_options(DEFAULTS | values)


def make(path, size=(20, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 60, 30)).save(path)
    return path
