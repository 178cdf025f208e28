"""Which labelled windows of a picture make samples."""

from collections.abc import Sequence

import numpy as np

from data import records, sampling
from experiments.mining.config import MineConfig
from mtcnn_jax.training.samples import LANDMARK, NEGATIVE, PART, POSITIVE


def picture_windows(
    stage: str,
    picture: records.Picture,
    size: tuple[int, int],
    proposed: np.ndarray,
    config: MineConfig,
    rng: np.random.Generator,
    *,
    negatives: int,
) -> sampling.Windows:
    """The labelled windows chosen from one picture: proposed, random, and jittered faces."""
    sides = picture.boxes[:, 2:] - picture.boxes[:, :2]
    ignored = picture.ignored | (sides.max(axis=1, initial=0) < config.smallest_face)
    faces = picture.boxes[~ignored]
    larger = sides.max(axis=1, initial=1)[~ignored] / max(config.smallest_face, 1)
    each = larger**config.balance
    jittered = np.round(config.jittered * each).astype(int)
    around = [
        sampling.squares_around(faces, jittered, rng, shift=0.15, stretch=1.25),
        sampling.squares_around(faces, jittered, rng, shift=0.35, stretch=1.5),
    ]
    alone = stage == "pnet" or config.random_windows
    if alone and picture.exhaustive:
        smallest = config.min_face_size
        around.append(sampling.random_squares(size, 4 * negatives, rng, smallest=smallest))
        around.append(sampling.squares_around(faces, 4, rng, shift=0.9, stretch=2.5))
    labelled = [
        sampling.label(
            windows, picture.boxes, ignored, picture.landmarks, exhaustive=picture.exhaustive
        )
        for windows in (proposed, np.concatenate(around))
    ]
    known = np.isfinite(picture.landmarks).all(axis=(1, 2))[~ignored]
    count = round(config.landmark_windows * each[known].sum())
    if not picture.exhaustive:
        return landmark_windows(labelled, count, rng)
    wanted = round(config.positives * each.sum())
    limits = dict.fromkeys((POSITIVE, PART), wanted)
    if alone:
        chosen = [sampling.choose(labelled[1], {**limits, NEGATIVE: negatives}, rng)]
    else:
        most = dict.fromkeys(limits, wanted // 2) if config.about_faces else limits
        # Negatives are drawn as they come: most are small, as in detection.
        chosen = [
            sampling.choose(labelled[0], most, rng, balance=config.balance),
            sampling.choose(labelled[0], {NEGATIVE: negatives}, rng),
        ]
        if config.about_faces:
            left = {kind: wanted - int((chosen[0].kinds == kind).sum()) for kind in limits}
            chosen.append(sampling.choose(labelled[1], left, rng))
    if count:
        chosen.append(landmark_windows(labelled, count, rng))
    return sampling.merge(chosen)


def landmark_windows(
    labelled: Sequence[sampling.Windows], count: int, rng: np.random.Generator
) -> sampling.Windows:
    """At most `count` windows of faces with known points, of proposed windows and of others.

    Detected windows come first, parts among them: faces lie 5% of the side higher in those than in
    squares about their boxes, and landmarks are read off parts too.
    """
    points = sampling.as_landmarks(labelled[0], kinds=(POSITIVE, PART))
    detected = sampling.choose(points, {LANDMARK: count}, rng)
    left = {LANDMARK: count - len(detected.kinds)}
    others = sampling.choose(sampling.as_landmarks(labelled[1]), left, rng)
    return sampling.merge([detected, others])
