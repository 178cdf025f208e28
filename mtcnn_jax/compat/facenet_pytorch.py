"""The MTCNN of facenet-pytorch, over this library.

Its arguments, shapes, types and coordinates, which lie up to a pixel and a half from this library's
(decision 0045). What differs: crops of arrays are resized by Pillow, not by OpenCV; boxes are
clipped to the picture; pictures of a batch may have different sizes, and none need have a face.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mtcnn_jax.compat import crops
from mtcnn_jax.compat.crops import extract_face, fixed_image_standardization
from mtcnn_jax.compat.devices import load_networks
from mtcnn_jax.compat.selection import areas, best_face, check_method
from mtcnn_jax.compat.sources import is_batch, read_picture, read_pictures
from mtcnn_jax.config import DetectConfig, is_whole, plain_number
from mtcnn_jax.detect import detect
from mtcnn_jax.faces import Faces
from mtcnn_jax.stream import detect_batch

__all__ = ["MTCNN", "extract_face", "fixed_image_standardization"]

BOX_SHIFT = np.array([1.5, 1.5, 0.5, 0.5], np.float32)
"""Its boxes less this library's: it counts x1 and y1 from 1, and leaves out that it cuts crops off
at whole pixels, which is half a pixel on average."""

POINT_SHIFT = np.float32(0.5)
"""Its points less this library's: the half pixel alone."""


