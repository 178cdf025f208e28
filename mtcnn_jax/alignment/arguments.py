"""The faces that alignment is given, as plain arrays, checked."""

from typing import Any

import jax
import numpy as np

from mtcnn_jax.alignment.similarity import as_floats
from mtcnn_jax.faces import Face, Faces

_FACES = "what detect gives, one face of it, or an array of"


def landmarks_of(faces: Any) -> np.ndarray:
    """float64 [n, 5, 2], the landmarks of faces, of one face, or as an array.

    Raises:
        TypeError, ValueError: if it is none of these.
    """
    given = getattr(faces, "landmarks", None) if isinstance(faces, Faces | Face) else faces
    return _as_array(faces, given, (5, 2), "landmarks [n, 5, 2]")


def boxes_of(faces: Any) -> np.ndarray:
    """float64 [n, 4], the boxes of faces, of one face, or as an array.

    Raises:
        TypeError, ValueError: if it is none of these.
    """
    given = faces.boxes if isinstance(faces, Faces) else faces
    given = given.box if isinstance(given, Face) else given
    return _as_array(faces, given, (4,), "boxes [n, 4]")


def _as_array(faces: Any, given: Any, wanted: tuple[int, ...], accepted: str) -> np.ndarray:
    if isinstance(given, jax.core.Tracer):
        raise TypeError(
            "faces is traced by jit, grad or vmap, inside of which align does not run; accepted "
            "there is align_padded"
        )
    array = as_floats(given, "faces")
    if isinstance(faces, Face):
        array = array[None]
    if array.shape[1:] != wanted:
        raise ValueError(
            f"faces has the shape {list(array.shape)}; accepted is {_FACES} {accepted}"
        )
    return np.asarray(array, np.float64)
