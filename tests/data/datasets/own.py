"""A small folder of one's own: drawn pictures, and labels in each of the forms."""

import json
import pathlib

from tests.archives import jpeg

POINTS = [(20, 20), (32, 20), (26, 26), (21, 33), (31, 33)]
"""Of a face in the box 14, 10, 38, 40."""

BOX = [14, 10, 24, 30]
"""x, y, width and height."""


def face(number: int, *, box=BOX, points=POINTS, **more) -> dict:
    """An annotation of COCO's form."""
    entry = {"id": number, "image_id": number, "bbox": [*box], **more}
    if points:
        entry["keypoints"] = [value for x, y in points for value in (x, y, 2)]
    return entry


def write_coco(folder: pathlib.Path, faces: list[dict], *, count: int, name="labels.json", **size):
    """`count` pictures n.jpg of 64 x 48 pixels and their labels; returns the labels' path."""
    images = []
    for number in range(count):
        (folder / f"{number}.jpg").write_bytes(jpeg(seed=number))
        images.append({"id": number, "file_name": f"{number}.jpg", **size})
    path = folder / name
    path.write_text(json.dumps({"images": images, "annotations": faces}))
    return path
