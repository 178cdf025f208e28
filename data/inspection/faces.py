"""What looks wrong with the labelled faces of a picture, each by numbers of its own.

The bounds lie where labels that are right seldom do: of 14,994 faces of CelebA and 4,330 of
RetinaFace's labels 1 and 19 have points that look swapped, and 1 and 29 have points outside the
box; of the boxes of WIDER FACE fewer than 1 in 100 have odd proportions.
"""

from collections.abc import Iterator

import numpy as np

from data.checks import INSIDE, share_inside
from data.datasets.labels import Labels
from data.sampling import overlaps

TINY = 15
"""Longer side in pixels below which a face makes no sample (`MineConfig.smallest_face`)."""

PROPORTIONS = (0.35, 2.0)
"""Width over height of a face's box, from and to."""

SAME = 0.9
"""IoU from which two boxes are one face labelled twice."""

POINT_OUTSIDE = 0.1
"""How far a point may lie outside its box, over the box's longer side."""

SWAPPED = 0.1
"""How far eyes or mouth corners have to run to the left, over the box's longer side."""


def faces_in_doubt(one: Labels, size: tuple[int, int]) -> Iterator[tuple[str, str, int]]:
    """What looks wrong with the faces of a picture.

    Args:
        one: labels of a picture; of boxes that they say to ignore only the area is looked at.
        size: the picture's height and width.

    Yields:
        The kind, a sentence, and the number of the face.
    """
    sides = one.boxes[:, 2:] - one.boxes[:, :2]
    share = share_inside(one.boxes, size)
    for face, (width, height) in enumerate(sides.tolist()):
        if width <= 0 or height <= 0:
            yield "no area", f"the box is {width:g} x {height:g} pixels: ignored", face
            continue
        if one.ignored[face]:
            continue
        longer = max(width, height)
        if share[face] < INSIDE:
            far = one.boxes[face].tolist()
            yield "box outside", f"the box {far} lies outside the picture: ignored", face
            continue
        if share[face] < 0.5:
            yield "box outside", f"{1 - share[face]:.0%} of the box lie outside the picture", face
        if longer < TINY:
            yield "tiny box", f"the box is {width:g} x {height:g} pixels: no sample", face
        if not PROPORTIONS[0] <= width / height <= PROPORTIONS[1]:
            yield "odd box", f"the box is {width:g} x {height:g} pixels: an odd shape", face
        yield from _points_in_doubt(one.boxes[face], one.landmarks[face], face)
    yield from _twice(one)


def _twice(one: Labels) -> Iterator[tuple[str, str, int]]:
    faces = np.flatnonzero(~one.ignored)
    same = np.triu(overlaps(one.boxes[faces], one.boxes[faces]) >= SAME, 1)
    for first, second in np.argwhere(same).tolist():
        before = one.places[faces[first]]
        yield "same box", f"the box is nearly that of {before}", int(faces[second])


def _points_in_doubt(
    box: np.ndarray, points: np.ndarray, face: int
) -> Iterator[tuple[str, str, int]]:
    longer = float((box[2:] - box[:2]).max())
    outside = np.nanmax(np.append(np.maximum(box[:2] - points, points - box[2:]).ravel(), 0))
    if outside > POINT_OUTSIDE * longer:
        yield "point outside", f"a point lies {outside:.0f} pixels outside the box", face
    known = np.isfinite(points).all(axis=1)
    if known.any() and not known.all():
        what = f"{known.sum()} of five points are known: none is trained on"
        yield "points missing", what, face
    if not known.all():
        return
    down = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    length = float(np.hypot(*down))
    if length < 1e-3 * longer:
        yield "points swapped", "the eyes lie where the mouth does", face
        return
    pairs = {"eyes": points[1] - points[0], "mouth corners": points[4] - points[3]}
    # To the right as seen with the mouth below the eyes, whichever way the face is turned.
    right = {name: (x * down[1] - y * down[0]) / length for name, (x, y) in pairs.items()}
    swapped = [name for name, along in right.items() if along < -SWAPPED * longer]
    if swapped:
        told = f"left and right {' and '.join(swapped)} look swapped: left is the picture's left"
        yield "points swapped", told, face
