"""All levels of a pyramid on one picture, so that P-Net runs once.

Each level lies at even coordinates, in a slot of even sides: P-Net's stride is 2, so its cells over
the atlas are the cells over the levels. Those that reach over the edge of a level, and see its
neighbour, are none of the level's valid ones.
"""

import itertools
from collections.abc import Sequence

Shape = tuple[int, int]


def pack(shapes: Sequence[Shape]) -> tuple[Shape, tuple[Shape, ...]]:
    """Lays rectangles out so that they take little area: each where the whole grows the least.

    A pyramid of factor 0.709 takes a sixth more than the sum of its levels' areas.

    Args:
        shapes: height and width of each, largest first.

    Returns:
        Height and width of the whole, and the first corner (y, x) of each; all even.
    """
    placed: list[tuple[int, int, int, int]] = []
    height = width = 0
    for shape in shapes:
        tall, wide = (side + side % 2 for side in shape)
        edges = [sorted({0, *(slot[axis] for slot in placed)}) for axis in (2, 3)]
        free = [
            (max(height, y + tall) * max(width, x + wide), y, x)
            for y, x in itertools.product(*edges)
            if not any(
                y < bottom and top < y + tall and x < right and left < x + wide
                for top, left, bottom, right in placed
            )
        ]
        _, y, x = min(free)
        placed.append((y, x, y + tall, x + wide))
        height, width = max(height, y + tall), max(width, x + wide)
    return (height, width), tuple((y, x) for y, x, _, _ in placed)
