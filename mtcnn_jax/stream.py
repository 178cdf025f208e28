"""Detection on many pictures as they come, read in threads ahead of it."""

import contextlib
import os
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from typing import Any

import jax
import numpy as np

from mtcnn_jax.cascade.arguments import outside_jit
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig, is_whole, plain_number
from mtcnn_jax.detect import check_images, check_params, checked, look, to_faces
from mtcnn_jax.faces import Faces
from mtcnn_jax.images import read_image
from mtcnn_jax.runtime.batches import run_many
from mtcnn_jax.runtime.buckets import check_size
from mtcnn_jax.runtime.compiled import detector
from mtcnn_jax.runtime.readahead import read_ahead


def detect_stream(
    params: Params,
    images: Iterable[Any],
    config: DetectConfig = DetectConfig(),
    *,
    batch_size: int | None = None,
    ahead: int | None = None,
) -> Generator[Faces, None, None]:
    """Detects the faces of pictures as they come: from a generator, say, that never ends.

    Pictures are read in threads while others are looked at, and let go of once their faces are
    given. `images` is gone through in a thread of its own, which ends, as all do, when the result
    is closed or dropped; `contextlib.closing` does so at the end of a block.

    Args:
        params: from `load_params`.
        images: what `detect` accepts, each.
        config: how to look.
        batch_size: as in `detect_batch`. With more than 1 the faces of a picture come once others
            have filled its batch, up to 8 batches later: 1 is for a camera.
        ahead: pictures that are read or being read before they are wanted, in as many threads at
            most; by default two batches, and off a CPU as many as there are cores if that is more.

    Yields:
        The faces of each picture, in order, equal to `detect` one by one.

    Raises:
        TypeError, ValueError: at once, if an argument is not accepted.
        FileNotFoundError, TypeError, ValueError: in the place of a picture's faces, after those of
            all before it, as `detect`; also whatever `images` raises.

    Example:
        >>> import mtcnn_jax as mj
        >>> params = mj.load_params()
        >>> for faces in mj.detect_stream(params, ["photo.jpg", "photo.jpg"]):
        ...     print(len(faces))
        1
        1
    """
    batch_size = checked(config, batch_size)
    check_images(images)
    ahead = _checked_ahead(ahead, batch_size)
    check_params(params, config)
    return _found(params, images, config, batch_size, ahead)


def detect_batch(
    params: Params,
    images: Iterable[Any],
    config: DetectConfig = DetectConfig(),
    *,
    batch_size: int | None = None,
) -> list[Faces]:
    """Detects the faces of many pictures, of any sizes.

    No more than a few batches of pictures are held at a time, see `detect_stream`.

    Args:
        params: from `load_params`.
        images: what `detect` accepts, each: any iterable of such, or an array [n, h, w, 3].
        config: how to look.
        batch_size: pictures of one bucket that go through together, fewer where those would be of
            more than 134 megapixels; by default 1 on a CPU, where one picture keeps all cores busy,
            and 16 elsewhere.

    Returns:
        The faces of each picture, in order, equal to `detect` one by one.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `detect`, of the first picture that can't be
            read, once those before it were looked at; at once, if `images` is one picture.

    Example:
        >>> import mtcnn_jax as mj
        >>> found = mj.detect_batch(mj.load_params(), ["photo.jpg", "photo.jpg"])
        >>> [len(faces) for faces in found]
        [1, 1]
    """
    return list(detect_stream(params, images, config, batch_size=batch_size))


def default_ahead(batch_size: int) -> int:
    """How many pictures to read ahead where nothing else is asked for."""
    on_cpu = jax.default_backend() == "cpu"
    return 2 * batch_size if on_cpu else max(2 * batch_size, os.cpu_count() or 1)


def _checked_ahead(ahead: Any, batch_size: int) -> int:
    number = default_ahead(batch_size) if ahead is None else plain_number(ahead)
    if not is_whole(number, least=1):
        raise ValueError(f"ahead is {ahead!r}; accepted are whole numbers from 1 up")
    return number


def _found(
    params: Params, images: Iterable[Any], config: DetectConfig, batch_size: int, ahead: int
) -> Generator[Faces, None, None]:
    failed: list[BaseException] = []
    with contextlib.closing(read_ahead(_read, enumerate(images), ahead=ahead)) as outcomes:
        pictures = _until_one_fails(outcomes, failed)
        with outside_jit():
            if batch_size == 1:
                for picture in pictures:
                    yield to_faces(look(params, picture, config))
            else:
                one, many = detector(many=False), detector(many=True)
                found = run_many(one, many, params, pictures, config, batch_size)
                yield from map(to_faces, found)
    if failed:
        raise failed[0]


def _read(numbered: tuple[int, Any]) -> np.ndarray:
    number, image = numbered
    is_path = isinstance(image, str | os.PathLike)
    try:
        array = read_image(image)
        check_size(*array.shape[:2], name=repr(os.fspath(image)) if is_path else "the picture")
    except (OSError, TypeError, ValueError) as error:
        if not is_path:
            error.add_note(f"It is number {number} of the pictures, counted from 0.")
        raise
    return array


def _until_one_fails(
    outcomes: Iterable[Future], failed: list[BaseException]
) -> Iterator[np.ndarray]:
    """Pictures as they are read, up to one that is not, of which the error is kept."""
    for outcome in outcomes:
        error = outcome.exception()
        if error is not None:
            failed.append(error)
            return
        yield outcome.result()
