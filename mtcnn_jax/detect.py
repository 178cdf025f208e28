"""Detection on one picture of any size, and the windows that each stage leaves of many."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from mtcnn_jax.cascade.arguments import (
    check_config,
    check_networks,
    check_outside_jit,
    outside_jit,
)
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig, is_whole, plain_number
from mtcnn_jax.faces import Faces
from mtcnn_jax.images import read_image
from mtcnn_jax.networks.forks import check_process
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.runtime import pictures
from mtcnn_jax.runtime.batches import run_many
from mtcnn_jax.runtime.buckets import BUCKETS, Buckets, check_size
from mtcnn_jax.runtime.canvases import run_one
from mtcnn_jax.runtime.compiled import detector, staged, unpacked


def checked(config: Any, batch_size: int | None) -> int:
    """Checks the arguments that all share; gives the batch size."""
    check_process()
    check_config(config)
    if batch_size is None:
        return 1 if jax.default_backend() == "cpu" else 16
    number = plain_number(batch_size)
    if not is_whole(number, least=1):
        raise ValueError(f"batch_size is {batch_size!r}; accepted are whole numbers from 1 up")
    return number


def check_params(
    params: Any, config: DetectConfig, stages: Sequence[str] = tuple(INPUT_SIZE)
) -> None:
    """Checks that parameters are those of some networks, and nothing is traced."""
    check_networks(params, stages)
    check_outside_jit(params, config)


def check_images(images: Any) -> None:
    """Refuses what is one picture, or none."""
    single = isinstance(images, (str, os.PathLike, bytes, bytearray, memoryview))
    # A file gives its lines.
    if single or hasattr(images, "read") or not isinstance(images, Iterable):
        raise TypeError(
            f"images is a {type(images).__name__}; accepted is a list of pictures (`detect` takes "
            "one)"
        )
    if getattr(images, "ndim", 1) in (2, 3):  # Of as many grey pictures as it has rows, else.
        raise ValueError(
            f"images is an array {list(images.shape)}, one picture; accepted is a list of pictures "
            "or an array [n, h, w, 3] (`detect` takes one)"
        )


def _read_all(images: Iterable[Any]) -> list[np.ndarray]:
    check_images(images)
    arrays = [read_image(image) for image in images]
    for array in arrays:  # Before any is looked at.
        check_size(*array.shape[:2])
    return arrays


def to_faces(found: np.ndarray) -> Faces:
    """The faces in what a detector gives for a picture, float32 [n + 1, 16]."""
    boxes, scores, landmarks = unpacked(found)
    return Faces(boxes, scores, landmarks)


def detect(params: Params, image: Any, config: DetectConfig = DetectConfig()) -> Faces:
    """Detects the faces of one picture.

    Args:
        params: from `load_params`.
        image: what `read_image` accepts: a path, bytes, a file object, a PIL image, or an array.
        config: how to look.

    Returns:
        The faces, by descending score; empty arrays where there are none.

    Raises:
        FileNotFoundError: if `image` names a file that is not there.
        TypeError: if an argument is of a kind that is not accepted, or traced by `jit`, inside of
            which `detect_padded` does the same.
        ValueError: if `image` can't be read as a picture or is larger than `runtime.buckets`
            allows for, or `params` lacks a network.
        RuntimeError: if the process was forked from one in which JAX was in use: it would not end.

    Example:
        >>> import mtcnn_jax as mj
        >>> params = mj.load_params()
        >>> faces = mj.detect(params, "photo.jpg")
        >>> faces.boxes.shape, faces.scores.shape, faces.landmarks.shape
        ((1, 4), (1,), (1, 5, 2))
    """
    checked(config, None)
    picture = read_image(image)
    check_params(params, config)
    with outside_jit():
        return to_faces(look(params, picture, config))


def look(params: Params, picture: np.ndarray, config: DetectConfig) -> np.ndarray:
    """Looks at one picture, uint8 [h, w, 3], by what suits it and the device."""
    if pictures.serves(config) and not pictures.has_own(picture, config):
        return pictures.look(params, picture, config)
    return run_one(detector(many=False), params, picture, config)


def detect_stages(
    params: Params,
    images: Iterable[Any],
    config: DetectConfig = DetectConfig(),
    *,
    until: str = "onet",
    batch_size: int | None = None,
    buckets: Buckets = BUCKETS,
) -> list[dict[str, np.ndarray]]:
    """The windows that each stage leaves: which one lost a face, what the next one has to learn.

    Args:
        params: of the networks up to `until`.
        images: as in `detect_batch`; all are read before any is looked at.
        config: how to look.
        until: the last stage to run, "pnet", "rnet" or "onet".
        batch_size: as in `detect_batch`.
        buckets: (height, width) of those that pictures go into, each compiled for anew; of none
            where one program serves all, on a CPU one by one.

    Returns:
        For each picture and each stage's name float32 [n, 5], box and score by descending score:
        squares after "pnet" and "rnet", faces, not clipped, after "onet".

    Raises:
        FileNotFoundError, TypeError, ValueError: as `detect_batch`; also if `until` is no stage.

    Example:
        >>> (left,) = mj.detect_stages(params, ["photo.jpg"])
        >>> len(left["pnet"]) > len(left["rnet"]) > len(left["onet"])
        True
    """
    if until not in INPUT_SIZE:
        raise ValueError(f"until is {until!r}; accepted are {', '.join(INPUT_SIZE)}")
    batch_size = checked(config, batch_size)
    arrays = _read_all(images)
    stages = list(INPUT_SIZE)
    check_params(params, config, stages[: stages.index(until) + 1])
    with outside_jit():
        if batch_size == 1 and pictures.serves(config):
            return [
                pictures.stages(pictures.look(params, picture, config, wanted=until), until)
                for picture in arrays
            ]
        one, many = staged(until, many=False), staged(until, many=True)
        found = list(run_many(one, many, params, arrays, config, batch_size, buckets))
    return [
        {
            name: np.concatenate([stage.boxes, stage.scores[:, None]], axis=1)[stage.valid]
            for name, stage in left.items()
        }
        for left, _ in found
    ]
