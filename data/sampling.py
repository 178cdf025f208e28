"""Windows of labelled pictures, sorted into the four kinds of samples (paper, section 3.1).

A window is a NEGATIVE where its IoU with every face is below 0.3, a PART where its best is from 0.4
to 0.65, a POSITIVE above 0.65; between 0.3 and 0.4 it is none. Boxes that the labels say to ignore
make no sample, and a window that they cover by 0.3 or more, or that holds one of no area, is no
negative. All of it is NumPy, with an explicit generator; the pixels are cut by
`mtcnn_jax.cascade.crops`, as detection does.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from mtcnn_jax.cascade import crops, pyramid
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.runtime.buckets import bucket_of, buckets_for_many
from mtcnn_jax.training.samples import (
    CONTEXT,
    LANDMARK,
    NEGATIVE,
    PART,
    PART_FROM,
    POSITIVE,
    POSITIVE_ABOVE,
    Samples,
)

NEGATIVE_BELOW = 0.3
"""IoU with every face of a negative; the other bounds are in `mtcnn_jax.training.samples`."""

CAPACITY, CHUNK = 256, 16
"""Windows cut in one call at most, and together on a CPU, where those of one size cost less. A call
for one chunk or fewer, which is what a picture of one face has, takes room for no more."""


class Windows(NamedTuple):
    """Windows of one picture with their labels.

    Attributes:
        windows: float32 [n, 4], squares in pixels.
        kinds: int8 [n], NEGATIVE, POSITIVE, PART or LANDMARK; -1 for windows of no kind.
        boxes: float32 [n, 4], the face's box in units of the window, NaN for negatives.
        landmarks: float32 [n, 5, 2], in units of the window, NaN where unknown.
    """

    windows: np.ndarray
    kinds: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray


def overlaps(windows: np.ndarray, boxes: np.ndarray, *, mode: str = "union") -> np.ndarray:
    """float32 [n, m]: IoU of windows [n, 4] with boxes [m, 4]; "window" divides by the window."""
    both = 1.0
    for low, high in ((0, 2), (1, 3)):  # One axis at a time: five times as fast.
        stop = np.minimum(windows[:, None, high], boxes[:, high])
        both = both * np.maximum(stop - np.maximum(windows[:, None, low], boxes[:, low]), 0)
    area_windows = np.prod(windows[:, 2:] - windows[:, :2], axis=-1)[:, None]
    area_boxes = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=-1)[None]
    whole = area_windows + area_boxes - both if mode == "union" else area_windows
    return both / np.maximum(whole, 1e-9)


def label(
    windows: np.ndarray,
    boxes: np.ndarray,
    ignored: np.ndarray,
    landmarks: np.ndarray,
    *,
    exhaustive: bool = True,
) -> Windows:
    """Sorts windows into kinds by their overlap with the faces of their picture.

    Args:
        windows: float32 [n, 4], squares in pixels.
        boxes: float32 [m, 4], the labelled boxes.
        ignored: bool [m], True for boxes that make no sample.
        landmarks: float32 [m, 5, 2], NaN where unknown.
        exhaustive: False where faces may be unlabelled, so that no window is a negative.
    """
    windows = np.asarray(windows, np.float32).reshape(-1, 4)
    count = len(windows)
    kinds = np.full(count, -1, np.int8)
    targets = np.full((count, 4), np.nan, np.float32)
    points = np.full((count, 5, 2), np.nan, np.float32)
    faces = np.flatnonzero(~ignored)
    found = overlaps(windows, boxes[faces])
    best = found.max(axis=1, initial=0)
    if exhaustive:
        covered = overlaps(windows, boxes[ignored], mode="window").max(axis=1, initial=0)
        holds = _holds_empty(windows, boxes[ignored])
        kinds[(best < NEGATIVE_BELOW) & (covered < NEGATIVE_BELOW) & ~holds] = NEGATIVE
    kinds[(best >= PART_FROM) & (best <= POSITIVE_ABOVE)] = PART
    kinds[best > POSITIVE_ABOVE] = POSITIVE
    with_face = np.flatnonzero((kinds == PART) | (kinds == POSITIVE))
    if len(with_face):
        face = faces[found[with_face].argmax(axis=1)]
        origin = windows[with_face, :2]
        sides = windows[with_face, 2:] - origin
        targets[with_face] = (boxes[face] - np.tile(origin, 2)) / np.tile(sides, 2)
        points[with_face] = (landmarks[face] - origin[:, None]) / sides[:, None]
    return Windows(windows, kinds, targets, points)


def _holds_empty(windows: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """bool [n]: does a window hold the place of one of the `boxes` [m, 4] that have no area."""
    empty = boxes[(boxes[:, 2:] <= boxes[:, :2]).any(axis=1)]
    middle = (empty[:, :2] + empty[:, 2:]) / 2
    inside = (windows[:, None, :2] <= middle) & (middle <= windows[:, None, 2:])
    return inside.all(axis=-1).any(axis=1)


def squares_around(
    boxes: np.ndarray,
    count: int | np.ndarray,
    rng: np.random.Generator,
    *,
    shift: float,
    stretch: float,
) -> np.ndarray:
    """`count` squares [sum of count, 4] about each box: its longer side and centre, jittered.

    Args:
        boxes: float32 [m, 4].
        count: squares for each; one number, or int [m].
        rng: source of randomness.
        shift: greatest shift of the centre, as a share of the side.
        stretch: greatest factor on the side, up or down, uniform in its logarithm.
    """
    boxes = np.repeat(boxes, count, axis=0)
    side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    log = np.log(stretch)
    side = side * np.exp(rng.uniform(-log, log, side.shape))
    centres = centres + rng.uniform(-shift, shift, centres.shape) * side
    return np.concatenate([centres - side / 2, centres + side / 2], axis=1).astype(np.float32)


def random_squares(
    size: tuple[int, int], count: int, rng: np.random.Generator, *, smallest: float
) -> np.ndarray:
    """`count` squares [count, 4] within a picture, sides from `smallest` to its shorter side.

    Sides come up as often as those of P-Net's cells, whose number falls with the side's square.
    Empty where the picture is too small.
    """
    shorter = min(size)
    if shorter < smallest:
        return np.zeros((0, 4), np.float32)
    side = smallest / np.sqrt(rng.uniform((smallest / shorter) ** 2, 1, (count, 1)))
    room = np.array([size[1], size[0]]) - side
    corners = rng.uniform(0, 1, (count, 2)) * room
    return np.concatenate([corners, corners + side], axis=1).astype(np.float32)


def choose(
    windows: Windows,
    limits: dict[int, int],
    rng: np.random.Generator,
    *,
    balance: float = 0,
) -> Windows:
    """At most `limits[kind]` random windows of each kind; those of kinds not named are dropped.

    Each draw takes one of the windows left with a chance in proportion to its side to the power
    `balance`.
    """
    weights = (windows.windows[:, 2] - windows.windows[:, 0]) ** balance
    chosen = []
    for kind, limit in limits.items():
        index = np.flatnonzero(windows.kinds == kind)
        # Arrivals of one Poisson process for each window: which come first is that draw.
        arrivals = rng.exponential(size=len(index)) / weights[index]
        chosen.append(index[np.argsort(arrivals)[:limit]])
    index = np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, int)
    return Windows(*(field[index] for field in windows))


def as_landmarks(windows: Windows, *, kinds: tuple[int, ...] = (POSITIVE,)) -> Windows:
    """The windows of `kinds` with known points, as LANDMARK samples."""
    known = np.isfinite(windows.landmarks).all(axis=(1, 2))
    index = np.flatnonzero(np.isin(windows.kinds, kinds) & known)
    chosen = Windows(*(field[index] for field in windows))
    return chosen._replace(kinds=np.full(len(index), LANDMARK, np.int8))


def merge(parts: list[Windows]) -> Windows:
    """One `Windows` of several."""
    return Windows(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def cut(image: np.ndarray, windows: Windows, *, crop_size: int) -> Samples:
    """Cuts each window, with a third more context, out of a picture.

    Each network gets its patches through the filter that it meets in detection: P-Net that of the
    pyramid, the others that of the crops.

    Args:
        image: uint8 [h, w, 3].
        windows: labelled windows of it.
        crop_size: the network's input size; patches are 4/3 of it.

    Returns:
        Samples in the order of the windows.
    """
    side = round(crop_size * CONTEXT)
    centres = (windows.windows[:, :2] + windows.windows[:, 2:]) / 2
    half = (windows.windows[:, 2:] - windows.windows[:, :2]) * CONTEXT / 2
    grown = np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)
    by = _cut_as_pyramid if crop_size == INPUT_SIZE["pnet"] else _cut_as_crops
    return Samples(by(image, grown, side), windows.kinds, windows.boxes, windows.landmarks)


def _cut_as_pyramid(image: np.ndarray, windows: np.ndarray, side: int) -> np.ndarray:
    """uint8 [n, side, side, 3]: each window from the half nearest in size, as in `pyramid`."""
    patches = np.zeros((len(windows), side, side, 3), np.uint8)
    mips = pyramid.nearest_mip((windows[:, 2] - windows[:, 0]) / side)
    picture = Image.fromarray(image)
    for mip in np.unique(mips):
        rows = np.flatnonzero(mips == mip)
        halved = np.asarray(picture.reduce(2**mip)) if mip else image
        boxes = windows[rows] / 2**mip
        before = np.ceil(np.maximum(-boxes[:, :2].min(axis=0), 0)).astype(int)
        after = boxes[:, 2:].max(axis=0) - (halved.shape[1], halved.shape[0])
        margins = [*zip(before, np.ceil(np.maximum(after, 0)).astype(int), strict=True)][::-1]
        padded = Image.fromarray(np.pad(halved, (*margins, (0, 0))))
        for row, box in zip(rows, (boxes + np.tile(before, 2)).tolist(), strict=True):
            patches[row] = padded.resize((side, side), Image.Resampling.BILINEAR, box=tuple(box))
    return patches


def _cut_as_crops(image: np.ndarray, windows: np.ndarray, side: int) -> np.ndarray:
    """uint8 [n, side, side, 3] by `crops.crop_from`."""
    height, width = image.shape[:2]
    canvas = np.zeros((*bucket_of(height, width, buckets_for_many()), 3), np.uint8)
    canvas[:height, :width] = image
    size = np.array([height, width], np.int32)
    patches = np.zeros((len(windows), side, side, 3), np.uint8)
    by_size = np.argsort(windows[:, 2] - windows[:, 0])
    for start in range(0, len(windows), CAPACITY):
        rows = by_size[start : start + CAPACITY]
        room = CHUNK if len(rows) <= CHUNK else CAPACITY
        padded = np.pad(windows[rows], ((0, room - len(rows)), (0, 0)))
        # On the device a slice would be compiled for each length.
        patches[rows] = np.asarray(_crops(canvas, size, padded, len(rows), side=side))[: len(rows)]
    return patches


@functools.partial(jax.jit, static_argnames="side")
def _crops(canvas, size, windows, count, *, side):
    """uint8 [n, side, side, 3]; of the windows [n, 4] only the first `count` are cut."""
    pixels, shapes = crops.materialized_mips(canvas, size, crops.mip_count(canvas.shape[:2], side))
    chunk = CHUNK if jax.default_backend() == "cpu" else len(windows)

    def cut_chunk(number: jax.Array, patches: jax.Array) -> jax.Array:
        part = jax.lax.dynamic_slice_in_dim(windows, number * chunk, chunk)
        found = crops.crop_from(pixels, shapes, size, part, crop_size=side)
        found = jnp.round(found).astype(jnp.uint8)
        return jax.lax.dynamic_update_slice_in_dim(patches, found, number * chunk, axis=0)

    blank = jnp.zeros((len(windows), side, side, 3), jnp.uint8)
    return jax.lax.fori_loop(0, -(-count // chunk), cut_chunk, blank)
