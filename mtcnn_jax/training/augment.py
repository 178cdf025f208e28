"""Augmentation of a batch within the training step: geometry, colour, and what hides a face.

Every example gets one random similarity (mirroring, rotation, scale, shift), with its box and
landmarks moved along, and is read from its patch by bilinear interpolation. Colour treats faces and
negatives alike, so that no network learns that what has colour is a face.
"""

import math

import jax
import jax.numpy as jnp

from mtcnn_jax.cascade.boxes import MIRRORED
from mtcnn_jax.training.augment_config import AugmentConfig
from mtcnn_jax.training.samples import (
    CONTEXT,
    DROPPED,
    LANDMARK,
    PART,
    PART_FROM,
    POSITIVE,
    POSITIVE_ABOVE,
    Samples,
)

NEAR = 1e-3
"""In pixels: a place that lies less before a pixel's is read from that pixel on."""


def window_of(patches: jax.Array) -> jax.Array:
    """The windows [b, s, s, 3] in the middle of `patches` [b, c, c, 3]."""
    side = patches.shape[1]
    size = round(side / CONTEXT)
    start = (side - size) // 2
    return patches[:, start : start + size, start : start + size]


def augment(key: jax.Array, samples: Samples, config: AugmentConfig) -> tuple[jax.Array, Samples]:
    """Changes every example of a batch at random.

    Args:
        key: source of randomness.
        samples: a batch of b samples with patches [b, c, c, 3].
        config: how strongly.

    Returns:
        float32 pixels [b, s, s, 3], 0..255, of the moved windows, and the samples with kinds, boxes
        and landmarks as they are in them. A POSITIVE or PART is sorted anew by its IoU; between the
        two kinds and negatives it is DROPPED.
    """
    key_geometry, key_colour, key_noise, key_plain = jax.random.split(key, 4)
    plain = jax.random.uniform(key_plain, samples.kinds.shape, jnp.float32) < config.plain
    centre, matrix, mirrored = _similarities(key_geometry, samples.kinds, plain, config)
    pixels = _resample(samples.patches, centre, matrix)
    recoloured = _recolour(key_colour, key_noise, pixels, config)
    pixels = jnp.where(plain[:, None, None, None], jnp.moveaxis(pixels, 0, -1), recoloured)
    pixels = jnp.clip(pixels, 0, 255)
    landmarks = _to_moved(samples.landmarks, centre, matrix)
    swapped = landmarks[:, jnp.array(MIRRORED)]
    landmarks = jnp.where(mirrored[:, None, None], swapped, landmarks)
    boxes = _moved_boxes(samples.boxes, centre, matrix)
    kinds = _sorted_anew(samples.kinds, boxes)
    return pixels, samples._replace(kinds=kinds, boxes=boxes, landmarks=landmarks)


