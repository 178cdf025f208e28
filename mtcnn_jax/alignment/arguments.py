"""The faces that alignment is given, as plain arrays, checked."""

from typing import Any

import jax
import numpy as np

from mtcnn_jax.alignment.similarity import as_floats
from mtcnn_jax.faces import Face, Faces

_FACES = "what detect gives, one face or a list of faces of it, or an array of"


def landmarks_of(faces: Any) -> np.ndarray:
    """float64 [n, 5, 2], the landmarks of faces, of one face, of a list of them, or as an array.

    Raises:
        TypeError, ValueError: if it is none of these.
    """
    return _as_array(faces, "landmarks", "landmarks", (5, 2))


def boxes_of(faces: Any) -> np.ndarray:
    """float64 [n, 4], the boxes of faces, of one face, of a list of them, or as an array.

    Raises:
        TypeError, ValueError: if it is none of these.
    """
    return _as_array(faces, "boxes", "box", (4,))


def _as_array(faces: Any, of_many: str, of_one: str, wanted: tuple[int, ...]) -> np.ndarray:
    given = [faces] if isinstance(faces, Face) else faces
    if isinstance(given, Faces):
        given = getattr(given, of_many)
    elif isinstance(given, list | tuple) and all(isinstance(face, Face) for face in given):
        given = np.array([getattr(face, of_one) for face in given]).reshape(len(given), *wanted)
    if isinstance(given, jax.core.Tracer):
        raise TypeError(
            "faces is traced by jit, grad or vmap, inside of which align does not run; accepted "
            "there is align_padded"
        )
    array = as_floats(given, "faces")
    if array.shape[1:] != wanted or array.ndim == 0:
        shape = ", ".join(map(str, wanted))
        raise ValueError(
            f"faces has the shape {list(array.shape)}; accepted is {_FACES} {of_many} [n, {shape}]"
        )
    return np.asarray(array, np.float64)
