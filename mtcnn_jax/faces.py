"""What detection gives: the faces of one picture, and each of them.

Coordinates are in pixels of the picture, from the corner of the first one.
"""

import dataclasses
import dis
import operator
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Self

import jax
import numpy as np
from PIL import Image

from mtcnn_jax.draw import draw_faces

POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
"""The order of the five points; left is the picture's left."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Face:
    """One face.

    Attributes:
        box: float32 [4], x1 y1 x2 y2, clipped to the picture.
        score: from 0 to 1.
        landmarks: float32 [5, 2], (x, y) in the order of `POINTS`; unlike the box not clipped.
    """

    box: np.ndarray
    score: float
    landmarks: np.ndarray

    @property
    def left_eye(self) -> np.ndarray:
        """Float32 [2], (x, y), of the eye on the picture's left."""
        return self.landmarks[0]

    @property
    def right_eye(self) -> np.ndarray:
        """Float32 [2], (x, y), of the eye on the picture's right."""
        return self.landmarks[1]

    @property
    def nose(self) -> np.ndarray:
        """Float32 [2], (x, y), of the nose's tip."""
        return self.landmarks[2]

    @property
    def mouth_left(self) -> np.ndarray:
        """Float32 [2], (x, y), of the mouth's corner on the picture's left."""
        return self.landmarks[3]

    @property
    def mouth_right(self) -> np.ndarray:
        """Float32 [2], (x, y), of the mouth's corner on the picture's right."""
        return self.landmarks[4]

    @property
    def width(self) -> float:
        """Of the box, in pixels."""
        return float(self.box[2] - self.box[0])

    @property
    def height(self) -> float:
        """Of the box, in pixels."""
        return float(self.box[3] - self.box[1])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, as JSON takes them: `box`, `score`, and `landmarks` by their names."""
        points = {name: self.landmarks[row].tolist() for row, name in enumerate(POINTS)}
        return {"box": self.box.tolist(), "score": float(self.score), "landmarks": points}

    def __repr__(self) -> str:
        if not isinstance(self.box, np.ndarray):  # Traced by `jit`, say.
            return f"Face(box={self.box}, score={self.score})"
        box = ", ".join(f"{side:.1f}" for side in self.box)
        return f"Face(box=[{box}], score={self.score:.3f})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Faces:
    """The faces of one picture, three arrays as long as there are faces.

    `len`, iteration and a number as index give faces; a slice, a mask or an array of numbers as
    index gives `Faces` again. It goes through `jax.jit` and its like as a pytree.

    Attributes:
        boxes: float32 [n, 4], x1 y1 x2 y2, clipped to the picture.
        scores: float32 [n], from 0 to 1; descending as `detect` gives them.
        landmarks: float32 [n, 5, 2], (x, y) in the order of `POINTS`. Unlike boxes they are not
            clipped: of a face that the picture cuts some lie outside.

    Raises:
        ValueError: if the arrays are not of one length.

    Example:
        >>> import mtcnn_jax as mj
        >>> faces = mj.detect(mj.load_params(), "photo.jpg")
        >>> len(faces), len(faces[faces.scores > 0.9]), len(faces.largest())
        (1, 1, 1)
        >>> bool(faces[0].left_eye[0] < faces[0].right_eye[0])
        True
    """

    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray

    def __post_init__(self) -> None:
        arrays = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        shapes = {name: np.shape(one) for name, one in arrays.items() if hasattr(one, "shape")}
        if len({shape[0] for shape in shapes.values() if shape}) > 1:
            told = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
            raise ValueError(f"faces with {told}; accepted are arrays of one length")

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Face]:
        _check_not_unpacked(sys._getframe(1))
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        try:
            number = operator.index(index)
        except TypeError:
            number = None
        if number is not None and not isinstance(index, (bool, np.bool_)):
            if not -len(self) <= number < len(self):
                raise IndexError(f"face {number} of {len(self)}")
            score = self.scores[number]
            score = score.item() if isinstance(score, np.generic) else score
            return Face(self.boxes[number], score, self.landmarks[number])
        if isinstance(index, (list, range)):
            index = np.asarray(index, None if len(index) else np.int64)
        whole = isinstance(index, slice) or getattr(index, "ndim", None) == 1
        if not whole or getattr(getattr(index, "dtype", None), "kind", "i") not in "iub":
            raise TypeError(
                f"{index!r} as an index of faces; accepted are a number, a slice, a mask [n], or "
                "an array or list of numbers"
            )
        return self._map(lambda array: array[index])

    def _map(self, chosen: Any) -> Self:
        arrays = {one.name: chosen(getattr(self, one.name)) for one in dataclasses.fields(self)}
        return dataclasses.replace(self, **arrays)

    def largest(self, k: int = 1) -> Self:
        """The `k` faces with the largest boxes, or all if there are fewer, the largest first."""
        sides = np.asarray(self.boxes)[:, 2:] - np.asarray(self.boxes)[:, :2]
        return self._first(-sides.prod(axis=1), k)

    def most_central(self, size: Sequence[int], k: int = 1) -> Self:
        """The `k` faces nearest to the centre of a picture, or all if there are fewer.

        Args:
            size: (height, width) of the picture; its shape will do.
            k: How many.

        Returns:
            Faces by the distance of their boxes' centres from the picture's.
        """
        if len(size) < 2:
            raise ValueError(f"size is {size!r}; accepted is (height, width) of the picture")
        centres = (np.asarray(self.boxes)[:, :2] + np.asarray(self.boxes)[:, 2:]) / 2
        away = centres - np.array([size[1], size[0]]) / 2
        return self._first(np.hypot(away[:, 0], away[:, 1]), k)

    def _first(self, order: np.ndarray, k: int) -> Self:
        if operator.index(k) < 0:
            raise ValueError(f"k is {k!r}; accepted are numbers of faces, from 0 up")
        return self[np.argsort(order, kind="stable")[:k]]

    def above(self, score: float) -> Self:
        """The faces whose scores exceed `score`."""
        return self[np.asarray(self.scores) > score]

    def to_dicts(self) -> list[dict[str, Any]]:
        """A `Face.to_dict()` for each face."""
        return [face.to_dict() for face in self]

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`: a row a face, columns x1, y1, x2, y2, score, left_eye_x and so on.

        Raises:
            ModuleNotFoundError: if pandas is not installed.
        """
        import pandas

        columns = dict(zip(("x1", "y1", "x2", "y2"), np.asarray(self.boxes).T, strict=True))
        columns["score"] = np.asarray(self.scores)
        for row, name in enumerate(POINTS):
            for axis, letter in enumerate("xy"):
                columns[f"{name}_{letter}"] = np.asarray(self.landmarks)[:, row, axis]
        return pandas.DataFrame(columns)

    def to_supervision(self) -> Any:
        """A `supervision.Detections`: class 0, landmarks [n, 5, 2] as `data["landmarks"]`.

        Raises:
            ModuleNotFoundError: if supervision is not installed.
        """
        import supervision

        return supervision.Detections(
            xyxy=np.asarray(self.boxes),
            confidence=np.asarray(self.scores),
            class_id=np.zeros(len(self), int),
            data={"landmarks": np.asarray(self.landmarks)},
        )

    def show(self, image: Any) -> Image.Image:
        """The faces drawn on their picture, see `draw_faces`; a notebook displays it."""
        return draw_faces(image, self)

    def __repr__(self) -> str:
        name = type(self).__name__
        if not isinstance(self.scores, np.ndarray) or self.scores.ndim != 1:
            return f"{name}(boxes={self.boxes}, scores={self.scores}, landmarks={self.landmarks})"
        told = ", ".join(f"{score:.3f}" for score in self.scores[:5])
        more = ", ..." if len(self) > 5 else ""
        return f"{name}(n={len(self)}, scores=[{told}{more}])"


def _check_not_unpacked(frame: Any) -> None:
    """Refuses `boxes, scores, landmarks = faces`, which would give three faces where there are."""
    code = frame.f_code.co_code
    if frame.f_lasti >= 0 and dis.opname[code[frame.f_lasti]] == "UNPACK_SEQUENCE":
        raise TypeError(
            "Faces are not unpacked into arrays; write faces.boxes, faces.scores, faces.landmarks, "
            "or list(faces) for one after the other"
        )


for _kind in (Face, Faces):
    jax.tree_util.register_dataclass(
        _kind, [field.name for field in dataclasses.fields(_kind)], meta_fields=[]
    )
