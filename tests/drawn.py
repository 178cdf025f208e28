"""Samples of drawn faces, easy enough to be learnt in a few steps; and states without a start."""

import jax
import numpy as np

from data.samples import LANDMARK, NEGATIVE, PART, POSITIVE, Samples, save_samples
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.training.step import create_state

FACE_POINTS = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])


def draw_samples(stage, *, each, seed=0):
    """Dark noise; faces are bright squares with five dark points. 3:1:1:2, `each` positives."""
    rng = np.random.default_rng(seed)
    size = INPUT_SIZE[stage]
    side = size * 4 // 3
    kinds = np.repeat([NEGATIVE, POSITIVE, PART, LANDMARK], np.array([3, 1, 1, 2]) * each)
    count = len(kinds)
    patches = rng.integers(0, 90, (count, side, side, 3))
    boxes = np.full((count, 4), np.nan, np.float32)
    landmarks = np.full((count, 5, 2), np.nan, np.float32)
    centres = (np.arange(side) + 0.5 - (side - size) / 2) / size
    for row in np.flatnonzero(kinds != NEGATIVE):
        shift = rng.uniform(-0.03, 0.03, 2) if kinds[row] != PART else np.array([0.25, 0.1])
        low, high = 0.05 + shift, 0.95 + shift
        inside = [(centres > low[axis]) & (centres < high[axis]) for axis in range(2)]
        patches[row][inside[1][:, None] & inside[0]] += 140
        points = low + FACE_POINTS * (high - low)
        for x, y in points:
            near = (centres - x) ** 2 + (centres[:, None] - y) ** 2 < 0.06**2
            patches[row][near] //= 4
        boxes[row] = [*low, *high]
        if kinds[row] == LANDMARK:
            landmarks[row] = points
    return Samples(patches.astype(np.uint8), kinds.astype(np.int8), boxes, landmarks)


def save_drawn(folder, stage, *, each=8):
    """Folders for training and validation, as `experiments.mine` lays them out."""
    for seed, split in enumerate(("train", "validation")):
        samples = draw_samples(stage, each=each, seed=seed)
        save_samples(folder / stage / split, samples, {"stage": stage})
    return folder


def fill_state(recipe, *, seed=0):
    """A state of step 0 with random parameters, without the compiling that a fresh one takes."""
    rng = np.random.default_rng(seed)

    def fill(leaf):
        if np.issubdtype(leaf.dtype, np.integer):
            return np.zeros(leaf.shape, leaf.dtype)
        return rng.normal(0, 0.1, leaf.shape).astype(leaf.dtype)

    return jax.tree.map(fill, jax.eval_shape(lambda: create_state(recipe, seed=0)))
