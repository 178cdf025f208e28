"""Pictures as other packages take them: pixels 0..255 of any dtype, tensors, lists, stacks."""

import os
from typing import Any

import jax
import numpy as np
from PIL import Image

from mtcnn_jax.images import read_image

_FILES = (str, os.PathLike, bytes, bytearray, memoryview)


def is_batch(source: Any) -> bool:
    """Whether it is a list or tuple of pictures, or an array or tensor [n, h, w, 3] of them."""
    return isinstance(source, (list, tuple)) or getattr(source, "ndim", 0) == 4


def read_pictures(source: Any) -> list[np.ndarray]:
    """Each picture of a batch, or the one given, uint8 [h, w, 3]."""
    return [read_picture(picture) for picture in (source if is_batch(source) else [source])]


def read_picture(source: Any) -> np.ndarray:
    """Reads a picture, as those packages do where they differ from `read_image`.

    A PIL image is taken as it lies in memory: boxes are of that, whatever its EXIF data asks for.
    Floats are pixels 0..255.

    Args:
        source: what `read_image` takes, or a tensor of PyTorch or TensorFlow, channels last.

    Returns:
        uint8 [h, w, 3], RGB.

    Raises:
        TypeError, ValueError, FileNotFoundError: as `read_image`; also for numbers that are not in
            0..255.
    """
    if isinstance(source, Image.Image) and source.mode[0] not in "IF":
        return np.asarray(source.convert("RGB"))
    if hasattr(source, "detach"):
        source = source.numpy(force=True)
    elif hasattr(source, "numpy"):
        source = source.numpy()
    if isinstance(source, np.ndarray | jax.Array):
        source = _to_bytes(np.asarray(source))
    return read_image(source)


def _to_bytes(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8 or not array.size:
        return array
    numbers = np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)
    if not numbers or not (array.min() >= 0 and array.max() <= 255):  # A NaN is neither.
        raise ValueError(
            f"the array is {array.dtype} with values {array.min()} to {array.max()}; accepted are "
            "pixels 0..255, as integers or as floats"
        )
    return np.rint(array).astype(np.uint8)
