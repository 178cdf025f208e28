"""What looks wrong with a labelled folder: its pictures, and their faces, each with its line."""

import functools
import hashlib
import os
import pathlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from data.archives import PictureArchive, PictureError, inside
from data.checks import Named, look
from data.datasets.folder import Folder
from data.datasets.labels import Labels, check_size
from data.inspection.faces import faces_in_doubt
from mtcnn_jax.images import Shape

KINDS = {
    "missing": "pictures that labels name and the folder lacks; --leave_out_broken goes on",
    "unreadable": "pictures that cannot be read; --leave_out_broken goes on without them",
    "other size": "pictures whose labels are of another size; --leave_out_broken goes on",
    "turned": "pictures that EXIF data turns, with labels that do not say which way they are",
    "same picture": "pictures that are there twice",
    "not labelled": "pictures without labels, which are left out",
    "no area": "boxes without area, which are ignored",
    "box outside": "boxes that lie outside their picture, half of them or more",
    "tiny box": "boxes too small for a sample, which are ignored",
    "odd box": "boxes of a shape that faces seldom have",
    "same box": "boxes that are there twice",
    "point outside": "faces with a point outside their box",
    "points missing": "faces with some of five points, and not all",
    "points swapped": "faces whose points look swapped",
}
"""What may be found, in the order of a report."""


class Finding(NamedTuple):
    """Something that looks wrong.

    Attributes:
        kind: of `KINDS`.
        place: the file and line (or entry), or the picture's path where no label names it.
        what: a sentence without its full stop.
        picture: the picture's path; None where it cannot be shown.
        face: the number of its face, if it is about one.
    """

    kind: str
    place: str
    what: str
    picture: pathlib.Path | None = None
    face: int | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def _seen(archive: PictureArchive, one: Labels) -> tuple[str, Shape] | PictureError | None:
    """A digest of a picture's file and its shape; the error if it is broken; None if missing."""
    if not inside(archive.path, one.name, one.place).is_file():
        return None
    found = look(archive, Named(one, one.name, one.place))
    if isinstance(found, PictureError):
        return found
    return hashlib.sha256(found[0]).hexdigest(), found[1]


def inspect(folder: Folder) -> list[Finding]:
    """All that looks wrong with a folder, in the order of its labels.

    Raises:
        ArchiveError: if a name leads out of the folder by a link.
    """
    found: list[Finding] = []
    first: dict[str, tuple[str, str]] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for split, (root, labels) in folder.splits.items():
            looks = pool.map(functools.partial(_seen, PictureArchive(root)), labels)
            for one, seen in zip(labels, looks, strict=True):
                if seen is None:
                    found.append(Finding("missing", one.place, f"{root} holds no {one.name}"))
                elif isinstance(seen, PictureError):
                    what = f"{one.name} cannot be read: {seen}"
                    found.append(Finding("unreadable", one.place, what))
                else:
                    digest, shape = seen
                    found += _picture(one, root / one.name, shape)
                    place, other = first.setdefault(digest, (one.place, split))
                    if place != one.place:
                        what = f"{one.name} is the same file as that of {place}"
                        if other != split:
                            what += ", which is for training: it would be validated on what it saw"
                        found.append(Finding("same picture", one.place, what, root / one.name))
    for path in folder.unlabelled:
        what = "no label names this picture; accepted is one that says 0 faces"
        found.append(Finding("not labelled", str(path), what))
    return found


def _picture(one: Labels, path: pathlib.Path, shape: Shape) -> Iterator[Finding]:
    """What looks wrong with the labels of a picture that is there."""
    try:
        check_size(one, shape)
    except PictureError as error:
        what = str(error).removeprefix(f"{one.place}: ")
        yield Finding("other size", one.place, what, path)
        return
    told = one.size is not None and shape.stored != shape.shown
    if shape.orientation != 1 and not told:
        what = f"{one.name} is turned by its EXIF data: labels are taken to be on it as shown"
        yield Finding("turned", one.place, what, path)
    for kind, what, face in faces_in_doubt(one, shape.shown):
        yield Finding(kind, one.places[face], f"{one.name}: {what}", path, face)


def summary(folder: Folder, found: Sequence[Finding]) -> list[str]:
    """What the folder holds, and how many of each kind were found: a line each."""
    lines = []
    for split, (_, labels) in folder.splits.items():
        faces = [one.boxes[~one.ignored] for one in labels]
        boxes = np.concatenate(faces)
        known = sum(np.isfinite(o.landmarks).all((1, 2))[~o.ignored].sum() for o in labels)
        side = np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)) if len(boxes) else 0
        lines.append(
            f"{split}: {len(labels)} pictures, {sum(not len(one) for one in faces)} without a "
            f"face; {len(boxes)} faces, {known} with five points; half are larger than {side:.0f} "
            "pixels"
        )
    counts = Counter(one.kind for one in found)
    lines += [f"{told}: {counts[kind]}" for kind, told in KINDS.items() if counts[kind]]
    return lines if counts else [*lines, "nothing looks wrong"]
