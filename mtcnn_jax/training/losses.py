"""The three tasks' losses (paper, section 2.2), for one example each, and which examples count.

Face or not is a cross-entropy. The paper's equation (1) reads `-(y log(p) + (1 - y)(1 - log(p)))`;
the second term is a slip: cross-entropy has `log(1 - p)`, and that is what is computed here.
Boxes and landmarks are squared Euclidean distances (equations 2 and 3); other distances are
offered.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from mtcnn_jax.training.samples import LANDMARK, NEGATIVE, PART, POSITIVE

TASK_WEIGHTS = {"pnet": (1.0, 0.5, 0.5), "rnet": (1.0, 0.5, 0.5), "onet": (1.0, 0.5, 1.0)}
"""Weights of classification, box and landmarks in a network's loss (paper, equation 4)."""

WING_WIDTH, WING_CURVATURE = 0.1, 0.02
"""Of the wing loss, in units of the window: logarithmic below the width, linear above it."""

SMOOTH = 0.05
"""Of the smooth L1 loss, in units of the window: quadratic below it."""


def cross_entropy(logits: jax.Array, label: jax.Array) -> jax.Array:
    """-log of the probability that the logits give to the label.

    Args:
        logits: [2], index 1 is face.
        label: integer [], 0 or 1.
    """
    return -jax.nn.log_softmax(logits)[label]


def _l2(difference: jax.Array) -> jax.Array:
    return jnp.sum(difference**2)


def _l1(difference: jax.Array) -> jax.Array:
    return jnp.sum(jnp.abs(difference))


def _smooth_l1(difference: jax.Array) -> jax.Array:
    size = jnp.abs(difference)
    return jnp.sum(jnp.where(size < SMOOTH, size**2 / (2 * SMOOTH), size - SMOOTH / 2))


def _wing(difference: jax.Array) -> jax.Array:
    """The wing loss of Feng et al. 2018, equation 5."""
    size = jnp.abs(difference)
    inner = WING_WIDTH * jnp.log1p(size / WING_CURVATURE)
    step = WING_WIDTH - WING_WIDTH * jnp.log1p(WING_WIDTH / WING_CURVATURE)
    return jnp.sum(jnp.where(size < WING_WIDTH, inner, size - step))


_DISTANCES: dict[str, Callable[[jax.Array], jax.Array]] = {
    "l2": _l2,
    "l1": _l1,
    "smooth_l1": _smooth_l1,
    "wing": _wing,
}
DISTANCES = tuple(_DISTANCES)
"""Names of the distances that box and landmark losses may be."""


def box_loss(pred: jax.Array, target: jax.Array, *, distance: str = "l2") -> jax.Array:
    """Distance of predicted offsets [4] from their targets [4]; "l2" is the squared one."""
    return _DISTANCES[distance](pred - target)


def landmark_loss(pred: jax.Array, target: jax.Array, *, distance: str = "l2") -> jax.Array:
    """Distance of landmark numbers [10] from their targets [10]; "l2" is the squared one."""
    return _DISTANCES[distance](pred - target)


def classified(kinds: jax.Array) -> jax.Array:
    """bool [n]: the samples that count as face or not, negatives and positives."""
    return (kinds == NEGATIVE) | (kinds == POSITIVE)


def boxed(kinds: jax.Array) -> jax.Array:
    """bool [n]: the samples whose box counts, positives and parts."""
    return (kinds == POSITIVE) | (kinds == PART)


def pointed(kinds: jax.Array) -> jax.Array:
    """bool [n]: the samples whose landmarks count."""
    return kinds == LANDMARK


def hard_example_mask(losses: jax.Array, valid: jax.Array, ratio: float) -> jax.Array:
    """Marks the hardest of the valid examples (online hard example mining, paper, section 2.2).

    Args:
        losses: float [n].
        valid: bool [n], the examples that count at all.
        ratio: the share of the valid ones to keep, in (0, 1].

    Returns:
        bool [n] with ceil(ratio * valid examples) marks, all on valid ones; of equal losses the
        first are kept. No gradient flows through it.
    """
    valid = valid.astype(bool)
    if ratio >= 1:
        return valid
    # The slack takes back what rounding adds: 0.7 * 10 is to give 7, not 8.
    keep = jnp.ceil(ratio * jnp.sum(valid, dtype=jnp.float32) - 1e-3).astype(jnp.int32)
    order = jnp.argsort(jnp.where(valid, -jax.lax.stop_gradient(losses), jnp.inf), stable=True)
    places = jnp.arange(losses.shape[0], dtype=jnp.int32)
    ranks = jnp.zeros(losses.shape, jnp.int32).at[order].set(places)
    return (ranks < keep) & valid


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean [] of the values [n] that the mask [n] marks; 0 where it marks none."""
    total = jnp.sum(jnp.where(mask, values, 0))
    return total / jnp.maximum(jnp.sum(mask, dtype=jnp.float32), 1)
