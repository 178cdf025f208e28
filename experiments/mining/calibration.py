"""Sets the bias of a network so that the usual thresholds are good operating points.

Training fixes the order of the scores, not where 0.6 or 0.7 lies: that follows from the shares of
the kinds in its batches. Shifting the two logits' biases moves it and leaves the order alone. The
measure is the number of windows per picture that a stage passes on, since the time of the next
stage follows from it, and what the stage loses falls as it grows.
"""

from collections.abc import Sequence

import jax
import numpy as np
from absl import logging

from experiments.mining.buckets import overflow_is_meant, stages_by_bucket
from mtcnn_jax import DetectConfig
from mtcnn_jax.networks.layers import INPUT_SIZE

LOWEST = (0.3, 0.1, 0.02)
"""Scores from which windows are looked at, one after the other until there are enough: the lower,
the more of them there are to suppress."""

CAPACITIES = (65536, 16384, 4096)
"""Windows looked at in a picture at most, those of highest score.

They are what `DetectConfig` comes to after its retries, at once: of 84 pictures 50 overflow the
first ones from a score of 0.3, and looking again is a compilation more on an accelerator."""


def shift_bias(params: dict, shift: float) -> dict:
    """A network's parameters with the log-odds of "face" raised by `shift`."""
    bias = np.asarray(params["prob"]["bias"])
    moved = bias + np.array([-shift / 2, shift / 2], bias.dtype)
    return {**params, "prob": {**params["prob"], "bias": moved}}


def log_odds(score: float) -> float:
    """log(p / (1 - p))."""
    return float(np.log(score) - np.log1p(-score))


def operating_point(scores: Sequence[np.ndarray], target: float) -> float | None:
    """The score that `target` windows per picture exceed on average; None if there are fewer.

    Args:
        scores: [n] of the windows left in each picture after suppression. Suppression goes down
            the scores, so those above any threshold are what that threshold would have left.
        target: windows per picture.
    """
    every = np.sort(np.concatenate(list(scores)))[::-1]
    count = round(target * len(scores))
    return float(every[count]) if count < len(every) else None


def calibrate(
    stage: str,
    params: dict,
    images: Sequence[np.ndarray],
    *,
    target: float,
    min_face_size: float = 20,
) -> dict:
    """Shifts the bias of one stage so that it passes on `target` windows per picture.

    Args:
        stage: "pnet", "rnet" or "onet".
        params: of the networks up to `stage`.
        images: uint8 [h, w, 3] each.
        target: windows per picture at the default threshold.
        min_face_size: as in `DetectConfig`.

    Returns:
        `params` with the stage's bias moved; by the lowest score looked at where the stage finds
        fewer windows than `target` at any threshold.
    """
    thresholds = DetectConfig().thresholds
    row = tuple(INPUT_SIZE).index(stage)
    for low in LOWEST:
        looking = tuple(low if index == row else score for index, score in enumerate(thresholds))
        config = DetectConfig(
            min_face_size=min_face_size, thresholds=looking, capacities=CAPACITIES, retries=0
        )
        told = f"calibrating {stage} from a score of {low:g}"
        with overflow_is_meant():
            found = stages_by_bucket(params, images, config, until=stage, told=told)
        point = operating_point([left[stage][:, 4] for left in found], target)
        if point is not None:
            break
    if point is None:
        logging.warning(
            "%s leaves fewer than %g windows a picture above a score of %g, which is taken",
            *(stage, target, low),
        )
    shift = log_odds(thresholds[row]) - log_odds(low if point is None else point)
    return {**params, stage: jax.device_get(shift_bias(params[stage], shift))}
