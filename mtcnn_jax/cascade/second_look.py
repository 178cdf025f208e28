"""A second look: again at what R-Net leaves and at each face, straight on and mirrored.

The windows that P-Net and R-Net leave lie beside a face as often as on it. Where the face is known,
the square about its box is a better window, and its mirror image another sight of the same face.
What all looks say is averaged. O-Net looks so for boxes, points and log-odds, and once more at the
square about the better box. R-Net looks so once, for log-odds alone: its boxes stay, and a score is
the lower of the first look's and the mean's, for both have to exceed the threshold. Of several that
then lie on each other one stays, of R-Net's windows as of the faces. Not in the paper.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from mtcnn_jax.cascade import boxes as box_lib
from mtcnn_jax.cascade.windows import Windows, compacted, keep_best, suppress, take
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.networks.backends import backend_of

LOOKS = {"rnet": 3, "onet": 5}
"""The first, which of O-Net is a vote of all windows on a face, and then two at a time."""

CONFIRMED_OVERLAP = 0.75
"""IoU of R-Net's boxes above which the lower score goes after its second look: at 0.6 O-Net has too
few windows of a face that vote, and above 0.85 they crowd out those of others."""

AGREED_OVERLAP = 0.5
"""IoU of faces above which the lower score goes after the last look, for the boxes of two windows
on a face come to agree: of 26 doubles above a score of 0.7 on 450 pictures, 5 are left."""

MARGIN, BOX, POINTS = 0, slice(1, 5), slice(5, 15)
"""Columns of what a look says."""

AT_ONCE = 64
"""Faces that the backend "gpu_unrolled", which has no loops, has a second look at."""


def margin_of(logits: jax.Array) -> jax.Array:
    """The log-odds [n] of a face, of logits [n, 2]."""
    return logits[:, 1] - logits[:, 0]


def said(windows: jax.Array, logits: jax.Array, offsets: jax.Array, points: jax.Array) -> jax.Array:
    """What O-Net says of windows that may be mirrored, in places of the picture.

    Args:
        windows: float32 [n, 4]; of a mirrored one (`boxes.mirror`) x1 is the larger.
        logits: float32 [n, 2] of O-Net, and its other outputs.
        offsets: float32 [n, 4].
        points: float32 [n, 10].

    Returns:
        float32 [n, 15]: log-odds of a face, its box, and its landmarks, x and y of one after the
        other.
    """
    boxes = box_lib.decode_offsets(windows, offsets)
    landmarks = box_lib.decode_landmarks(windows, points)
    mirrored = windows[:, 0] > windows[:, 2]
    boxes = jnp.where(mirrored[:, None], box_lib.mirror(boxes), boxes)
    swapped = landmarks[:, jnp.array(box_lib.MIRRORED)]
    landmarks = jnp.where(mirrored[:, None, None], swapped, landmarks)
    margin = margin_of(logits)[:, None]
    return jnp.concatenate([margin, boxes, landmarks.reshape(-1, 10)], axis=1)


def _both_sights(look: Callable, windows: Windows) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """The squares about boxes, and after them mirrored ones [2 * n, 4]; a network's outputs."""
    squares = box_lib.to_square(windows.boxes)
    squares = jnp.concatenate([squares, box_lib.mirror(squares)])
    twice = jax.tree.map(lambda rows: jnp.concatenate([rows, rows]), windows)
    return squares, look(twice._replace(boxes=squares))


def confirmed(
    look: Callable, windows: Windows, first: jax.Array, config: DetectConfig
) -> tuple[Windows, jax.Array]:
    """R-Net's second look.

    Args:
        look: from windows to R-Net's outputs.
        windows: with calibrated boxes.
        first: float32 [n], their log-odds at the first look.
        config: the threshold that holds once more.

    Returns:
        What is left, by descending score, and int32 [], how many were left undecided.
    """
    count = windows.valid.shape[0]
    again = margin_of(_both_sights(look, windows)[1][0])
    mean = (first + again[:count] + again[count:]) / LOOKS["rnet"]
    scores = jnp.minimum(windows.scores, jax.nn.sigmoid(mean))
    valid = windows.valid & (scores > config.thresholds[1])
    windows, _ = keep_best(windows._replace(scores=scores, valid=valid), count)
    keep, undecided = suppress(windows, CONFIRMED_OVERLAP, config.backend)
    return compacted(windows._replace(valid=keep), count)[0], undecided


def averaged(
    look: Callable, windows: Windows, first: jax.Array, config: DetectConfig
) -> tuple[Windows, jax.Array, jax.Array]:
    """O-Net's second and third look.

    Args:
        look: from windows to O-Net's outputs.
        windows: the faces, the valid ones first.
        first: float32 [n, 15], what is known of them.
        config: the last threshold, which the mean score has to exceed too.

    Returns:
        The faces by descending score, the mean of what was said, and int32 [], how many faces the
        backend left out or undecided.
    """
    count = windows.valid.shape[0]
    seen = min(count, AT_ONCE) if backend_of(config.backend) == "gpu_unrolled" else count
    left_out = jnp.maximum(windows.valid.sum(dtype=jnp.int32) - seen, 0)
    windows, mean = jax.tree.map(lambda rows: rows[:seen], (windows, first))
    for known in range(1, LOOKS["onet"], 2):
        squares, heads = _both_sights(look, windows)
        again = said(squares, *heads)
        mean = (known * mean + again[:seen] + again[seen:]) / (known + 2)
        windows = windows._replace(boxes=mean[:, BOX])
    scores = jax.nn.sigmoid(mean[:, MARGIN])
    valid = windows.valid & (scores > config.thresholds[2])
    windows = windows._replace(scores=scores, valid=valid)
    order = jnp.argsort(-jnp.where(valid, scores, -1.0), stable=True)
    windows, mean = take((windows, mean), order)
    keep, undecided = suppress(windows, AGREED_OVERLAP, config.backend)
    windows = windows._replace(valid=keep)
    windows, mean = take((windows, mean), jnp.argsort(~keep, stable=True))
    return *_padded((windows, mean), count - seen), left_out + undecided


def _padded(rows: tuple, more: int) -> tuple:
    return jax.tree.map(lambda x: jnp.pad(x, ((0, more), *[(0, 0)] * (x.ndim - 1))), rows)
