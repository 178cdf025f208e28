"""Who is who from frame to frame: numbers that faces keep (decision 0043)."""

import dataclasses

import numpy as np

from mtcnn_jax.config import is_whole
from mtcnn_jax.faces import Faces

LEAST = 0.2
"""Likeness from which a face may be that of a track: one moved by 0.75 of its width, say."""


@dataclasses.dataclass(frozen=True)
class Tracks:
    """The faces that are followed, a row each.

    Attributes:
        ids: int64 [m], from 1 up, ascending.
        boxes: float [m, 4], where each was seen last.
        landmarks: float [m, 5, 2], the same.
        velocities: float [m, 2], of the boxes' centres, pixels a frame.
        unseen: int64 [m], frames since.
        following: the id of the next new face.
    """

    ids: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    velocities: np.ndarray
    unseen: np.ndarray
    following: int = 1

    def __len__(self) -> int:
        return len(self.ids)

    def _taken(self, rows: np.ndarray) -> "Tracks":
        names = [field.name for field in dataclasses.fields(self) if field.name != "following"]
        return dataclasses.replace(self, **{name: getattr(self, name)[rows] for name in names})


def no_tracks() -> Tracks:
    """What tracking begins with: nobody."""
    return Tracks(
        np.zeros(0, np.int64),
        np.zeros((0, 4)),
        np.zeros((0, 5, 2)),
        np.zeros((0, 2)),
        np.zeros(0, np.int64),
    )


def tracked(state: Tracks, faces: Faces, *, patience: int = 10) -> tuple[Tracks, np.ndarray]:
    """Tells whose the faces of the next frame are.

    Each pair of a track and a face has a likeness, the mean of the overlap of their boxes and of
    the nearness of their points, with the track where it was or where it would be had it moved on,
    whichever is more. Pairs are taken by descending likeness, as far as both are free.

    Args:
        state: what the call for the frame before gave, at first `no_tracks()`.
        faces: those of this frame, in any order.
        patience: frames without its face through which a track stays; an id that is given up is
            never given again.

    Returns:
        The state for the next frame, and int64 [n], the faces' ids.

    Raises:
        ValueError: if `patience` is not a whole number from 0 up.

    Example:
        >>> import mtcnn_jax as mj
        >>> from mtcnn_jax.video.tracking import no_tracks, tracked
        >>> faces, state = mj.detect(mj.load_params(), "photo.jpg"), no_tracks()
        >>> for _ in range(2):
        ...     state, ids = tracked(state, faces)
        ...     print(ids)
        [1]
        [1]
    """
    if not is_whole(patience, least=0):
        raise ValueError(f"patience is {patience!r}; accepted are whole numbers from 0 up")
    order = _one_order(faces)
    boxes = np.asarray(faces.boxes, float)[order]
    landmarks = np.asarray(faces.landmarks, float)[order]
    rows, places = _pairs(_likeness(state, boxes, landmarks))

    new = np.setdiff1d(np.arange(len(boxes)), places)
    ids = np.zeros(len(boxes), np.int64)
    ids[places] = state.ids[rows]
    ids[new] = state.following + np.arange(len(new))

    velocities = np.zeros((len(boxes), 2))
    steps = _centres(boxes[places]) - _centres(state.boxes[rows])
    steps /= 1 + state.unseen[rows, None]
    velocities[places] = (state.velocities[rows] + steps) / 2
    seen = Tracks(ids, boxes, landmarks, velocities, np.zeros(len(ids), np.int64))

    away = state._taken(np.setdiff1d(np.arange(len(state)), rows))
    away = dataclasses.replace(away, unseen=away.unseen + 1)
    away = away._taken(away.unseen <= patience)
    both = Tracks(
        np.concatenate([away.ids, seen.ids]),
        np.concatenate([away.boxes, seen.boxes]),
        np.concatenate([away.landmarks, seen.landmarks]),
        np.concatenate([away.velocities, seen.velocities]),
        np.concatenate([away.unseen, seen.unseen]),
        state.following + len(new),
    )
    given = np.empty_like(ids)
    given[order] = ids
    return both._taken(np.argsort(both.ids)), given


def _one_order(faces: Faces) -> np.ndarray:
    """Int [n]: an order of the faces that hangs on nothing but themselves, the best score first."""
    numbers = np.concatenate(
        [
            -np.asarray(faces.scores, float).reshape(-1, 1),
            np.asarray(faces.boxes, float).reshape(-1, 4),
            np.asarray(faces.landmarks, float).reshape(-1, 10),
        ],
        axis=1,
    )
    return np.lexsort(numbers.T[::-1])


def _likeness(state: Tracks, boxes: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Float [m, n], from 0 to 1."""
    moved = state.velocities * (1 + state.unseen[:, None])
    still = _alike(state.boxes, state.landmarks, boxes, landmarks)
    ahead = state.boxes + np.tile(moved, 2), state.landmarks + moved[:, None]
    return np.maximum(still, _alike(*ahead, boxes, landmarks))


def _alike(
    boxes: np.ndarray, landmarks: np.ndarray, others: np.ndarray, other_landmarks: np.ndarray
) -> np.ndarray:
    sides = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    sides = np.maximum(sides - np.maximum(boxes[:, None, :2], others[None, :, :2]), 0)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1), (others[:, 2:] - others[:, :2]).prod(-1)
    common = sides.prod(-1)
    union = areas[0][:, None] + areas[1][None] - common
    overlap = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    # In units of the faces' side; a box without area is near to nothing.
    side = np.maximum((areas[0][:, None] * areas[1][None]) ** 0.25, 1e-6)
    apart = np.linalg.norm(landmarks[:, None] - other_landmarks[None], axis=-1).mean(-1)
    return (overlap + np.maximum(1 - apart / side, 0)) / 2


def _pairs(likeness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, int [k] each, that belong together."""
    rows, places = np.nonzero(likeness >= LEAST)
    best = np.argsort(-likeness[rows, places], kind="stable")
    row_taken, place_taken, taken = set(), set(), []
    for row, place in zip(rows[best].tolist(), places[best].tolist(), strict=True):
        if row not in row_taken and place not in place_taken:
            row_taken.add(row)
            place_taken.add(place)
            taken.append((row, place))
    pairs = np.array(taken, int).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _centres(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
