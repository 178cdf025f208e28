"""The cascade of the 12-, 24- and 48-nets, whole pictures in and windows of faces out.

The same pipeline as detection's: its pyramid, its crops and its suppression. The 12-net runs over
every level of the pyramid, the 24- and the 48-net look again at what is left. The calibration nets
of Li et al., which move windows between these stages, are left out: a face's box is the window.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.studies.rivals.cascade_cnn import INPUT_SIZE, NETWORKS
from mtcnn_jax import DetectConfig, compiler_options
from mtcnn_jax.cascade import crops, pyramid
from mtcnn_jax.cascade.boxes import clip_boxes
from mtcnn_jax.cascade.nms import nms
from mtcnn_jax.networks.layers import normalize

SPACING = 2
"""Cells from one window of the 12-net to the next that is looked at, 4 pixels as in Li et al."""


class Found(NamedTuple):
    """Windows at a fixed capacity, by descending score.

    Attributes:
        boxes: float32 [n, 4], pixels of the picture.
        scores: float32 [n].
        groups: int32 [n], the pyramid level that each came from.
        valid: bool [n].
    """

    boxes: jax.Array
    scores: jax.Array
    groups: jax.Array
    valid: jax.Array


def _best(found: Found, capacity: int) -> Found:
    """The valid windows of highest score, sorted, `capacity` of them at most."""
    ranks = jnp.where(found.valid, found.scores, -1.0)
    _, order = jax.lax.top_k(ranks, min(capacity, len(ranks)))
    return jax.tree.map(lambda field: field[order], found)


def _apply(name: str, params: Any, pixels: jax.Array) -> jax.Array:
    """A network's scores of normalised pixels, [..., 2] logits made into [...]."""
    return jax.nn.softmax(NETWORKS[name]().apply({"params": params}, pixels))[..., 1]


def _scan(
    params: Any,
    chain: list[jax.Array],
    size: jax.Array,
    levels: tuple[pyramid.Level, ...],
    threshold: jax.Array | float,
) -> Found:
    """The 12-net over all levels."""
    found = []
    every = (slice(None, None, SPACING),) * 2
    for number, level in enumerate(levels):
        pixels = normalize(pyramid.resample(chain, size, level))
        scores = _apply("net12", params, pixels[None])[0][every].ravel()
        boxes = pyramid.cell_windows(level)[every].reshape(-1, 4) / np.float32(level.scale)
        valid = pyramid.cell_valid(level, size)[every].ravel()
        groups = jnp.full(scores.shape, number, jnp.int32)
        found.append(Found(jnp.asarray(boxes), scores, groups, valid & (scores > threshold)))
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)


def _look_again(
    name: str, params: Any, crops_of: Callable, found: Found, threshold: Any, chunk: int
) -> Found:
    """Scores the valid windows, which come first, anew, `chunk` at a time; sorts them."""
    capacity = len(found.scores)
    sides = found.boxes[:, 2] - found.boxes[:, 0]
    by_size = jnp.argsort(jnp.where(found.valid, sides, jnp.inf))
    boxes = jnp.pad(found.boxes[by_size], ((0, -capacity % chunk), (0, 0)))
    count = found.valid.sum()

    def body(number: jax.Array, scores: jax.Array) -> jax.Array:
        part = jax.lax.dynamic_slice_in_dim(boxes, number * chunk, chunk)
        each = _apply(name, params, crops_of(part, crop_size=INPUT_SIZE[name]))
        return jax.lax.dynamic_update_slice_in_dim(scores, each, number * chunk, 0)

    blank = jnp.zeros(len(boxes), jnp.float32)
    scores = jax.lax.fori_loop(0, -(-count // chunk), body, blank)
    scores = blank[:capacity].at[by_size].set(scores[:capacity])
    valid = found.valid & (scores > threshold)
    return _best(found._replace(scores=scores, valid=valid), capacity)


@functools.partial(jax.jit, compiler_options=compiler_options())
def look(
    params: dict[str, Any], canvas: jax.Array, size: jax.Array, config: DetectConfig
) -> tuple[Found, jax.Array]:
    """Detects the faces of a picture that lies in the first corner of a canvas.

    Args:
        params: of the three networks.
        canvas: uint8 [h, w, 3].
        size: int [2], height and width of the picture.
        config: as in detection, with the thresholds of the 12-, 24- and 48-net.

    Returns:
        Windows [capacities[2]], and int32 [3], how many each stage left.
    """
    shape = canvas.shape[:2]
    levels = pyramid.plan(
        shape, min_face_size=config.min_face_size, scale_factor=config.scale_factor
    )
    count = crops.mip_count(shape, INPUT_SIZE["net24"])
    depth = max(count, pyramid.mips_used(levels))
    pixels, shapes = crops.materialized_mips(canvas, size, depth)
    chain = crops.parted(pixels, shapes)
    crops_of = functools.partial(
        crops.crop_from, pixels, shapes[:count], size, normalized=True
    )  # fmt: skip
    within, overall, refined, smaller = config.nms_thresholds

    def kept(found: Found, threshold: Any, capacity: int, **settings: Any) -> Found:
        keep = nms(found.boxes, found.valid, threshold, backend=config.backend, **settings)
        return _best(found._replace(valid=keep), capacity)

    found = _scan(params["net12"], chain, size, levels, config.thresholds[0])
    found = _best(found, config.capacities[0])
    found = kept(found, within, config.capacities[0], groups=found.groups)
    found = kept(found, overall, config.capacities[1])
    left = [found.valid.sum()]
    for name, threshold, chunk, overlap, mode in (
        ("net24", config.thresholds[1], config.used_chunks[0], refined, "union"),
        ("net48", config.thresholds[2], config.used_chunks[1], smaller, "min"),
    ):
        found = _look_again(name, params[name], crops_of, found, threshold, chunk)
        found = kept(found, overlap, config.capacities[2], mode=mode)
        left.append(found.valid.sum())
    return found._replace(boxes=clip_boxes(found.boxes, size)), jnp.stack(left)


def detect(
    params: dict[str, Any], picture: np.ndarray, config: DetectConfig
) -> tuple[np.ndarray, np.ndarray]:
    """The boxes [n, 4] of a picture's faces, and how many windows [3] each stage left.

    Args:
        params: of the three networks.
        picture: uint8 [h, w, 3]; each size compiles anew.
        config: as for `look`.
    """
    found, left = look(params, picture, np.array(picture.shape[:2], np.int32), config)
    return np.asarray(found.boxes)[np.asarray(found.valid)], np.asarray(left)
