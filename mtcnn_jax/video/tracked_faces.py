"""Faces that say who they are."""

import dataclasses
from typing import Any

import jax
import numpy as np
from PIL import Image

from mtcnn_jax.draw import draw_faces
from mtcnn_jax.faces import Faces


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrackedFaces(Faces):
    """The faces of one frame of a video.

    Attributes:
        ids: int64 [n], from 1 up, the same for a face in all its frames; kept where faces are
            chosen, as by `faces[mask]` or `faces.largest()`.

    Raises:
        ValueError: if the arrays are not of one length.

    Example:
        >>> import numpy as np
        >>> from mtcnn_jax.video.tracked_faces import TrackedFaces
        >>> boxes = np.array([[0, 0, 9, 9], [5, 5, 99, 99]], np.float32)
        >>> points = np.zeros((2, 5, 2), np.float32)
        >>> faces = TrackedFaces(boxes, np.float32([0.9, 0.8]), points, np.array([7, 4]))
        >>> faces.largest().ids
        array([4])
    """

    ids: np.ndarray

    def to_dicts(self) -> list[dict[str, Any]]:
        """A `Face.to_dict()` for each face, with its `id` before."""
        rest = super().to_dicts()
        return [{"id": int(i), **one} for i, one in zip(self.ids, rest, strict=True)]

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` as of `Faces.to_pandas`, with a column `id` before."""
        table = super().to_pandas()
        table.insert(0, "id", np.asarray(self.ids))
        return table

    def to_supervision(self) -> Any:
        """A `supervision.Detections` as of `Faces.to_supervision`, with `tracker_id`."""
        detections = super().to_supervision()
        detections.tracker_id = np.asarray(self.ids).astype(int)
        return detections

    def show(self, image: Any) -> Image.Image:
        """The faces drawn on their frame, each with its id."""
        return draw_tracked(image, self)


jax.tree_util.register_dataclass(
    TrackedFaces, [field.name for field in dataclasses.fields(TrackedFaces)], meta_fields=[]
)


def draw_tracked(image: Any, faces: TrackedFaces) -> Image.Image:
    """Draws faces on a copy of a frame, as `draw_faces` does, with ids in the place of scores."""
    return draw_faces(image, faces, labels=[str(i) for i in faces.ids.tolist()])
