"""Landmark error on CelebA's validation and test partitions, and on AFLW.

Of the detections in a picture the one that overlaps the labelled face's box most counts.
Predictions come as CelebA's own list of landmarks: a line with the number of pictures, one with the
names of the columns, then for each picture its name and x and y of the five points. A name without
numbers says that the face was not found; where a picture has several labelled faces, they are
NAME#0, NAME#1 and so on.
"""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from data import records
from data.archives import check_name, shown
from data.datasets import aflw
from data.lines import Lines, read_text
from data.records import Picture
from experiments.evaluation.detections import detect_pictures
from experiments.evaluation.protocols import landmark_error
from experiments.evaluation.protocols.figures import Figure
from experiments.evaluation.protocols.landmark_error import Errors
from experiments.evaluation.settings import Result, Settings
from mtcnn_jax.cascade.stages import Params

PARTITIONS = ("validation", "test")


class Faces(NamedTuple):
    """The labelled faces that have a box and all five points.

    Attributes:
        names: a picture's name, with "#" and the face's number where it has several labelled.
        pictures: int [n], the index of each face's picture.
        boxes: float32 [n, 4].
        points: float64 [n, 5, 2].
        left_out: how many faces lack the box or a point.
        count: of pictures.
    """

    names: list[str]
    pictures: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    left_out: int
    count: int


def labelled_faces(pictures: Sequence[Picture]) -> Faces:
    """The faces of labelled pictures.

    Raises:
        ValueError: if there are none with a box and five points.
    """
    names, owners, boxes, points, left_out = [], [], [], [], 0
    for row, picture in enumerate(pictures):
        whole = np.isfinite(picture.landmarks).all(axis=(1, 2)) & ~picture.ignored
        left_out += int((~whole).sum())
        for number in np.flatnonzero(whole):
            names.append(picture.name if len(whole) == 1 else f"{picture.name}#{number}")
            owners.append(row)
            boxes.append(picture.boxes[number])
            points.append(picture.landmarks[number])
    if not names:
        raise ValueError(f"none of {len(pictures)} pictures has a face with a box and five points")
    return Faces(
        names,
        np.array(owners),
        np.array(boxes),
        np.array(points, np.float64),
        left_out,
        len(pictures),
    )


def read_landmarks(source: str | pathlib.Path, names: Sequence[str]) -> list[np.ndarray]:
    """Reads predicted points.

    Args:
        source: the list.
        names: pictures that it has to have a line for, and no others.

    Returns:
        For each of `names` float64 [k, 5, 2], k being 1, or 0 for a face that was not found.

    Raises:
        ValueError: naming file and line, if a line is malformed, names an unknown picture or one
            that was named before; or if a picture has no line.
    """
    path = pathlib.Path(source)
    lines = Lines(str(path), read_text(path))
    count = lines.count("rows")
    lines.take()
    allowed, found = set(names), {}
    for line in lines:
        name, rest = lines.split_name(line)
        name = check_name(name, lines.place)
        if name not in allowed:
            raise ValueError(f"{lines.place}: {name} is no picture of the ground truth")
        if name in found:
            raise ValueError(f"{lines.place}: {name} was there already")
        values = lines.numbers(rest, 10) if rest else []
        found[name] = np.array(values).reshape(-1, 5, 2)
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(
            f"{path} has no line for {len(missing)} of {len(names)} pictures, the first is "
            f"{missing[0]}; a name alone says that the face was not found"
        )
    if count != len(found):
        raise ValueError(f"{path}, line 1: {count}; the file has {len(found)} rows")
    return [found[name] for name in names]


