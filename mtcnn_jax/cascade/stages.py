"""The three stages at fixed shapes: a padded picture in, faces out (paper, section 2.1).

P-Net proposes over the whole pyramid, R-Net and O-Net look again at what is left, a chunk of
windows at a time. The loops run for as many chunks as there are windows, so capacities cost memory,
not time. A stage that holds more windows than its capacity keeps the best and reports how many it
had to drop.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mtcnn_jax.cascade import boxes as box_lib
from mtcnn_jax.cascade import crops, packing, pyramid
from mtcnn_jax.cascade.arguments import check_padded
from mtcnn_jax.cascade.second_look import (
    BOX,
    MARGIN,
    POINTS,
    averaged,
    confirmed,
    margin_of,
    said,
)
from mtcnn_jax.cascade.size_prior import COUNTED, FACE, log_odds, raised
from mtcnn_jax.cascade.voting import vote
from mtcnn_jax.cascade.windows import (
    Windows,
    calibrated,
    compacted,
    keep_best,
    look_at,
    suppress,
    take,
)
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.networks.backends import backend_of
from mtcnn_jax.networks.forward import as_float32, forward
from mtcnn_jax.networks.layers import INPUT_SIZE, STRIDE

Params = Any
"""The parameters of the three networks: {"pnet": ..., "rnet": ..., "onet": ...}."""


class Detections(NamedTuple):
    """Faces at a fixed capacity, the valid ones first, by descending score.

    Attributes:
        boxes: float32 [n, 4], pixels of the picture, clipped to it.
        scores: float32 [n].
        landmarks: float32 [n, 5, 2], not clipped: of a face that the picture cuts some lie outside.
        valid: bool [n].
        overflow: int32 [3]: windows over each of the three capacities, which were dropped, or, on
            the backend "gpu_unrolled", left undecided.
    """

    boxes: jax.Array
    scores: jax.Array
    landmarks: jax.Array
    valid: jax.Array
    overflow: jax.Array


def _outputs(
    params: Params,
    chain: list[jax.Array],
    size: jax.Array,
    levels: tuple[pyramid.Level, ...],
    backend: str,
) -> Iterator[tuple[jax.Array, jax.Array]]:
    """P-Net's logits [r, c, 2] and offsets [r, c, 4] over one level after the other."""
    for group in packing.groups(levels, backend):
        pixels, corners = packing.lay_out(chain, size, group)
        logits, offsets = forward("pnet", params, pixels, backend=backend)
        for level, corner in zip(group, corners, strict=True):
            rows, columns = (
                slice(start // STRIDE, start // STRIDE + cells)
                for start, cells in zip(corner, pyramid.cells(level), strict=True)
            )
            yield logits[0, rows, columns], offsets[0, rows, columns]


def scan(
    params: Params,
    chain: list[jax.Array],
    size: jax.Array,
    levels: tuple[pyramid.Level, ...],
    config: DetectConfig,
) -> Windows:
    """P-Net over all levels of the pyramid.

    Args:
        params: of all three networks.
        chain: `crops.mip_chain` of the canvas.
        size: int [2], height and width of the picture.
        levels: `pyramid.plan` of the canvas.
        config: thresholds.

    Returns:
        The windows of all its cells, not sorted, in pixels of their levels; those that lie within
        the picture and exceed the threshold are valid.
    """
    found = []
    outputs = _outputs(params["pnet"], chain, size, levels, config.backend)
    sides = pyramid.WINDOW * jnp.asarray(pyramid.units(levels))
    priors = log_odds(sides, COUNTED["pnet"] * config.size_prior)
    for number, (level, (logits, offsets)) in enumerate(zip(levels, outputs, strict=True)):
        logits = logits.reshape(-1, 2) + priors[number] * jnp.array(FACE, jnp.float32)
        scores = jax.nn.softmax(logits)[..., 1]
        valid = pyramid.cell_valid(level, size).ravel()
        found.append(
            Windows(
                jnp.asarray(pyramid.cell_windows(level).reshape(-1, 4)),
                scores,
                offsets.reshape(-1, 4),
                valid & (scores > config.thresholds[0]),
                jnp.full(scores.shape, number, jnp.int32),
            )
        )
    if not found:
        zeros = jnp.zeros(1, jnp.float32)
        box = jnp.zeros((1, 4), jnp.float32)
        found.append(Windows(box, zeros, box, zeros > 0, zeros.astype(jnp.int32)))
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)


