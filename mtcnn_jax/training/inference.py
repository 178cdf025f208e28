"""A network in training run over any number of patches."""

import numpy as np

from mtcnn_jax.training.recipe import Params, Recipe
from mtcnn_jax.training.step import eval_step

CHUNK = 512
"""Patches that go through together; one shape, so that one compilation serves any number."""


def infer(recipe: Recipe, params: Params, patches: np.ndarray) -> tuple[np.ndarray, ...]:
    """`eval_step` over any number of patches, `CHUNK` at a time."""
    outputs = []
    for start in range(0, len(patches), CHUNK):
        part = patches[start : start + CHUNK]
        padded = np.concatenate([part, np.zeros((CHUNK - len(part), *part.shape[1:]), np.uint8)])
        outputs.append([np.asarray(out)[: len(part)] for out in eval_step(recipe, params, padded)])
    return tuple(np.concatenate(parts) for parts in zip(*outputs, strict=True))


def score(stage: str, params: Params, patches: np.ndarray) -> np.ndarray:
    """float32 [n]: the score that a network with `params` gives to each patch's window."""
    if not len(patches):
        return np.zeros(0, np.float32)
    return infer(Recipe(stage, 1000), {stage: params}, patches)[0]
