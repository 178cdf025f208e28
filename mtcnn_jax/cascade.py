"""The three stages at fixed shapes: a padded picture in, faces out (paper, section 2.1).

P-Net proposes over the whole pyramid, R-Net and O-Net look again at what is left, a chunk of windows
at a time. The loops run for as many chunks as there are windows, so capacities cost memory, not
time. A stage that holds more windows than its capacity keeps the best and reports how many it had to
drop.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mtcnn_jax import boxes as box_lib
from mtcnn_jax import crops, networks, pyramid
from mtcnn_jax.nms import nms

Params = Any
"""The parameters of the three networks: {"pnet": ..., "rnet": ..., "onet": ...}."""


@dataclasses.dataclass(frozen=True)
class DetectConfig:
    """How to look for faces.

    A pytree whose two kinds of thresholds are its leaves: under `jit`, new thresholds compile
    nothing.

    Attributes:
        min_face_size: side in pixels of the smallest face looked for; 12 or more.
        thresholds: scores in [0, 1) that a window must exceed after P-Net, R-Net and O-Net.
        scale_factor: ratio of one pyramid level to the one before, within (0, 1).
        nms_thresholds: overlaps within (0, 1] above which the lower score goes: within a pyramid
            level, over all levels, after R-Net, and after O-Net (there over the smaller box).
        capacities: windows kept at most after P-Net's threshold, for R-Net and for O-Net.
        chunks: windows that R-Net and O-Net look at in one go.
        retries: how often `detect` starts again, with all capacities four times as large, when a
            picture overflows them; a picture that still does is reported by a warning.
    """

    min_face_size: float = 20
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    scale_factor: float = 0.709
    nms_thresholds: tuple[float, float, float, float] = (0.5, 0.7, 0.7, 0.7)
    capacities: tuple[int, int, int] = (4096, 1024, 256)
    chunks: tuple[int, int] = (64, 16)
    retries: int = 2

    def __post_init__(self):
        if not _is_number(self.min_face_size) or not 12 <= self.min_face_size < math.inf:
            raise ValueError(
                f"min_face_size is {self.min_face_size!r}; accepted are pixels from 12 up, the "
                "side of P-Net's window"
            )
        if not _is_number(self.scale_factor) or not 0 < self.scale_factor < 1:
            raise ValueError(
                f"scale_factor is {self.scale_factor!r}; accepted are numbers between 0 and 1, "
                "both excluded"
            )
        self._check_tuple("thresholds", 3, "scores from 0 to below 1", lambda x: 0 <= x < 1)
        self._check_tuple("nms_thresholds", 4, "overlaps above 0, up to 1", lambda x: 0 < x <= 1)
        counts = "whole numbers from 1 up"
        self._check_tuple("capacities", 3, counts, lambda x: x >= 1, kind=int)
        self._check_tuple("chunks", 2, counts, lambda x: x >= 1, kind=int)
        if not isinstance(self.retries, int) or isinstance(self.retries, bool) or self.retries < 0:
            raise ValueError(f"retries is {self.retries!r}; accepted are whole numbers from 0 up")

    def _check_tuple(
        self, name: str, length: int, accepted: str, test: Callable, *, kind: type = float
    ) -> None:
        """Makes attribute `name` a tuple of plain numbers (hashable: it is a static argument)."""
        found = getattr(self, name)
        try:
            values = tuple(found)
        except TypeError:
            values = ()
        whole = kind is not int or all(isinstance(value, int) for value in values)
        if (
            len(values) != length
            or not whole
            or not all(_is_number(value) and test(value) for value in values)
        ):
            raise ValueError(f"{name} is {found!r}; accepted are {length} {accepted}")
        object.__setattr__(self, name, tuple(kind(value) for value in values))


def _flatten(config: DetectConfig) -> tuple[tuple, tuple]:
    fields = dataclasses.asdict(config)
    return tuple(fields.pop(name) for name in _LEAVES), tuple(fields.items())


def _unflatten(rest: tuple, leaves: tuple) -> DetectConfig:
    """Without the checks, since the leaves may be traced."""
    config = object.__new__(DetectConfig)
    for name, value in (*rest, *zip(_LEAVES, leaves, strict=True)):
        object.__setattr__(config, name, value)
    return config


_LEAVES = ("thresholds", "nms_thresholds")
jax.tree_util.register_pytree_node(DetectConfig, _flatten, _unflatten)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Windows(NamedTuple):
    """Windows at a fixed capacity, the valid ones first, by descending score.

    Attributes:
        boxes: float32 [n, 4], pixels of the picture.
        scores: float32 [n].
        offsets: float32 [n, 4], the network's correction of each box.
        valid: bool [n].
        groups: int32 [n], the pyramid level that each came from.
    """

    boxes: jax.Array
    scores: jax.Array
    offsets: jax.Array
    valid: jax.Array
    groups: jax.Array


class Detections(NamedTuple):
    """Faces at a fixed capacity, the valid ones first, by descending score.

    Attributes:
        boxes: float32 [n, 4], pixels of the picture, clipped to it.
        scores: float32 [n].
        landmarks: float32 [n, 5, 2].
        valid: bool [n].
        overflow: int32 [3]: windows over each of the three capacities, which were dropped.
    """

    boxes: jax.Array
    scores: jax.Array
    landmarks: jax.Array
    valid: jax.Array
    overflow: jax.Array


def _take(windows: Any, index: jax.Array) -> Any:
    return jax.tree.map(lambda x: x[index], windows)


def _best(windows: Windows, capacity: int) -> tuple[Windows, jax.Array]:
    """The `capacity` valid windows of highest score, sorted, and how many more there were."""
    ranks = jnp.where(windows.valid, windows.scores, -1.0)
    count = ranks.shape[0]
    if capacity < count:
        _, index = jax.lax.top_k(ranks, capacity)
    else:
        index = jnp.pad(jnp.argsort(-ranks, stable=True), (0, capacity - count))
    best = _take(windows, index)
    best = best._replace(valid=best.valid & (jnp.arange(capacity) < count))
    return best, jnp.maximum(windows.valid.sum() - capacity, 0)


def _calibrated(windows: Windows) -> jax.Array:
    return box_lib.decode_offsets(windows.boxes, windows.offsets)


def propose(
    params: Params, chain: list[jax.Array], size: jax.Array, config: DetectConfig, shape
) -> tuple[Windows, jax.Array]:
    """P-Net over all levels, per-level and global suppression, calibration, squares.

    Args:
        params: of all three networks.
        chain: `crops.mip_chain` of the canvas.
        size: int [2], height and width of the picture.
        config: thresholds and capacities.
        shape: height and width of the canvas.

    Returns:
        Square windows for R-Net, [capacities[1]], and int32 [2], what went over the first two
        capacities.
    """
    levels = pyramid.plan(
        shape, min_face_size=config.min_face_size, scale_factor=config.scale_factor
    )
    found = []
    for number, picture in enumerate(pyramid.build(chain, size, levels)):
        pixels = networks.normalize(picture)[None]
        logits, offsets = networks.PNet().apply({"params": params["pnet"]}, pixels)
        scores = jax.nn.softmax(logits[0])[..., 1].ravel()
        valid = pyramid.cell_valid(levels[number], size).ravel()
        found.append(
            Windows(
                jnp.asarray(pyramid.cell_windows(levels[number]).reshape(-1, 4)),
                scores,
                offsets.reshape(-1, 4),
                valid & (scores > config.thresholds[0]),
                jnp.full(scores.shape, number, jnp.int32),
            )
        )
    if not found:
        zeros = jnp.zeros(1)
        box = jnp.zeros((1, 4))
        found.append(Windows(box, zeros, box, zeros > 0, zeros.astype(jnp.int32)))
    windows = jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
    windows, over_candidates = _best(windows, config.capacities[0])
    within, overall = config.nms_thresholds[:2]
    keep = nms(windows.boxes, windows.valid, within, groups=windows.groups)
    windows, _ = _best(windows._replace(valid=keep), config.capacities[0])
    keep = nms(windows.boxes, windows.valid, overall)
    windows, over_windows = _best(windows._replace(valid=keep), config.capacities[1])
    squares = box_lib.to_square(_calibrated(windows))
    return windows._replace(boxes=squares), jnp.stack([over_candidates, over_windows])


def _look(
    net, params: Params, pixels_of: Callable, windows: Windows, chunk: int
) -> tuple[jax.Array, ...]:
    """Runs a network over the valid windows, `chunk` at a time; zeros for the rest."""
    capacity = windows.boxes.shape[0]
    padded = -(-capacity // chunk) * chunk
    boxes = jnp.pad(windows.boxes, ((0, padded - capacity), (0, 0)))

    def outputs(at):
        part = jax.lax.dynamic_slice_in_dim(boxes, at, chunk)
        return net.apply({"params": params}, networks.normalize(pixels_of(part)))

    blank = jax.tree.map(
        lambda x: jnp.zeros((padded, *x.shape[1:]), x.dtype), jax.eval_shape(outputs, 0)
    )
    count = windows.valid.sum()

    def body(state):
        number, results = state
        at = number * chunk
        results = jax.tree.map(
            lambda whole, part: jax.lax.dynamic_update_slice_in_dim(whole, part, at, axis=0),
            results,
            outputs(at),
        )
        return number + 1, results

    start = (jnp.zeros((), jnp.int32), blank)
    _, results = jax.lax.while_loop(lambda state: state[0] * chunk < count, body, start)
    return jax.tree.map(lambda x: x[:capacity], results)


def refine(
    params: Params, pixels_of: Callable, windows: Windows, config: DetectConfig
) -> tuple[Windows, jax.Array]:
    """R-Net, suppression, calibration, squares.

    Args:
        params: of all three networks.
        pixels_of: windows [k, 4] to crops [k, 24, 24, 3], pixels 0..255.
        windows: squares from `propose`.
        config: thresholds and capacities.

    Returns:
        Square windows for O-Net, [capacities[2]], and int32 [], what went over that capacity.
    """
    net = networks.RNet()
    logits, offsets = _look(net, params["rnet"], pixels_of, windows, config.chunks[0])
    scores = jax.nn.softmax(logits)[..., 1]
    valid = windows.valid & (scores > config.thresholds[1])
    windows = windows._replace(scores=scores, offsets=offsets, valid=valid)
    windows, _ = _best(windows, windows.valid.shape[0])
    keep = nms(windows.boxes, windows.valid, config.nms_thresholds[2])
    windows, over = _best(windows._replace(valid=keep), config.capacities[2])
    return windows._replace(boxes=box_lib.to_square(_calibrated(windows))), over


def finish(
    params: Params, pixels_of: Callable, windows: Windows, config: DetectConfig
) -> tuple[Windows, jax.Array]:
    """O-Net, calibration, suppression over the smaller box.

    Args:
        params: of all three networks.
        pixels_of: windows [k, 4] to crops [k, 48, 48, 3], pixels 0..255.
        windows: squares from `refine`.
        config: thresholds.

    Returns:
        Windows whose boxes are the faces', not clipped, and their landmarks [n, 5, 2].
    """
    net = networks.ONet()
    logits, offsets, points = _look(net, params["onet"], pixels_of, windows, config.chunks[1])
    scores = jax.nn.softmax(logits)[..., 1]
    landmarks = box_lib.decode_landmarks(windows.boxes, points)
    valid = windows.valid & (scores > config.thresholds[2])
    windows = windows._replace(scores=scores, offsets=offsets, valid=valid)
    windows = windows._replace(boxes=_calibrated(windows))
    order = jnp.argsort(-jnp.where(valid, scores, -1.0), stable=True)
    windows, landmarks = _take((windows, landmarks), order)
    keep = nms(windows.boxes, windows.valid, config.nms_thresholds[3], mode="min")
    index = jnp.argsort(~keep, stable=True)
    windows, landmarks = _take((windows._replace(valid=keep), landmarks), index)
    return windows, landmarks


def stages(
    params: Params,
    canvas: jax.Array,
    size: jax.Array,
    config: DetectConfig,
    *,
    until: str = "onet",
) -> tuple[dict[str, Windows], jax.Array | None, jax.Array]:
    """The stages one after the other, with what each leaves.

    Args:
        params: of the networks up to `until`.
        canvas: uint8 [h, w, 3], the picture in its first corner; the rest is not looked at.
        size: int [2], height and width of the picture.
        config: how to look.
        until: the last stage to run, "pnet", "rnet" or "onet".

    Returns:
        The windows that each stage leaves (squares after "pnet" and "rnet", faces after "onet"),
        the faces' landmarks [n, 5, 2] (None before "onet"), and the overflow int32 [3].
    """
    shape = canvas.shape[:2]
    count = crops.mip_count(shape, networks.INPUT_SIZE["rnet"])
    levels = pyramid.plan(
        shape, min_face_size=config.min_face_size, scale_factor=config.scale_factor
    )
    chain = crops.mip_chain(canvas, size, max(count, pyramid.mips_used(levels)))

    def pixels_of(name):
        side = networks.INPUT_SIZE[name]
        return lambda windows: crops.crop_windows(
            canvas, size, windows, crop_size=side, chain=chain[:count]
        )

    left, landmarks, over_faces = {}, None, jnp.zeros((), jnp.int32)
    left["pnet"], over = propose(params, chain, size, config, shape)
    if until != "pnet":
        left["rnet"], over_faces = refine(params, pixels_of("rnet"), left["pnet"], config)
    if until == "onet":
        left["onet"], landmarks = finish(params, pixels_of("onet"), left["rnet"], config)
    return left, landmarks, jnp.append(over, over_faces)


def detect_padded(
    params: Params, canvas: jax.Array, size: jax.Array, config: DetectConfig
) -> Detections:
    """Detects the faces of a picture that lies in the first corner of a canvas.

    A pure function of fixed shapes, for `jit` and `vmap`.

    Args:
        params: of all three networks.
        canvas: uint8 [h, w, 3] or float pixels 0..255; what lies outside the picture has no effect.
        size: int [2], height and width of the picture.
        config: how to look.

    Returns:
        Detections of capacity `config.capacities[2]`.
    """
    left, landmarks, overflow = stages(params, canvas, size, config)
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