def propose(windows: Windows, units: jax.Array, config: DetectConfig) -> tuple[Windows, jax.Array]:
    """Per-level and global suppression, calibration, squares.

    Args:
        windows: from `scan`: within a level in whole numbers, for there every twelfth overlaps
            another by just a half, and rounding would decide (decision 0010).
        units: of `pyramid.units`.
        config: thresholds and capacities.

    Returns:
        Square windows for R-Net, [capacities[1]], and int32 [2], what went over the first two
        capacities.
    """
    capacity, room = config.capacities[:2]
    between, over = capacity, 0
    if backend_of(config.backend) == "gpu_unrolled":
        # Sorting 2,048 windows and suppressing among 512 takes less than all cells and 2,048; the
        # first suppression leaves a third, of which the second takes away next to none.
        windows, over = compacted(windows, capacity)
        between = room
    windows, dropped = keep_best(windows, capacity)
    within, overall = config.nms_thresholds[:2]
    keep, undecided = suppress(windows, within, config.backend, within=True)
    over_candidates = over + dropped + undecided
    windows, over = compacted(windows._replace(valid=keep), between)
    windows = windows._replace(boxes=windows.boxes * jnp.asarray(units)[windows.groups, None])
    keep, undecided = suppress(windows, overall, config.backend)
    windows, dropped = compacted(windows._replace(valid=keep), room)
    squares = box_lib.to_square(calibrated(windows))
    over_windows = over + dropped + undecided
    return windows._replace(boxes=squares), jnp.stack([over_candidates, over_windows])


def _look(
    stage: str, params: Params, crops_of: Callable, config: DetectConfig, windows: Windows
) -> tuple[jax.Array, ...]:
    """What `look_at` gives of R-Net or O-Net, with the prior by size in the logits."""
    chunk = config.used_chunks[("rnet", "onet").index(stage)]
    logits, *rest = look_at(stage, params, crops_of, windows, chunk=chunk, backend=config.backend)
    return raised(logits, windows.boxes, COUNTED[stage] * config.size_prior), *rest


def refine(
    params: Params, crops_of: Callable, windows: Windows, config: DetectConfig
) -> tuple[Windows, jax.Array]:
    """R-Net, suppression, calibration, a second look, squares.

    Args:
        params: of all three networks.
        crops_of: windows [k, 4] to crops [k, 24, 24, 3], normalised.
        windows: squares from `propose`.
        config: thresholds and capacities.

    Returns:
        Square windows for O-Net, [capacities[2]], and int32 [], what went over that capacity.
    """
    look = functools.partial(_look, "rnet", params["rnet"], crops_of, config)
    logits, offsets = look(windows)
    scores = jax.nn.softmax(logits)[..., 1]
    valid = windows.valid & (scores > config.thresholds[1])
    windows = windows._replace(scores=scores, offsets=offsets, valid=valid)
    order = jnp.argsort(-jnp.where(valid, scores, -1.0), stable=True)
    windows, margin = take((windows, margin_of(logits)), order)
    keep, undecided = suppress(windows, config.nms_thresholds[2], config.backend)
    room = config.capacities[2]
    windows, over = compacted(windows._replace(valid=keep), room)
    margin = jnp.pad(margin[jnp.argsort(~keep, stable=True)], (0, room))[:room]
    windows = windows._replace(boxes=calibrated(windows))
    if config.second_look:
        windows, more = confirmed(look, windows, margin, config)
        undecided += more
    return windows._replace(boxes=box_lib.to_square(windows.boxes)), over + undecided


def finish(
    params: Params, crops_of: Callable, windows: Windows, config: DetectConfig
) -> tuple[Windows, jax.Array, jax.Array]:
    """O-Net, calibration, suppression over the smaller box, voting, a second look.

    Args:
        params: of all three networks.
        crops_of: windows [k, 4] to crops [k, 48, 48, 3], normalised.
        windows: squares from `refine`.
        config: thresholds.

    Returns:
        Windows whose boxes are the faces', not clipped, their landmarks [n, 5, 2], and int32 [],
        how many were left undecided.
    """
    look = functools.partial(_look, "onet", params["onet"], crops_of, config)
    heads = look(windows)
    first = said(windows.boxes, *heads)
    margin = first[:, MARGIN]
    scores = jax.nn.softmax(heads[0])[..., 1]
    valid = windows.valid & (scores > config.thresholds[2])
    windows = windows._replace(scores=scores, offsets=heads[1], boxes=first[:, BOX], valid=valid)
    # A vote counts by -log(1 - score): 1% better points than by score, and no worse boxes.
    weights = jnp.where(valid, jax.nn.softplus(margin), 0)
    order = jnp.argsort(-jnp.where(valid, scores, -1.0), stable=True)
    windows, first, weights = take((windows, first, weights), order)
    smaller = config.nms_thresholds[3]
    keep, undecided = suppress(windows, smaller, config.backend, mode="min")
    votes = vote(windows.boxes, first[:, MARGIN + 1 :], weights, config.voting)
    windows = windows._replace(boxes=votes[:, :4], valid=keep)
    whole = jnp.concatenate([first[:, :1], votes], axis=1)
    windows, whole = take((windows, whole), jnp.argsort(~keep, stable=True))
    if config.second_look:
        windows, whole, over = averaged(look, windows, whole, config)
        undecided += over
    return windows, whole[:, POINTS].reshape(-1, 5, 2), undecided


