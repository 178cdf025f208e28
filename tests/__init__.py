"""The tests of mtcnn_jax, data and experiments."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
"""The folder of the project."""