def _similarities(
    key: jax.Array, kinds: jax.Array, plain: jax.Array, config: AugmentConfig
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Random similarities, each from the moved window to the stored one, in units of the latter.

    A point u of the moved window is the point `centre + matrix @ (u - 0.5)` of the stored one.

    Returns:
        centre [b, 2], matrix [b, 2, 2], mirrored bool [b].
    """
    count = kinds.shape[0]
    uniform = jax.random.uniform(key, (count, 5), jnp.float32, minval=-1.0)
    moving = uniform[:, :4] * ~plain[:, None]
    pointed = kinds == LANDMARK

    def strength(name: str) -> jax.Array:
        kinds = getattr(config, f"landmark_{name}"), getattr(config, name)
        return jnp.where(pointed, *(jnp.float32(number) for number in kinds))

    angle = moving[:, 0] * strength("rotation") * (math.pi / 180)
    scale = jnp.exp(moving[:, 1] * jnp.log1p(strength("scale")))
    centre = 0.5 + moving[:, 2:4] * strength("shift")[:, None]
    mirrored = uniform[:, 4] < 2 * config.flip - 1
    cos, sin = scale * jnp.cos(angle), scale * jnp.sin(angle)
    side = jnp.where(mirrored, -1.0, 1.0)
    rows = [jnp.stack([side * cos, -sin], axis=-1), jnp.stack([side * sin, cos], axis=-1)]
    return centre, jnp.stack(rows, axis=1), mirrored


def _to_moved(points: jax.Array, centre: jax.Array, matrix: jax.Array) -> jax.Array:
    """Points [b, n, 2] of the stored windows as points of the moved ones."""
    # The inverse of a similarity is its transpose over its squared scale.
    squared = jnp.sum(matrix[:, 0] ** 2, axis=-1)[:, None, None]
    offsets = points - centre[:, None]
    x = offsets[..., 0, None] * matrix[:, None, 0] + offsets[..., 1, None] * matrix[:, None, 1]
    return 0.5 + x / squared


def _moved_boxes(boxes: jax.Array, centre: jax.Array, matrix: jax.Array) -> jax.Array:
    """Boxes [b, 4] in units of the moved windows: centres move along, sides only scale."""
    middle = _to_moved((boxes[:, None, :2] + boxes[:, None, 2:]) / 2, centre, matrix)[:, 0]
    scale = jnp.sqrt(jnp.sum(matrix[:, 0] ** 2, axis=-1))[:, None]
    half = (boxes[:, 2:] - boxes[:, :2]) / (2 * scale)
    return jnp.concatenate([middle - half, middle + half], axis=-1)


def _sorted_anew(kinds: jax.Array, boxes: jax.Array) -> jax.Array:
    """Kinds [b] of the moved windows; only POSITIVE and PART change."""
    low = jnp.clip(boxes[:, :2], 0, 1)
    both = jnp.prod(jnp.clip(boxes[:, 2:], 0, 1) - low, axis=-1)
    overlap = both / (1 + jnp.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) - both)
    found = jnp.where(overlap >= PART_FROM, PART, DROPPED)
    found = jnp.where(overlap > POSITIVE_ABOVE, POSITIVE, found)
    changes = (kinds == POSITIVE) | (kinds == PART)
    return jnp.where(changes, found, kinds).astype(kinds.dtype)


def _resample(patches: jax.Array, centre: jax.Array, matrix: jax.Array) -> jax.Array:
    """Reads the moved windows off the patches: float32 [3, b, s, s], 0..255, edges continued."""
    count, side = patches.shape[:2]
    size = round(side / CONTEXT)
    grid = (jnp.arange(size, dtype=jnp.float32) + 0.5) / size - 0.5
    margin = (CONTEXT - 1) / 2

    def coordinate(axis: int) -> jax.Array:
        along, down = matrix[:, axis, 0, None, None], matrix[:, axis, 1, None, None]
        place = centre[:, axis, None, None] + along * grid + down * grid[:, None]
        return jnp.clip((place + margin) * (side / CONTEXT) - 0.5, 0, side - 1)

    x, y = coordinate(0), coordinate(1)
    # The last pixel is read as the far end of the pair before it. The compiler may work x out
    # twice, once for the pair and once for its weights; near a whole number, where an untouched
    # window lies, the two may differ by the last bit, and must not fall to different pairs.
    left = jnp.minimum((x + NEAR).astype(jnp.int32), side - 2)
    top = jnp.minimum((y + NEAR).astype(jnp.int32), side - 2)
    x, y = x - left, y - top
    first = (top * side + left).reshape(count, -1)
    # One gathered word holds a pixel's three channels: a third of the gathers.
    channels = patches.astype(jnp.uint32)
    words = channels[..., 0] | (channels[..., 1] << 8) | (channels[..., 2] << 16)
    words = words.reshape(count, -1)
    total = 0.0
    for offset, weight in (
        (0, (1 - x) * (1 - y)),
        (1, x * (1 - y)),
        (side, (1 - x) * y),
        (side + 1, x * y),
    ):
        read = jnp.take_along_axis(words, first + offset, axis=1, mode="promise_in_bounds")
        read = read.reshape(1, count, size, size)
        shifts = jnp.array([0, 8, 16], jnp.uint32)[:, None, None, None]
        total += ((read >> shifts) & 255).astype(jnp.float32) * weight
    return total


def _recolour(
    key: jax.Array, key_noise: jax.Array, pixels: jax.Array, config: AugmentConfig
) -> jax.Array:
    """Random colour, blur, occlusion and noise for float32 [3, b, s, s]; gives [b, s, s, 3]."""
    count, size = pixels.shape[1:3]
    # One row of numbers from 0 to 1 for each use of them, ready to multiply pixels.
    uniform = iter(jax.random.uniform(key, (19, count, 1, 1), jnp.float32))

    def signed() -> jax.Array:
        return 2 * next(uniform) - 1

    def happens(probability: float) -> jax.Array:
        return next(uniform) < probability

    grey = 0.299 * pixels[0] + 0.587 * pixels[1] + 0.114 * pixels[2]
    kind, share = next(uniform), next(uniform)
    lost = jnp.where(kind < config.grey, 1.0, jnp.where(kind < 2 * config.grey, share, 0.0))
    gain = jnp.exp(jnp.stack([signed(), signed(), signed()]) * config.tint)
    factor = jnp.exp(signed() * math.log1p(config.contrast))
    level = jnp.mean(grey, axis=(1, 2), keepdims=True)
    dimmed = jnp.where(happens(config.dark), 0.15 + 0.45 * next(uniform), 1.0)
    shift = signed() * config.brightness * 255 + level * (1 - factor)
    bend = signed() * config.curve / 255
    softness = jnp.where(happens(config.blur), next(uniform), 0.0) * (size / 24)
    pixels = pixels + lost * (grey - pixels)
    pixels = jnp.clip((pixels * factor + shift) * (gain * dimmed), 0, 255)
    pixels = pixels - bend * pixels * (255 - pixels)
    if config.blur:
        pixels = _soften(pixels, softness)
    if config.occlusion:
        # More often over the lower half, as masks are.
        x, y = next(uniform) * size, (0.25 + 0.75 * next(uniform)) * size
        wide, high = (0.1 + 0.4 * next(uniform)) * size, (0.1 + 0.2 * next(uniform)) * size
        grid = jnp.arange(size, dtype=jnp.float32) + 0.5
        inside = (jnp.abs(grid - x) < wide) & (jnp.abs(grid[:, None] - y) < high)
        shape = (3, count, 1, 1)
        colour = jax.random.uniform(jax.random.fold_in(key, 1), shape, jnp.float32, maxval=255.0)
        pixels = jnp.where(inside & happens(config.occlusion), colour, pixels)
    pixels = jnp.moveaxis(pixels, 0, -1)
    if config.noise:
        words = jax.random.bits(key_noise, (count, size, size, 1), jnp.uint32)
        bytes_ = (words >> jnp.array([0, 8, 16], jnp.uint32)) & 255
        width = next(uniform)[..., None] * config.noise
        pixels = pixels + (bytes_.astype(jnp.float32) * 2 - 255) * width
    return pixels


def _soften(pixels: jax.Array, sigma: jax.Array) -> jax.Array:
    """Blurs [3, b, s, s] by Gaussians of `sigma` [b, 1, 1] pixels, 0 for none."""
    # As products with a matrix for each example: XLA's CPU code for shifted sums is ten times
    # slower.
    places = jnp.arange(pixels.shape[-1], dtype=jnp.int32)
    distances = jnp.square((places[:, None] - places).astype(jnp.float32))
    weights = jnp.exp(-distances / (2 * jnp.maximum(sigma, 0.1) ** 2))
    weights = weights / jnp.sum(weights, axis=-1, keepdims=True)
    pixels = jnp.einsum("bij,cbjk->bcik", weights, pixels)
    return jnp.einsum("bcij,bkj->cbik", pixels, weights)
