"""RetinaFace's `label.txt` (Deng et al. 2020): WIDER FACE's boxes with five points each.

A line `# EVENT/NAME.jpg` names a picture; each line after it is a face: x, y, width and height,
then x, y and a flag of each point (-1 where it is not known), and perhaps a last number for blur.
A line of the four numbers alone is a face without points.
"""

from typing import NamedTuple

import numpy as np

from data.archives import ArchiveError, check_name, shown
from data.lines import Lines

WITH_POINTS = 4 + 3 * 5


class PointsAnnotation(NamedTuple):
    """What the text says of one picture.

    Attributes:
        name: path of the picture.
        boxes: float32 [m, 4], xyxy in pixels.
        landmarks: float32 [m, 5, 2] in pixels; NaN where unknown.
        place: the file and line that name the picture.
        places: the file and line of each face.
    """

    name: str
    boxes: np.ndarray
    landmarks: np.ndarray
    place: str
    places: tuple[str, ...]


def is_retinaface(text: str) -> bool:
    """Whether a text of labels is of this format: its first line names a picture after a #."""
    return text.lstrip().startswith("#")


def parse_points(name: str, text: str) -> list[PointsAnnotation]:
    """Reads the text of a file called `name`.

    Raises:
        ArchiveError: naming the file and the line that is malformed.
    """
    lines, found = Lines(name, text), []
    for line in lines:
        if not line:
            continue
        if not line.startswith("#"):
            raise ArchiveError(f"{lines.place}: {shown(line)}; accepted is # and a picture's name")
        picture, place = check_name(line[1:].strip(), lines.place), lines.place
        boxes, landmarks, places = [], [], []
        while lines.next and not lines.next.startswith("#"):
            box, points = _face(lines, lines.take())
            boxes.append(box)
            landmarks.append(points)
            places.append(lines.place)
        found.append(
            PointsAnnotation(
                picture,
                np.array(boxes, np.float32).reshape(-1, 4),
                np.array(landmarks, np.float32).reshape(-1, 5, 2),
                place,
                tuple(places),
            )
        )
    return found


def _face(lines: Lines, line: str) -> tuple[list[float], np.ndarray]:
    """The box and points [5, 2] of a face's line."""
    count = len(line.split())
    if count not in (4, WITH_POINTS, WITH_POINTS + 1):
        raise ArchiveError(
            f"{lines.place}: {shown(line)}; accepted are 4 numbers of a box, or 19 or 20 with "
            "those of five points"
        )
    x, y, width, height, *rest = lines.pixels(line, count)
    points = np.full((5, 2), np.nan)
    if rest:
        table = np.array(rest[:15]).reshape(5, 3)
        known = table[:, 2] >= 0
        points[known] = table[known, :2]
    return [x, y, x + width, y + height], points
