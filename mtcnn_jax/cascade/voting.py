"""Box voting: the mean of what the windows on a face say (Gidaris and Komodakis, 2015, section 4).

Suppression keeps one window of each face and drops what O-Net said about its neighbours. They show
the same face a little differently, so their mean errs less than the one of highest score. Not in
the paper.
"""

import jax
import jax.numpy as jnp

from mtcnn_jax.cascade import boxes as box_lib

BLOCK = 256
"""Windows that are voted for together: memory is this times the number of windows."""


def vote(boxes: jax.Array, values: jax.Array, weights: jax.Array, threshold: float) -> jax.Array:
    """For each window, the mean over all that overlap it.

    Args:
        boxes: [n, 4].
        values: [n, k], what to take the mean of.
        weights: [n], how much each window counts, more than 0; 0 for invalid ones.
        threshold: a window counts when its IoU is greater than this; the window itself always does.

    Returns:
        [n, k]; zeros where all weights are 0.
    """
    numbers = jnp.arange(len(boxes), dtype=jnp.int32)

    def mean(window):
        number, box = window
        shares = box_lib.iou(box[None], boxes)[0]
        ballots = jnp.where((shares > threshold) | (numbers == number), weights, 0)
        # In TF32, which a GPU would take, positions above 1,024 would be whole pixels.
        sums = jnp.matmul(ballots, values, precision=jax.lax.Precision.HIGHEST)
        return sums / jnp.maximum(ballots.sum(), jnp.finfo(ballots.dtype).tiny)

    return jax.lax.map(mean, (numbers, boxes), batch_size=min(BLOCK, len(boxes)))
