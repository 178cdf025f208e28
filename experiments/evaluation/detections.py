"""Detections on many pictures, kept in a file of JSON lines, so that a run can be taken up again.

The first line says what made them; each other line is one picture. A file that says something else
is refused, never mixed.
"""

import hashlib
import json
import os
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import tqdm

import mtcnn_jax as mj
from data.records import Picture, read_pixels
from experiments.evaluation.protocols.average_precision import iou
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.networks.layers import INPUT_SIZE

CHUNK = 64
"""Pictures that go through together, and are written together, on a GPU."""


class Found(NamedTuple):
    """What was found in one picture.

    Attributes:
        name: the picture's.
        size: height and width.
        boxes: float32 [n, 4], xyxy, clipped to the picture, by descending score.
        scores: float32 [n].
        landmarks: float32 [n, 5, 2]; None where `detect_pictures` was told to do without.
        windows: for each stage how many windows it left; {} without stages.
        overlaps: for each stage float32 [m], the highest IoU of any of its windows with each
            labelled face; {} without stages.
        seconds: that detection took, on average over the pictures looked at with this one.
    """

    name: str
    size: tuple[int, int]
    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray | None
    windows: dict[str, int]
    overlaps: dict[str, np.ndarray]
    seconds: float


def fingerprint(params: Params) -> str:
    """A short digest of the networks' parameters."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()[:16]


def _encode(found: Found) -> str:
    return json.dumps(found._asdict(), default=lambda array: array.astype(float).tolist())


def _decode(line: str) -> Found:
    row = json.loads(line)
    landmarks = row["landmarks"]
    return Found(
        row["name"],
        tuple(row["size"]),
        np.array(row["boxes"], np.float32).reshape(-1, 4),
        np.array(row["scores"], np.float32),
        None if landmarks is None else np.array(landmarks, np.float32).reshape(-1, 5, 2),
        row["windows"],
        {stage: np.array(values, np.float32) for stage, values in row["overlaps"].items()},
        row["seconds"],
    )


def read(path: str | os.PathLike, made_with: Mapping[str, Any]) -> list[Found]:
    """Reads the detections that a run has written so far; none if there is no file.

    Args:
        path: the file.
        made_with: what the run is made with, which its first line has to say.

    Raises:
        ValueError: if it was made with something else, or a line is broken.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    # The last part has no line end: nothing, or what a killed run left unfinished.
    whole = lines[:-1]
    if not whole:
        return []
    found = []
    for number, line in enumerate(whole, 1):
        try:
            row = json.loads(line) if number == 1 else _decode(line)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: {error}; remove the file") from error
        if number == 1 and row != made_with:
            differing = [key for key in made_with if row.get(key) != made_with[key]] or list(row)
            raise ValueError(
                f"{path} was made with another {', '.join(differing)}; accepted: the same settings "
                "to go on with, another --output, or none at that path"
            )
        if number > 1:
            found.append(row)
    return found


def look(
    params: Params, pictures: Sequence[Picture], config: mj.DetectConfig, *, stages: bool
) -> list[Found]:
    """Detects the faces of some pictures together; see `detect_pictures`."""
    images = [read_pixels(picture) for picture in pictures]
    start = time.perf_counter()
    run = mj.detect_stages if stages else mj.detect_batch
    results = run(params, images, config)
    seconds = (time.perf_counter() - start) / len(pictures)
    found = []
    for picture, image, result in zip(pictures, images, results, strict=True):
        height, width = image.shape[:2]
        windows, overlaps = {}, {}
        if stages:
            for stage in INPUT_SIZE:
                windows[stage] = len(result[stage])
                shares = iou(picture.boxes, result[stage][:, :4]).max(axis=1, initial=0)
                overlaps[stage] = shares.astype(np.float32)
            last = result["onet"]
            limits = np.array([width, height, width, height], np.float32)
            arrays = np.clip(last[:, :4], 0, limits), last[:, 4], None
        else:
            arrays = result.boxes, result.scores, result.landmarks
        found.append(Found(picture.name, (height, width), *arrays, windows, overlaps, seconds))
    return found


def detect_pictures(
    params: Params,
    pictures: Sequence[Picture],
    config: mj.DetectConfig,
    path: str | os.PathLike,
    *,
    stages: bool = False,
    title: str = "",
) -> list[Found]:
    """Detects the faces of all pictures, going on where an earlier run stopped.

    Args:
        params: of the three networks.
        pictures: labelled ones, read as they are needed.
        config: how to look.
        path: the file of JSON lines to keep them in.
        stages: whether to look at the windows of each stage, and do without landmarks.
        title: of the progress bar.

    Returns:
        What was found in each picture, in order.

    Raises:
        ValueError: if a picture cannot be read, or the file is of another run.
    """
    path = pathlib.Path(path)
    made_with = json.loads(
        json.dumps(
            {
                "weights": fingerprint(params),
                "pictures": len(pictures),
                "stages": stages,
                "min_face_size": config.min_face_size,
                "thresholds": config.thresholds,
                "scale_factor": config.scale_factor,
                "nms_thresholds": config.nms_thresholds,
                "voting": config.voting,
                "second_look": config.second_look,
                "size_prior": config.size_prior,
            }
        )
    )
    found = read(path, made_with)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written anew, so that a line that was cut off does not stay.
    partial = path.with_name(path.name + ".partial")
    partial.write_text(
        "".join(f"{line}\n" for line in [json.dumps(made_with), *map(_encode, found)])
    )
    partial.replace(path)
    with (
        open(path, "a", encoding="utf-8") as lines,
        tqdm.tqdm(
            total=len(pictures), initial=len(found), desc=title, unit="picture", disable=None
        ) as bar,
    ):
        # One by one where batches gain nothing, so that each one's time is known.
        chunk = 1 if jax.default_backend() == "cpu" else CHUNK
        for start in range(len(found), len(pictures), chunk):
            members = range(start, min(start + chunk, len(pictures)))
            part = look(params, [pictures[index] for index in members], config, stages=stages)
            lines.writelines(f"{_encode(one)}\n" for one in part)
            lines.flush()
            found += part
            bar.update(len(part))
            if len(found) % CHUNK < chunk:
                mj.runtime.spare_mappings()
    return found