class MTCNN:
    """Finds faces, and cuts them out as tensors for a network that recognizes them.

    Its arguments are attributes of the same names, which may be set anew.

    Example:
        >>> from mtcnn_jax.compat.facenet_pytorch import MTCNN
        >>> mtcnn = MTCNN(image_size=160, post_process=True)
        >>> tuple(mtcnn("photo.jpg").shape)
        (3, 160, 160)
        >>> boxes, probs, points = mtcnn.detect("photo.jpg", landmarks=True)
        >>> boxes.shape, probs.shape, points.shape
        ((1, 4), (1,), (1, 5, 2))
    """

    def __init__(
        self,
        image_size: int = 160,
        margin: float = 0,
        min_face_size: float = 20,
        thresholds: Sequence[float] = (0.6, 0.7, 0.7),
        factor: float = 0.709,
        post_process: bool = True,
        select_largest: bool = True,
        selection_method: str | None = None,
        keep_all: bool = False,
        device: Any = None,
        *,
        weights: Any = None,
    ):
        """Takes facenet-pytorch's arguments, and `weights`.

        Args:
            image_size: side in pixels of the squares cut out.
            margin: around a face, in pixels of the square, on both sides together.
            min_face_size: side in pixels of the smallest window looked at; 12 or more.
            thresholds: scores to exceed after P-Net, R-Net and O-Net.
            factor: from one level of the pyramid to the next.
            post_process: whether crops are (pixel - 127.5) / 128, else pixels 0..255.
            select_largest: whether `detect` puts the largest face first, else the surest.
            selection_method: the one face that a call gives (`selection.best_face`); None for the
                first in that order.
            keep_all: whether a call gives all faces.
            device: "cuda:0", a `torch.device` and their like; None for what JAX uses. It is where
                the networks run; crops come back on the host, as they do there.
            weights: what `load_params` takes or gives; None for the bundled ones.

        Raises:
            TypeError, ValueError, FileNotFoundError: if a value is none that is accepted.
        """
        image_size = plain_number(image_size)
        if not is_whole(image_size, least=1):
            raise ValueError(f"image_size is {image_size!r}; accepted are whole numbers from 1 up")
        if not 0 <= margin < image_size:
            raise ValueError(
                f"margin is {margin!r}; accepted are pixels from 0 to below image_size, which is "
                f"{image_size}"
            )
        self.image_size = image_size
        self.margin = margin
        self.min_face_size = min_face_size
        self.thresholds = thresholds
        self.factor = factor
        self.post_process = post_process
        self.select_largest = select_largest
        self.selection_method = selection_method or ("largest" if select_largest else "probability")
        check_method(self.selection_method)
        self.keep_all = keep_all
        self.device = device
        # The bundled weights are made for these, the originals know none.
        self._additions = {} if weights is None else {"second_look": False, "size_prior": 0}
        self._config()
        self._params = load_networks(weights, device)

    def _config(self) -> DetectConfig:
        """How to look, by the attributes as they are now."""
        return DetectConfig(
            min_face_size=self.min_face_size,
            thresholds=self.thresholds,
            scale_factor=self.factor,
            nms_thresholds=(0.5, 0.7, 0.7, 0.7),
            **self._additions,
        )

    def eval(self) -> "MTCNN":
        """Itself: what a module of PyTorch has a training mode for is not here."""
        return self

    def to(self, device: Any) -> "MTCNN":
        """Itself, with the networks on another device."""
        self._params = load_networks(self._params, device)
        self.device = device
        return self

    def detect(self, img: Any, landmarks: bool = False) -> tuple:
        """Finds faces.

        Args:
            img: a PIL image, an array or tensor [h, w, 3] of pixels 0..255, or what else
                `read_image` takes; a list of such, or an array [n, h, w, 3].
            landmarks: whether to give points.

        Returns:
            boxes [n, 4], probabilities [n] and, with `landmarks`, points [n, 5, 2], by descending
            area or, without `select_largest`, score; None, [None] and None where there is no face.
            Of a batch, arrays of objects with an item for each picture.

        Raises:
            TypeError, ValueError, FileNotFoundError: if a picture cannot be read.
        """
        pictures, config = read_pictures(img), self._config()
        if is_batch(img):
            found = detect_batch(self._params, pictures, config)
        else:
            found = [detect(self._params, pictures[0], config)]
        columns = zip(*map(self._as_arrays, found), strict=True) if found else ((), (), ())
        boxes, probs, points = (np.array(list(column), dtype=object) for column in columns)
        if not is_batch(img):
            boxes, probs, points = boxes[0], probs[0], points[0]
        return (boxes, probs, points) if landmarks else (boxes, probs)

    def _as_arrays(self, faces: Faces) -> tuple:
        if not len(faces.scores):
            return None, [None], None
        boxes, points = faces.boxes + BOX_SHIFT, faces.landmarks + POINT_SHIFT
        if not self.select_largest:
            return boxes, faces.scores, points
        order = np.argsort(-areas(boxes), kind="stable")
        return boxes[order], faces.scores[order], points[order]

    def select_boxes(
        self,
        all_boxes: Any,
        all_probs: Any,
        all_points: Any,
        imgs: Any,
        method: str = "probability",
        threshold: float = 0.9,
        center_weight: float = 2.0,
    ) -> tuple:
        """Chooses one face of each picture, from what `detect` gives with `landmarks`.

        Args:
            all_boxes: from `detect`.
            all_probs: from `detect`.
            all_points: from `detect`.
            imgs: what `detect` was given.
            method: as in `selection.best_face`.
            threshold: as there.
            center_weight: as there.

        Returns:
            boxes [1, 4], a probability and points [1, 5, 2]; None where there is no face or none is
            above the threshold. Of a batch, arrays with an item for each picture, in which
            probabilities are [1].

        Raises:
            ValueError: if there is no such method.
        """
        check_method(method)
        batch = is_batch(imgs)
        given = (all_boxes, all_probs, all_points, imgs)
        rows = zip(*(given if batch else [[item] for item in given]), strict=True)
        chosen = []
        for boxes, probs, points, img in rows:
            place = None
            if boxes is not None:
                size = read_picture(img).shape[:2]
                place = best_face(
                    boxes, probs, size, method, threshold=threshold, center_weight=center_weight
                )
            if place is None:
                chosen.append((None, [None], None))
            else:
                one = slice(place, place + 1)
                chosen.append(tuple(np.asarray(part)[one] for part in (boxes, probs, points)))
        if not batch:
            box, prob, point = chosen[0]
            return box, prob[0], point
        kind = object if any(box is None for box, _, _ in chosen) else None
        return tuple(np.array(list(part), dtype=kind) for part in zip(*chosen, strict=True))

    def extract(self, img: Any, batch_boxes: Any, save_path: Any = None) -> Any:
        """Cuts faces out.

        Args:
            img: what `detect` was given.
            batch_boxes: what it, or `select_boxes`, gave.
            save_path: a file for the face, of which the first has this name and the others a number
                after it; of a batch a list of such. What is saved has the picture's own colours.

        Returns:
            float32 [3, s, s] of the first box or, with `keep_all`, [n, 3, s, s]; None where there
            is no box. Of a batch, a list. Tensors where PyTorch is installed, else NumPy arrays.

        Raises:
            ValueError: if there are not as many paths as pictures, or a box holds no pixel.
            OSError: if a face cannot be saved.
        """
        batch = is_batch(img)
        pictures = read_pictures(img)
        all_boxes = batch_boxes if batch else [batch_boxes]
        paths = [None] * len(pictures) if save_path is None else save_path
        if isinstance(paths, (str, os.PathLike)):
            paths = [paths]
        if not len(all_boxes) == len(paths) == len(pictures):
            raise ValueError(
                f"there are {len(pictures)} pictures, {len(all_boxes)} items of boxes and "
                f"{len(paths)} paths; accepted are as many of each"
            )
        faces = [
            None if boxes is None else self._cut(picture, boxes, path)
            for picture, boxes, path in zip(pictures, all_boxes, paths, strict=True)
        ]
        return faces if batch else faces[0]

    def _cut(self, picture: np.ndarray, boxes: Any, path: Any) -> Any:
        return crops.cut_all(
            picture,
            boxes if self.keep_all else boxes[:1],
            path,
            side=self.image_size,
            margin=self.margin,
            standardized=self.post_process,
            stacked=self.keep_all,
        )

    def forward(self, img: Any, save_path: Any = None, return_prob: bool = False) -> Any:
        """Finds faces and cuts them out: one of each picture or, with `keep_all`, all.

        Args:
            img: as in `detect`.
            save_path: as in `extract`.
            return_prob: whether to give probabilities too.

        Returns:
            What `extract` does and, with `return_prob`, the probabilities, as `select_boxes` gives
            them or, with `keep_all`, `detect`.

        Raises:
            TypeError, ValueError, OSError: as `detect` and `extract`.
        """
        # Read once: a file object can be read no second time.
        pictures = read_pictures(img)
        img = pictures if is_batch(img) else pictures[0]
        boxes, probs, points = self.detect(img, landmarks=True)
        if not self.keep_all:
            method = self.selection_method
            boxes, probs, points = self.select_boxes(boxes, probs, points, img, method=method)
        faces = self.extract(img, boxes, save_path)
        return (faces, probs) if return_prob else faces

    __call__ = forward