def run_stages(
    params: Params,
    canvas: jax.Array,
    size: jax.Array,
    config: DetectConfig,
    *,
    until: str = "onet",
) -> tuple[dict[str, Windows], jax.Array | None, jax.Array]:
    """The stages one after the other, with what each leaves.

    Args:
        params: of the networks up to `until`, of any float dtype; computed with as float32.
        canvas: uint8 [h, w, 3], the picture in its first corner; the rest is not looked at.
        size: int [2], height and width of the picture.
        config: how to look.
        until: the last stage to run, "pnet", "rnet" or "onet".

    Returns:
        The windows that each stage leaves (squares after "pnet" and "rnet", faces after "onet"),
        the faces' landmarks [n, 5, 2] (None before "onet"), and the overflow int32 [3].
    """
    params = as_float32(params)
    shape = canvas.shape[:2]
    count = crops.mip_count(shape, INPUT_SIZE["rnet"])
    levels = pyramid.plan(
        shape, min_face_size=config.min_face_size, scale_factor=config.scale_factor
    )
    pixels, shapes = crops.materialized_mips(canvas, size, max(count, pyramid.mips_used(levels)))
    chain = crops.parted(pixels, shapes)

    def crops_of(name):
        cut = functools.partial(crops.crop_from, pixels, shapes[:count], size)
        return functools.partial(cut, crop_size=INPUT_SIZE[name], normalized=True)

    cells = scan(params, chain, size, levels, config)
    left, landmarks, over_faces = {}, None, jnp.zeros((), jnp.int32)
    left["pnet"], over = propose(cells, pyramid.units(levels), config)
    if until != "pnet":
        left["rnet"], over_faces = refine(params, crops_of("rnet"), left["pnet"], config)
    if until == "onet":
        left["onet"], landmarks, undecided = finish(params, crops_of("onet"), left["rnet"], config)
        over_faces += undecided
    return left, landmarks, jnp.append(over, over_faces)


def detect_padded(
    params: Params, canvas: jax.Array, size: jax.Array, config: DetectConfig
) -> Detections:
    """Detects the faces of a picture that lies in the first corner of a canvas.

    A pure function of fixed shapes, for `jit` (with `mtcnn_jax.compiler_options`) and `vmap`.

    Args:
        params: of all three networks.
        canvas: uint8 or float [h, w, 3], pixels 0..255: those of 0..1, as `read_image` takes them,
            are multiplied by 255 first. What lies outside the picture has no effect.
        size: int [2], height and width of the picture.
        config: how to look.

    Returns:
        Detections of capacity `config.capacities[2]`.

    Raises:
        TypeError, ValueError: if an argument is of another type or shape.

    Example:
        >>> import jax, numpy as np
        >>> import mtcnn_jax as mj
        >>> look = jax.jit(mj.detect_padded, compiler_options=mj.compiler_options())
        >>> canvas, size = np.zeros((480, 640, 3), np.uint8), np.array([120, 160])
        >>> found = look(mj.load_params(), canvas, size, mj.DetectConfig())
        >>> found.boxes.shape, int(found.valid.sum()), found.overflow.tolist()
        ((256, 4), 0, [0, 0, 0])
    """
    check_padded(params, canvas, size, config)
    left, landmarks, overflow = run_stages(params, canvas, size, config)
    faces = left["onet"]
    boxes = box_lib.clip_boxes(faces.boxes, size)
    blank = ~faces.valid
    return Detections(
        jnp.where(blank[:, None], 0, boxes),
        jnp.where(blank, 0, faces.scores),
        jnp.where(blank[:, None, None], 0, landmarks),
        faces.valid,
        overflow,
    )
