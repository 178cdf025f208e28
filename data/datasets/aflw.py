"""AFLW (Koestinger et al. 2011) from its own layout: `aflw.sqlite` and the folders of pictures.

The database's FaceImages, Faces, FaceRect, FeatureCoords and FeatureCoordTypes are read; pictures
lie in a folder named after their `db_id` (`flickr/`). Points are in the order and geometry of
`mtcnn_jax.cascade.boxes`; AFLW labels up to 21, of which the five are taken.
"""

import os
import pathlib
import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.archives import ArchiveError, check_name, inside, shown
from data.lines import FARTHEST
from data.records import Picture

DATABASE = "aflw.sqlite"

FEATURES = (
    "LeftEyeCenter",
    "RightEyeCenter",
    "NoseCenter",
    "MouthLeftCorner",
    "MouthRightCorner",
)
"""The codes in FeatureCoordTypes of the five points, in this project's order."""

_FACES = """
SELECT f.face_id, i.db_id, i.filepath, r.x, r.y, r.w, r.h FROM Faces f
LEFT JOIN FaceImages i ON i.file_id = f.file_id AND i.db_id = f.db_id
LEFT JOIN FaceRect r ON r.face_id = f.face_id ORDER BY f.face_id
"""
_POINTS = """
SELECT c.face_id, t.code, c.x, c.y FROM FeatureCoords c
JOIN FeatureCoordTypes t ON t.feature_id = c.feature_id
"""


def _query(path: pathlib.Path) -> tuple[list[tuple], list[tuple]]:
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}; accepted is a folder with {DATABASE}")
    try:
        # Read-only and immutable, since a plain connection wants to write beside the file.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
        try:
            return connection.execute(_FACES).fetchall(), connection.execute(_POINTS).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise ArchiveError(f"{path} is not AFLW's database: {error}") from error


def _pixels(values: Sequence[Any], place: str) -> Sequence[float]:
    """The values, once they are sure to be numbers of pixels; SQLite keeps anything anywhere."""
    if not all(isinstance(one, int | float) and abs(one) <= FARTHEST for one in values):
        raise ArchiveError(
            f"{place}: {shown(str(values))}; accepted are pixels from -{FARTHEST} to {FARTHEST}"
        )
    return values


class Pictures(Sequence):
    """The labelled pictures, in the order of their first faces, read as they are asked for.

    Faces without a rectangle get a box without area, ignored; points that are not labelled (AFLW
    leaves hidden ones out) are NaN.
    """

    def __init__(self, folder: str | os.PathLike):
        """Reads the labels, and makes sure that their pictures are there.

        Args:
            folder: with `aflw.sqlite` and the folders of pictures.

        Raises:
            ArchiveError: if the database is not AFLW's, a face has no picture, a point no face, or
                a picture is missing.
            FileNotFoundError: if there is no database.
        """
        self._root = pathlib.Path(folder)
        path = self._root / DATABASE
        faces, coordinates = _query(path)
        self._points = {face: np.full((5, 2), np.nan, np.float32) for face, *_ in faces}
        for face, code, x, y in coordinates:
            if face not in self._points:
                raise ArchiveError(f"{path}, FeatureCoords: there is no face {face}")
            if code in FEATURES:
                point = _pixels((x, y), f"{path}, FeatureCoords of face {face}")
                self._points[face][FEATURES.index(code)] = point
        grouped: dict[str, list[tuple]] = {}
        for face, database, file, *rectangle in faces:
            if file is None:
                raise ArchiveError(f"{path}, Faces: face {face} is in no picture of FaceImages")
            place = f"{path}, FaceImages, face {face}"
            check_name(str(file), place)  # Apart: "a//b" is a name, "/b" is none.
            name = check_name(f"{database}/{file}", place)
            sides = _pixels([side or 0 for side in rectangle], f"{path}, FaceRect of face {face}")
            grouped.setdefault(name, []).append((face, sides))
        self._faces = list(grouped.items())
        for name, members in self._faces:
            place = f"face {members[0][0]} of {path}"
            if not inside(self._root, name, place).is_file():
                raise ArchiveError(f"{self._root / name} is missing, which {place} names")

    def __len__(self) -> int:
        return len(self._faces)

    def __getitem__(self, index: int) -> Picture:
        name, members = self._faces[index]
        sides = np.array([box for _, box in members], np.float32)
        boxes = np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1)
        ignored = (sides[:, 2:] <= 0).any(axis=1)
        landmarks = np.stack([self._points[face] for face, _ in members])
        encoded = (self._root / name).read_bytes()
        return Picture(name, encoded, boxes, ignored, landmarks, False)
