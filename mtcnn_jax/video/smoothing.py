"""The one-euro filter, which takes the trembling from boxes and points, a face at a time.

By Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input
in Interactive Systems", CHI 2012, section 2 and appendix. For a value x that comes dt seconds after
the one before, and is x' filtered:

    alpha(f) = 1 / (1 + 1 / (2 pi f dt))
    speed    = (x - x'_before) / dt
    speed'   = alpha(derivative_cutoff) speed + (1 - alpha(derivative_cutoff)) speed'_before
    cutoff   = min_cutoff + beta |speed'|
    x'       = alpha(cutoff) x + (1 - alpha(cutoff)) x'_before

What stands still is smoothed much, what moves follows soon. Speeds are in sides of the face's box a
second here, so that near and far faces are filtered alike.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from mtcnn_jax.config import plain_number

FORGOTTEN = 1.0
"""Seconds without its face after which its filter begins anew."""


@dataclasses.dataclass(frozen=True)
class Smoothing:
    """How much to smooth.

    Attributes:
        min_cutoff: Hz, of what stands still: the lower, the calmer and the slower.
        beta: Hz for each face's side a second: the higher, the closer what moves is followed. A
            face that moves steadily is shown at most `1 / (2 pi beta)` of its side behind, in the
            limit of many frames a second.
        derivative_cutoff: Hz, of the speeds.

    Raises:
        ValueError: if one is not a finite number above 0 (`beta`: from 0 up).
    """

    min_cutoff: float = 1.0
    beta: float = 8.0
    derivative_cutoff: float = 1.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = plain_number(getattr(self, field.name))
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            zero = field.name == "beta" and value == 0
            if not number or not (0 < value < math.inf or zero):
                accepted = "from 0 up" if field.name == "beta" else "above 0"
                raise ValueError(f"{field.name} is {value!r}; accepted are numbers {accepted}")


class Filtered(NamedTuple):
    """What the filter remembers, a row for each face.

    Attributes:
        ids: int64 [m].
        times: float [m], seconds, of the last frame that each was in.
        values: float [m, 14], box and points as filtered then.
        speeds: float [m, 14], sides of the box a second, filtered.
    """

    ids: np.ndarray
    times: np.ndarray
    values: np.ndarray
    speeds: np.ndarray


def nothing_filtered() -> Filtered:
    """What smoothing begins with."""
    nothing = np.zeros((0, 14))
    return Filtered(np.zeros(0, np.int64), np.zeros(0), nothing, nothing)


def smoothed(
    state: Filtered, time: float, faces: Any, *, smoothing: Smoothing = Smoothing()
) -> tuple[Filtered, Any]:
    """Smooths the boxes and points of a frame's faces, each by its own past.

    Args:
        state: what the call for the frame before gave, at first `nothing_filtered()`.
        time: of the frame, in seconds; frames may come at any times.
        faces: `TrackedFaces`.
        smoothing: how much.

    Returns:
        The state for the next frame, and the faces with other boxes and landmarks.
    """
    raw = np.concatenate([faces.boxes, faces.landmarks.reshape(-1, 10)], axis=1, dtype=float)
    known = dict(zip(state.ids.tolist(), range(len(state.ids)), strict=True))
    before = np.array([known.get(i, -1) for i in faces.ids.tolist()], int)
    old = before >= 0
    values, speeds = raw.copy(), np.zeros_like(raw)
    if old.any():
        rows = before[old]
        # A stream's clock may stand still or go back; the filter's does not.
        passed = np.maximum(time - state.times[rows], 1e-3)[:, None]
        sides = np.sqrt((raw[old, 2:4] - raw[old, :2]).clip(1).prod(-1))[:, None]
        speed = (raw[old] - state.values[rows]) / sides / passed
        share = _alpha(smoothing.derivative_cutoff, passed)
        speeds[old] = share * speed + (1 - share) * state.speeds[rows]
        cutoff = smoothing.min_cutoff + smoothing.beta * np.abs(speeds[old])
        share = _alpha(cutoff, passed)
        values[old] = share * raw[old] + (1 - share) * state.values[rows]
    stays = ~np.isin(state.ids, faces.ids) & (time - state.times <= FORGOTTEN)
    kept = Filtered(*(array[stays] for array in state))
    now = Filtered(faces.ids, np.full(len(raw), float(time)), values, speeds)
    state = Filtered(*(np.concatenate(both) for both in zip(kept, now, strict=True)))
    boxes, landmarks = values[:, :4], values[:, 4:].reshape(-1, 5, 2)
    return state, dataclasses.replace(
        faces, boxes=boxes.astype(np.float32), landmarks=landmarks.astype(np.float32)
    )


def _alpha(cutoff: Any, passed: np.ndarray) -> np.ndarray:
    return 1 / (1 + 1 / (2 * np.pi * cutoff * passed))
