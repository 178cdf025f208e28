"""Landmark error on CelebA's validation and test partitions, and on AFLW.

Predictions come as CelebA's own list of landmarks: a line with the number of pictures, one with the
names of the columns, then for each picture its name and x and y of the five points. A name without
numbers says that the face was not found.
"""

import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from data import aflw, records
from data.archives import Lines
from data.records import Picture
from experiments import landmark_error
from experiments.detections import detect_pictures
from experiments.evaluation import Result, Settings
from experiments.landmark_error import Errors
from mtcnn_jax.cascade import Params

PARTITIONS = ("validation", "test")


def labels(pictures: Sequence[Picture]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, boxes float32 [n, 4] and points float64 [n, 5, 2] of pictures with one face each.

    Raises:
        ValueError: if a picture has not one labelled face, or not all its points.
    """
    wrong = [
        picture.name
        for picture in pictures
        if len(picture.boxes) != 1 or not np.isfinite(picture.landmarks).all()
    ]
    if wrong:
        raise ValueError(
            f"{len(wrong)} pictures have not one labelled face with five points, the first is "
            f"{wrong[0]}"
        )
    return (
        [picture.name for picture in pictures],
        np.concatenate([picture.boxes for picture in pictures]),
        np.concatenate([picture.landmarks for picture in pictures]).astype(np.float64),
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
    lines = Lines(str(path), path.read_text(encoding="utf-8"))
    count = int(lines.numbers(lines.take(), 1)[0])
    lines.take()
    allowed, found = set(names), {}
    for line in lines:
        name, _, rest = line.partition(" ")
        if name not in allowed:
            raise ValueError(f"{lines.place}: {name} is no picture of the ground truth")
        if name in found:
            raise ValueError(f"{lines.place}: {name} was there already")
        values = lines.numbers(rest, 10) if rest.strip() else []
        if not all(map(math.isfinite, values)):
            raise ValueError(f"{lines.place}: {rest!r}; accepted are finite numbers")
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


def _detected(
    settings: Settings, name: str, params: Params, benchmark: str, pictures: Sequence[Picture]
) -> Errors:
    """Errors of what the detector finds."""
    path, config = settings.detections(name, benchmark), settings.config(curve=False)
    found = detect_pictures(params, pictures, config, path, title=f"{name} {benchmark}")
    names, faces, points = labels(pictures)
    chosen = [
        landmark_error.choose(face, row.boxes) for face, row in zip(faces, found, strict=True)
    ]
    kept = [
        None if index is None else row.landmarks[index].astype(np.float64)
        for index, row in zip(chosen, found, strict=True)
    ]
    write_landmarks(settings.predictions(name) / f"{benchmark}.txt", names, kept)
    return landmark_error.measure(points, kept)


def _predicted(source: str | pathlib.Path, pictures: Sequence[Picture]) -> Errors:
    """Errors of points that come from elsewhere."""
    names, _, points = labels(pictures)
    found = read_landmarks(source, names)
    return landmark_error.measure(points, [five[0] if len(five) else None for five in found])


def _read_identities(path: str | pathlib.Path) -> dict[str, str]:
    """Person of each picture, from CelebA's identity_CelebA.txt."""
    people = {}
    lines = Lines(str(path), pathlib.Path(path).read_text(encoding="utf-8"))
    for line in lines:
        parts = line.split()
        if len(parts) != 2:
            raise ValueError(f"{lines.place}: {line!r}; accepted: a picture and a person")
        people[parts[0]] = parts[1]
    return people


def by_person(names: Sequence[str], errors: Errors, people: dict[str, str]) -> dict[str, Any]:
    """Summaries apart for people with several of the pictures, and with one.

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
    return {
        "people_of_several_pictures": landmark_error.summary(errors.where(several)),
        "people_of_one_picture": landmark_error.summary(errors.where(~several)),
    }


def _celeb_pictures(settings: Settings, split: str) -> records.Pictures:
    return records.read_pictures("celeb_a_wild", split=split, data_dir=settings.data_dir)


def run_celeb_a(settings: Settings, name: str, params: Params) -> Result:
    """Runs the detector on both partitions of CelebA in the wild."""
    people = _read_identities(settings.identities) if settings.identities else {}
    values, errors = {}, {}
    for split in PARTITIONS:
        pictures = _celeb_pictures(settings, split)
        errors[split] = _detected(settings, name, params, f"celeb_a_{split}", pictures)
        values[split] = landmark_error.summary(errors[split])
        if people:
            names = [picture.name for picture in pictures]
            values[split] |= by_person(names, errors[split], people)
    return Result(values, errors=errors)


def celeb_a_from_predictions(settings: Settings, source: str | pathlib.Path) -> Result:
    """Scores points on the partition `settings.split` of CelebA in the wild."""
    errors = _predicted(source, _celeb_pictures(settings, settings.split or "validation"))
    return Result(landmark_error.summary(errors), errors={settings.split: errors})


def run_aflw(settings: Settings, name: str, params: Params) -> Result:
    """Runs the detector on AFLW."""
    errors = _detected(settings, name, params, "aflw", aflw.Pictures(settings.aflw_dir))
    return Result(landmark_error.summary(errors), errors={"aflw": errors})


def aflw_from_predictions(settings: Settings, source: str | pathlib.Path) -> Result:
    """Scores points on AFLW."""
    errors = _predicted(source, aflw.Pictures(settings.aflw_dir))
    return Result(landmark_error.summary(errors), errors={"aflw": errors})
