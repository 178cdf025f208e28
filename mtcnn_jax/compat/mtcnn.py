"""The MTCNN of the package mtcnn, 1.x and 0.1, over this library.

Its arguments, and a dictionary for each face, of Python's own numbers. Points are counted from the
centre of the first pixel, as there (decision 0045). What differs: `min_face_size` works at any
value from 12 up; pictures of a batch do not depend on each other's sizes.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mtcnn_jax.compat.devices import load_networks
from mtcnn_jax.compat.sources import is_batch, read_pictures
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.detect import detect, detect_stages
from mtcnn_jax.faces import POINTS
from mtcnn_jax.stream import detect_batch

STAGES = ("face_and_landmarks_detection", "face_detection_only")
BOX_FORMATS = ("xywh", "xyxy")
OUTPUT_TYPES = ("json", "numpy")
JUSTIFICATIONS = tuple(
    "center top topleft topright bottom bottomleft bottomright left right".split()
)

POINT_SHIFT = -0.5
"""Its points less this library's: it counts from the centre of the first pixel."""


class MTCNN:
    """Finds faces, and tells of each by a dictionary.

    Attributes:
        stages: one of `STAGES`.
        device: as given.
        min_face_size: how to look where `detect_faces` is not told, as are the next two.
        steps_threshold: three scores.
        scale_factor: from one level of the pyramid to the next.

    Example:
        >>> from mtcnn_jax.compat.mtcnn import MTCNN
        >>> (face,) = MTCNN().detect_faces("photo.jpg")
        >>> sorted(face), len(face["box"]), sorted(face["keypoints"])[:2]
        (['box', 'confidence', 'keypoints'], 4, ['left_eye', 'mouth_left'])
    """

    def __init__(
        self,
        stages: str = "face_and_landmarks_detection",
        device: Any = None,
        *,
        weights_file: Any = None,
        min_face_size: float = 20,
        steps_threshold: Sequence[float] = (0.6, 0.7, 0.8),
        scale_factor: float = 0.709,
    ):
        """Takes the arguments of 1.x, and those of 0.1 by their names.

        Args:
            stages: "face_and_landmarks_detection", or "face_detection_only" for the squares that
                R-Net leaves, without points.
            device: "CPU:0", "GPU:0" and their like; None for what JAX uses.
            weights_file: what `load_params` takes or gives; None for the bundled ones.
            min_face_size: side in pixels of the smallest window; 12 or more.
            steps_threshold: scores to exceed after P-Net, R-Net and O-Net. The last is 0.8 in 1.x;
                in 0.1 it was 0.7.
            scale_factor: from one level of the pyramid to the next.

        Raises:
            TypeError, ValueError, FileNotFoundError: if a value is none that is accepted.
        """
        _check("stages", stages, STAGES)
        self.stages = stages
        self.device = device
        self.min_face_size = min_face_size
        self.steps_threshold = (0.6, 0.7, 0.8) if steps_threshold is None else steps_threshold
        self.scale_factor = scale_factor
        # The bundled weights are made for these, the originals know none.
        self._additions = {} if weights_file is None else {"second_look": False, "size_prior": 0}
        self._config()
        self._params = load_networks(weights_file, device)

    def _config(
        self,
        min_face_size: float | None = None,
        scale_factor: float | None = None,
        thresholds: Sequence[float | None] = (None, None, None),
        overlaps: tuple[float, float, float, float] = (0.5, 0.7, 0.7, 0.7),
    ) -> DetectConfig:
        """How to look: as a call says and, where it does not, as the attributes are now."""
        standing = DetectConfig(thresholds=self.steps_threshold).thresholds
        pairs = zip(thresholds, standing, strict=True)
        return DetectConfig(
            min_face_size=self.min_face_size if min_face_size is None else min_face_size,
            scale_factor=self.scale_factor if scale_factor is None else scale_factor,
            thresholds=tuple(own if given is None else given for given, own in pairs),
            nms_thresholds=overlaps,
            **self._additions,
        )

    def detect_faces(
        self,
        image: Any,
        fit_to_image: bool = True,
        limit_boundaries_landmarks: bool = False,
        box_format: str = "xywh",
        output_type: str = "json",
        postprocess: bool = True,
        batch_stack_justification: str = "center",
        *,
        min_face_size: float | None = None,
        min_size: int = 12,
        scale_factor: float | None = None,
        threshold_pnet: float | None = None,
        threshold_rnet: float | None = None,
        threshold_onet: float | None = None,
        nms_pnet1: float = 0.5,
        nms_pnet2: float = 0.7,
        nms_rnet: float = 0.7,
        nms_onet: float = 0.7,
    ) -> Any:
        """Finds the faces of a picture, or of each of a list.

        Args:
            image: a path, bytes, an array or tensor [h, w, 3] of pixels 0..255, or what else
                `read_image` takes; a list of such.
            fit_to_image: whether boxes are clipped to the picture. Those of faces with points
                always are: False is a warning.
            limit_boundaries_landmarks: whether points are clipped to the picture too.
            box_format: "xywh" for x, y, width, height or "xyxy" for x1, y1, x2, y2.
            output_type: "json" for dictionaries, "numpy" for one array.
            postprocess: False turns both clippings off, with the same warning.
            batch_stack_justification: one of `JUSTIFICATIONS`; pictures are not stacked here, so
                all mean the same.
            min_face_size: in place of the constructor's.
            min_size: 12, P-Net's window.
            scale_factor: in place of the constructor's.
            threshold_pnet: in place of the constructor's first.
            threshold_rnet: in place of its second.
            threshold_onet: in place of its third.
            nms_pnet1: overlap above which the lower score goes, within a level of the pyramid.
            nms_pnet2: the same over all levels.
            nms_rnet: the same after R-Net.
            nms_onet: the same after O-Net, over the smaller box.

        Returns:
            With "json" for each face {"box": four ints, "confidence": float, "keypoints": {name:
            [x, y], ints}}, the points only where O-Net runs; a list of such lists for a list. With
            "numpy" float64 [n, 16]: the picture's number, four of the box, the score, five x, five
            y; [n, 6] without points.

        Raises:
            TypeError, ValueError, FileNotFoundError: if an argument is none that is accepted or a
                picture cannot be read.
        """
        _check("box_format", box_format, BOX_FORMATS)
        _check("output_type", output_type, OUTPUT_TYPES)
        _check("batch_stack_justification", batch_stack_justification, JUSTIFICATIONS)
        _check("min_size", min_size, (12,))
        config = self._config(
            min_face_size,
            scale_factor,
            (threshold_pnet, threshold_rnet, threshold_onet),
            (nms_pnet1, nms_pnet2, nms_rnet, nms_onet),
        )
        pictures = read_pictures(image)
        fits = fit_to_image and postprocess
        if not fits and self.stages == STAGES[0]:
            warnings.warn(
                "fit_to_image=False and postprocess=False have no effect: boxes of faces with "
                "points are clipped to the picture here",
                stacklevel=2,
            )
        found = [
            _fitted(rows, picture.shape[:2], boxes=fits, points=fits and limit_boundaries_landmarks)
            for rows, picture in zip(self._look(pictures, config), pictures, strict=True)
        ]
        if output_type == "numpy":
            return _as_array(found, box_format, 16 if self.stages == STAGES[0] else 6)
        faces = [[_as_dictionary(row, box_format) for row in rows] for rows in found]
        return faces if is_batch(image) else faces[0]

    predict = detect_faces

    def _look(self, pictures: list[np.ndarray], config: DetectConfig) -> list[np.ndarray]:
        """float64 [n, 15] of each picture: box, score, five x, five y; [n, 5] without points."""
        if self.stages != STAGES[0]:
            left = detect_stages(self._params, pictures, config, until="rnet")
            return [stages["rnet"].astype(float) for stages in left]
        one = len(pictures) == 1
        many = [detect(self._params, pictures[0], config)] if one else None
        return [
            np.column_stack(
                [
                    faces.boxes,
                    faces.scores,
                    faces.landmarks[..., 0] + POINT_SHIFT,
                    faces.landmarks[..., 1] + POINT_SHIFT,
                ]
            ).astype(float)
            for faces in many or detect_batch(self._params, pictures, config)
        ]