def write_landmarks(
    path: pathlib.Path, names: Sequence[str], points: Sequence[np.ndarray | None]
) -> None:
    """Writes points [5, 2] (None: not found) of each picture as `read_landmarks` reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [
        f"{point.replace('_', '')}_{axis}" for point in landmark_error.POINTS for axis in "xy"
    ]
    lines = [str(len(names)), " ".join(columns)]
    for name, five in zip(names, points, strict=True):
        numbers = [] if five is None else [f"{value:.3f}" for value in np.ravel(five)]
        lines.append(" ".join([name, *numbers]))
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


class Measured(NamedTuple):
    """Errors of a set of faces, and what is reported of them."""

    names: list[str]
    pictures: np.ndarray
    errors: Errors
    values: dict[str, Any]
    figures: dict[str, Figure]


def measure(faces: Faces, found: Sequence[np.ndarray | None]) -> Measured:
    """Errors of found points [5, 2] (None: missed); see `landmark_error`."""
    errors = landmark_error.measure(faces.points, found)
    values = landmark_error.summary(errors) | {"left_out": faces.left_out}
    figures = landmark_error.figures(errors, faces.pictures, faces.count)
    return Measured(faces.names, faces.pictures, errors, values, figures)


def _detected(
    settings: Settings, name: str, params: Params, benchmark: str, pictures: Sequence[Picture]
) -> Measured:
    """Errors of what the detector finds."""
    path, config = settings.detections(name, benchmark), settings.config(curve=False)
    faces = labelled_faces(pictures)
    found = detect_pictures(params, pictures, config, path, title=f"{name} {benchmark}")
    points = []
    for picture, box in zip(faces.pictures, faces.boxes, strict=True):
        index = landmark_error.choose(box, found[picture].boxes)
        points.append(None if index is None else found[picture].landmarks[index])
    write_landmarks(settings.predictions(name) / f"{benchmark}.txt", faces.names, points)
    return measure(faces, points)


def _predicted(source: str | pathlib.Path, pictures: Sequence[Picture]) -> Measured:
    """Errors of points that come from elsewhere."""
    faces = labelled_faces(pictures)
    found = read_landmarks(source, faces.names)
    return measure(faces, [points[0] if len(points) else None for points in found])


def read_identities(path: str | pathlib.Path) -> dict[str, str]:
    """Person of each picture, from CelebA's identity_CelebA.txt."""
    people = {}
    lines = Lines(str(path), read_text(path))
    for line in lines:
        parts = line.split()
        if len(parts) != 2:
            raise ValueError(f"{lines.place}: {shown(line)}; accepted: a picture and a person")
        people[check_name(parts[0], lines.place)] = parts[1]
    return people


def by_person(names: Sequence[str], people: dict[str, str]) -> dict[str, np.ndarray]:
    """Which faces are of people with several of the pictures, and with one: bool [n] each.

    Raises:
        ValueError: if the person of a picture is not known.
    """
    missing = [name for name in names if name not in people]
    if missing:
        raise ValueError(
            f"the file of identities lacks {len(missing)} pictures, the first is {missing[0]}"
        )
    _, place, counts = np.unique(
        [people[name] for name in names], return_inverse=True, return_counts=True
    )
    several = counts[place] > 1
    return {"people_of_several_pictures": several, "people_of_one_picture": ~several}


def _celeb_pictures(settings: Settings, split: str) -> records.Pictures:
    return records.read_pictures("celeb_a_wild", split=split, data_dir=settings.folder("data_dir"))


def open_celeb_a(settings: Settings) -> tuple[dict[str, records.Pictures], dict[str, str]]:
    """The pictures of both partitions, and the person of each where identities are given."""
    people = read_identities(settings.identities) if settings.identities else {}
    return {split: _celeb_pictures(settings, split) for split in PARTITIONS}, people


def open_aflw(settings: Settings) -> aflw.Pictures:
    """AFLW's pictures."""
    return aflw.Pictures(settings.folder("aflw_dir"))


def run_celeb_a(settings: Settings, name: str, params: Params) -> Result:
    """Runs the detector on both partitions of CelebA in the wild."""
    partitions, people = open_celeb_a(settings)
    values, errors, figures = {}, {}, {}
    for split, pictures in partitions.items():
        measured = _detected(settings, name, params, f"celeb_a_{split}", pictures)
        values[split], errors[split] = measured.values, measured.errors
        figures |= {f"{split}/{key}": one for key, one in measured.figures.items()}
        for key, chosen in by_person(measured.names, people).items() if people else ():
            part, owners = measured.errors.where(chosen), measured.pictures[chosen]
            values[split][key] = landmark_error.summary(part)
            of_part = landmark_error.figures(part, owners, len(pictures))
            figures |= {f"{split}/{key}/{name}": one for name, one in of_part.items()}
    return Result(values, errors=errors, figures=figures)


def celeb_a_from_predictions(settings: Settings, source: str | pathlib.Path) -> Result:
    """Scores points on the partition `settings.split` ("" is validation) of CelebA in the wild."""
    split = settings.split or "validation"
    measured = _predicted(source, _celeb_pictures(settings, split))
    return Result(measured.values, errors={split: measured.errors})


def run_aflw(settings: Settings, name: str, params: Params) -> Result:
    """Runs the detector on AFLW."""
    measured = _detected(settings, name, params, "aflw", open_aflw(settings))
    return Result(measured.values, errors={"aflw": measured.errors}, figures=measured.figures)


def aflw_from_predictions(settings: Settings, source: str | pathlib.Path) -> Result:
    """Scores points on AFLW."""
    measured = _predicted(source, open_aflw(settings))
    return Result(measured.values, errors={"aflw": measured.errors})
