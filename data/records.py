"""Prepared data sets, read into one record, whichever builder prepared them.

Faces that labels say to ignore stay in the record, marked: those flagged `invalid` and those
without area.
"""

import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from google.protobuf import json_format

from data.landmark_boxes import box_of_landmarks
from mtcnn_jax import read_image
from mtcnn_jax.images import read_shape


class Picture(NamedTuple):
    """A labelled picture.

    Attributes:
        name: its path within the archive that it comes from.
        encoded: the bytes of its file.
        boxes: float32 [m, 4], xyxy in pixels.
        ignored: bool [m], boxes that are neither to be found nor to be called background.
        landmarks: float32 [m, 5, 2] in pixels; NaN where unknown.
        exhaustive: whether all faces are labelled, so that the rest is background.
    """

    name: str
    encoded: bytes
    boxes: np.ndarray
    ignored: np.ndarray
    landmarks: np.ndarray
    exhaustive: bool


def known_points(picture: Picture) -> np.ndarray:
    """bool [m]: which faces that count have all five points."""
    return np.isfinite(picture.landmarks).all(axis=(1, 2)) & ~picture.ignored


def read_pixels(picture: Picture) -> np.ndarray:
    """The pixels of a picture, uint8 [h, w, 3].

    Raises:
        ValueError: naming the picture, if it cannot be read.
    """
    try:
        return read_image(picture.encoded)
    except ValueError as error:
        name = picture.name or "a picture whose name was not kept"
        raise ValueError(f"{name}: {error}") from error


def _without_area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)


def _unknown(count: int) -> np.ndarray:
    return np.full((count, 5, 2), np.nan, np.float32)


def _from_wider_archives(example: Mapping[str, Any]) -> Picture:
    faces = example["faces"]
    boxes = np.array(faces["bbox"], np.float32).reshape(-1, 4)
    ignored = np.array(faces["invalid"], bool) | _without_area(boxes)
    name = example["image/filename"].decode()
    # Before its version 1.1.0 the builder left points out.
    landmarks = np.array(faces.get("landmarks", _unknown(len(boxes))), np.float32)
    landmarks = landmarks.reshape(-1, 5, 2)
    return Picture(name, example["image"], boxes, ignored, landmarks, True)


def _from_celeb_archives(example: Mapping[str, Any]) -> Picture:
    boxes, landmarks = example["bbox"][None], example["landmarks"][None]
    name = example["image/filename"].decode()
    return Picture(name, example["image"], boxes, _without_area(boxes), landmarks, False)


def _from_stock_wider(example: Mapping[str, Any]) -> Picture:
    """Stock boxes are ymin, xmin, ymax, xmax in shares of the picture."""
    faces, encoded = example["faces"], example["image"]
    name = example["image/filename"].decode()
    try:
        height, width = read_shape(encoded).shown
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    shares = np.array(faces["bbox"], np.float32).reshape(-1, 4)
    boxes = shares[:, [1, 0, 3, 2]] * np.array([width, height, width, height], np.float32)
    ignored = np.array(faces["invalid"], bool) | _without_area(boxes)
    return Picture(name, encoded, boxes, ignored, _unknown(len(boxes)), True)


def _from_own_folder(example: Mapping[str, Any]) -> Picture:
    faces, name = example["faces"], example["image/filename"].decode()
    boxes = np.array(faces["bbox"], np.float32).reshape(-1, 4)
    landmarks = np.array(faces["landmarks"], np.float32).reshape(-1, 5, 2)
    ignored = np.array(faces["ignored"], bool)
    return Picture(name, example["image"], boxes, ignored, landmarks, True)


_STOCK_POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")


def _from_stock_celeb(example: Mapping[str, Any]) -> Picture:
    """The stock set is the aligned one, without boxes; its names are not kept."""
    marks = example["landmarks"]
    points = [[marks[f"{name}_x"], marks[f"{name}_y"]] for name in _STOCK_POINTS]
    landmarks = np.array(points, np.float32)[None]
    boxes = box_of_landmarks(landmarks)
    return Picture("", example["image"], boxes, np.zeros(1, bool), landmarks, False)


READERS: dict[str, dict[str, Callable[[Mapping[str, Any]], Picture]]] = {
    "wider_face": {
        "wider_face_archives": _from_wider_archives,
        "wider_face": _from_stock_wider,
    },
    "folder": {"own_folder": _from_own_folder},
    "celeb_a_wild": {"celeb_a_wild": _from_celeb_archives},
    "celeb_a": {"celeb_a_aligned": _from_celeb_archives, "celeb_a": _from_stock_celeb},
}
"""For each data set the prepared forms that it is looked for in, in order, and their readers."""


READER_ERRORS = (OSError, RuntimeError, TypeError, ValueError, json_format.Error)
"""What TensorFlow Datasets and ArrayRecord raise on files that are cut off or broken."""


def damaged(folder: pathlib.Path, error: Exception) -> ValueError:
    """What to raise where one of `READER_ERRORS` comes from a prepared folder."""
    return ValueError(
        f"{folder} is damaged: {str(error)[:200]}; accepted is a folder as data.prepare leaves it: "
        "remove it, and prepare it again"
    )


class Pictures(Sequence):
    """One split of a prepared data set, in the fixed order that it was prepared in."""

    def __init__(self, folder: pathlib.Path, source: Sequence[Mapping[str, Any]], read: Callable):
        self._folder, self._source, self._read = folder, source, read
        self._length = len(source)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Picture:
        if not -len(self) <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        try:
            example = self._source[index % len(self)]
        except READER_ERRORS as error:
            raise damaged(self._folder, error) from error
        return self._read(example)

    def __iter__(self) -> Iterator[Picture]:
        return (self[index] for index in range(len(self)))


def read_pictures(dataset: str, *, split: str, data_dir: str) -> Pictures:
    """Opens one split of a prepared data set.

    Args:
        dataset: a name in `READERS`.
        split: "train", "validation" or "test".
        data_dir: the folder that it was prepared in.

    Raises:
        FileNotFoundError: if no form of it is there.
        ValueError: if there is no such data set or split, or its files are damaged; then, too, when
            a picture is read.
    """
    if dataset not in READERS:
        raise ValueError(f"dataset is {dataset!r}; accepted are {', '.join(READERS)}")
    root = pathlib.Path(data_dir)
    for form, read in READERS[dataset].items():
        for version in sorted(root.glob(f"{form}/*.*.*"), reverse=True):
            try:
                builder = tfds.builder_from_directory(version)
            except READER_ERRORS as error:
                raise damaged(version, error) from error
            if split not in builder.info.splits:
                raise ValueError(
                    f"{version} has no split {split!r}; accepted are "
                    f"{', '.join(builder.info.splits)}"
                )
            if builder.info.file_format.value != "array_record":
                raise ValueError(
                    f"{version} holds {builder.info.file_format.value} files; accepted are "
                    "array_record ones (file_format='array_record' when it is prepared)"
                )
            decoders = {"image": tfds.decode.SkipDecoding()}
            try:
                source = builder.as_data_source(split=split, decoders=decoders)
                return Pictures(version, source, read)
            except READER_ERRORS as error:
                raise damaged(version, error) from error
    raise FileNotFoundError(
        f"{root} holds no prepared {dataset} ({', '.join(READERS[dataset])}); "
        "`python -m data.prepare` makes it"
    )