def _check(name: str, value: Any, accepted: tuple) -> None:
    if not any(value is one or (type(value) is type(one) and value == one) for one in accepted):
        raise ValueError(f"{name} is {value!r}; accepted: {', '.join(map(repr, accepted))}")


def _fitted(rows: np.ndarray, size: tuple[int, int], *, boxes: bool, points: bool) -> np.ndarray:
    """The rows with x and y of boxes, and of points, within a picture of height and width."""
    height, width = size
    rows = rows.copy()
    if boxes:
        rows[:, :4] = np.clip(rows[:, :4], 0, [width, height, width, height])
    if points:
        rows[:, 5:10] = np.clip(rows[:, 5:10], 0, width - 1)
        rows[:, 10:] = np.clip(rows[:, 10:], 0, height - 1)
    return rows


def _formatted(boxes: np.ndarray, box_format: str) -> np.ndarray:
    return boxes if box_format == "xyxy" else np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])


def _as_array(found: list[np.ndarray], box_format: str, columns: int) -> np.ndarray:
    """All rows in one array, each after the number of its picture."""
    parts = [np.empty((0, columns))]
    for number, rows in enumerate(found):
        boxes = _formatted(rows[:, :4], box_format)
        parts.append(np.column_stack([np.full(len(rows), number), boxes, rows[:, 4:]]))
    return np.concatenate(parts)


def _as_dictionary(row: np.ndarray, box_format: str) -> dict[str, Any]:
    box = _formatted(row[None, :4], box_format)[0]
    face: dict[str, Any] = {"box": np.rint(box).astype(int).tolist(), "confidence": float(row[4])}
    if row.size > 5:
        points = np.rint(row[5:].reshape(2, 5).T).astype(int).tolist()
        face["keypoints"] = dict(zip(POINTS, points, strict=True))
    return face
