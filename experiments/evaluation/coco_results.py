"""Detections in COCO's format of results: a JSON list of image_id, bbox and score."""

import json
import math
import pathlib
from collections.abc import Hashable, Sequence

import numpy as np

from data.archives import check_name
from data.lines import read_text


def read_results(
    source: str | pathlib.Path, annotations: str | pathlib.Path, names: Sequence[str]
) -> list[np.ndarray]:
    """Boxes float64 [n, 5] (x, y, width, height, score) of each of `names`, of COCO's results.

    A picture without an entry has none: the format cannot say so otherwise. The annotations are
    ones that `data.datasets.labelled` has read.

    Raises:
        ValueError: naming the entry that is malformed or of an unknown picture.
    """
    images = json.loads(read_text(annotations))["images"]
    rows = {image["id"]: [] for image in images}
    try:
        entries = json.loads(read_text(source))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{source} is no JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{source}: accepted is COCO's list of results")
    for number, entry in enumerate(entries):
        place = f"{source}, entry {number}"
        try:
            values = [*map(float, list(entry["bbox"])), float(entry["score"])]
            image = entry["image_id"]
        except (KeyError, OverflowError, TypeError, ValueError):
            raise ValueError(f"{place}: accepted are image_id, a bbox of 4 and a score") from None
        if len(values) != 5 or not all(map(math.isfinite, values)):
            raise ValueError(f"{place}: {values}; accepted are a bbox of 4 and a score, finite")
        if not isinstance(image, Hashable) or image not in rows:
            raise ValueError(f"{place}: no image has the id {image!r}")
        rows[image].append(values)
    by_name = {
        check_name(image["file_name"], str(annotations)): rows[image["id"]] for image in images
    }
    return [np.array(by_name[name], np.float64).reshape(-1, 5) for name in names]
