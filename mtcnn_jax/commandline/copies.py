"""Pictures made of a picture: with its faces drawn, without them, and one of each."""

import io
import itertools
import pathlib
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import mtcnn_jax as mj
from mtcnn_jax.commandline.options import Options
from mtcnn_jax.commandline.results import ANNOTATED, BLURRED, CROP, MARK, is_ours, taken
from mtcnn_jax.writing import write_whole

MOST_SIDE = 65_500
"""Rows or columns of a JPEG file, by libjpeg."""

_TEMPLATES = {"aligned": "arcface", "box": "box"}


def copies_of(original: pathlib.Path, count: int, options: Options) -> list[pathlib.Path]:
    """The pictures that a run makes of one.

    Args:
        original: Its path as it is within the folder of results.
        count: How many faces it has.
        options: What the run is asked for.
    """
    endings = [ANNOTATED] * options.pictures + [BLURRED] * (options.blur is not None)
    if options.crops:
        endings += [CROP.format(number) for number in range(count)]
    return [original.with_name(original.name + ending) for ending in endings]


def write_copies(
    original: pathlib.Path, image: np.ndarray, faces: mj.Faces, options: Options
) -> list[str]:
    """Writes the pictures that a run makes of one.

    Args:
        original: Its path as it is within the folder of results; that folder is made where it is
            missing, and results of earlier runs are replaced.
        image: uint8 [h, w, 3].
        faces: Those in it.
        options: What the run is asked for.

    Returns:
        A sentence for each picture that was not written: a file that is no result of an earlier run
        has its name, or it is too large to be drawn on, or for a JPEG file.

    Raises:
        OSError: One cannot be written; the text names it.
    """
    original.parent.mkdir(parents=True, exist_ok=True)
    told = []
    for path in copies_of(original, len(faces), options):
        try:
            _check_free(path)
            write_whole(path, _made(path, image, faces, options))
        except ValueError as error:
            told.append(str(error))
        except MemoryError:
            told.append(f"{str(path)!r} takes more memory than there is")
    if options.crops:  # An earlier run may have cut more.
        for path in _crops_from(original, len(faces)):
            path.unlink()
    return told


def remove_copies(original: pathlib.Path) -> None:
    """Removes what earlier runs made of a picture, and nothing else."""
    for ending in (ANNOTATED, BLURRED):
        if is_ours(path := original.with_name(original.name + ending)):
            path.unlink()
    for path in _crops_from(original, 0):
        path.unlink()


def _crops_from(original: pathlib.Path, number: int) -> Iterator[pathlib.Path]:
    """The crops that earlier runs made of a picture, from one of its faces on."""
    paths = (original.with_name(original.name + CROP.format(at)) for at in itertools.count(number))
    return itertools.takewhile(is_ours, paths)


def _check_free(path: pathlib.Path) -> None:
    if path.exists() and not is_ours(path):
        raise ValueError(taken(path))


def _made(path: pathlib.Path, image: np.ndarray, faces: mj.Faces, options: Options) -> bytes:
    """The content of one of the pictures."""
    if path.name.endswith(ANNOTATED):
        return _to_jpeg(path, image, mj.draw_faces, faces)
    if path.name.endswith(BLURRED):
        return _to_jpeg(path, image, mj.blur_faces, faces, how=options.blur)
    number = int(path.name.rpartition(".face")[2].removesuffix(".png"))
    try:
        return cut_out(image, faces[number : number + 1], options)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from error


def cut_out(image: np.ndarray, face: mj.Faces, options: Options) -> bytes:
    """One face of a picture, as a PNG file.

    Args:
        image: uint8 [h, w, 3].
        face: The one face.
        options: Of which `crops` is given.

    Raises:
        ValueError: It lies outside the picture, or its points are in one place.
    """
    template = _TEMPLATES[options.crops]
    (crop,) = mj.align(image, face, size=options.crop_size, template=template)
    content, info = io.BytesIO(), PngInfo()
    info.add_text("Comment", MARK.decode())
    Image.fromarray(crop).save(content, "png", pnginfo=info)
    return content.getvalue()


def _to_jpeg(path: pathlib.Path, image: np.ndarray, draw, faces: mj.Faces, **arguments) -> bytes:
    height, width = image.shape[:2]
    if max(height, width) > MOST_SIDE:
        raise ValueError(
            f"{str(path)!r} would have {width} x {height} pixels; a JPEG file has at most "
            f"{MOST_SIDE} a side"
        )
    content = io.BytesIO()
    draw(image, faces, **arguments).save(content, "jpeg", quality=92, comment=MARK)
    return content.getvalue()
