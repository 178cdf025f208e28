"""Faces of any picture, turned as a template has them and cut out, on the host.

By NumPy, since the compiler would take longer than thousands of crops: each picture and each number
of faces would be of other shapes.
"""

from typing import Any

import numpy as np
from PIL import Image

from mtcnn_jax.alignment.arguments import boxes_of, landmarks_of
from mtcnn_jax.alignment.similarity import check_fits, solve
from mtcnn_jax.alignment.squares import LARGEST, Taps, check_outside, tap_count, taps
from mtcnn_jax.alignment.templates import check_margin, check_template, crop_shape
from mtcnn_jax.images import Source, read_image


def align(
    image: Source,
    faces: Any,
    *,
    size: int | tuple[int, int] = 112,
    template: str = "arcface",
    margin: float = 0.0,
    outside: str = "black",
) -> np.ndarray:
    """Cuts faces out of a picture, turned and scaled so that all lie alike.

    A crop's pixel is the mean of the picture over its area, however large the face is; of faces
    smaller than the crop it is bilinear, as in `cv2.warpAffine`. Nothing is compiled. Under `jit`,
    `similarity` and `align_padded` do the same.

    Args:
        image: the picture, as anything that `read_image` takes.
        faces: what `detect` found in it, one face or a list of faces of that, or landmarks, an
            array [n, 5, 2]; for the template "box" boxes, an array [n, 4].
        size: side of the crops in pixels, or their height and width.
        template: "arcface" lays the five points on those that networks for recognition expect, by
            least squares; they follow the crop's height. "box" leaves the face as it is turned: the
            smallest crop with all of its box, the box in the middle.
        margin: what to show beyond that, as a share of it, at each side: 0.25 makes it half as wide
            again.
        outside: what to show outside the picture: "black", or its "edge", continued.

    Returns:
        uint8 [n, h, w, 3], RGB, in the order of the faces.

    Raises:
        FileNotFoundError: if `image` names a file that is not there.
        TypeError: if an argument is of a kind that is not accepted, or traced by `jit`.
        ValueError: if `image` can't be read, a face lies outside of it, its points are in one place
            or not finite, its box has no area, or another argument is not accepted.

    Example:
        >>> import mtcnn_jax as mj
        >>> faces = mj.detect(mj.load_params(), "photo.jpg")
        >>> mj.align("photo.jpg", faces).shape
        (1, 112, 112, 3)
        >>> mj.align("photo.jpg", faces[0], size=(256, 192), template="box", margin=0.2).shape
        (1, 256, 192, 3)
    """
    check_template(template)
    check_outside(outside)
    shape, margin = crop_shape(size), check_margin(margin)
    points = landmarks_of(faces) if template == "arcface" else boxes_of(faces)
    solved, fits = solve(points, shape, template, margin)
    check_fits(points, fits, "faces", template)
    picture = read_image(image)
    crops = np.zeros((len(points), *shape, 3), np.uint8)
    for number, inverse in enumerate(solved.inverse):
        found = _cut(picture, inverse, shape, outside)
        if found is None:
            raise ValueError(
                f"faces[{number}] lies outside the picture, which has {picture.shape[1]} x "
                f"{picture.shape[0]} pixels; accepted are faces of this picture"
            )
        np.rint(found, out=crops[number], casting="unsafe")
    return crops


def _cut(
    picture: np.ndarray, inverse: np.ndarray, shape: tuple[int, int], outside: str
) -> np.ndarray | None:
    """float32 [h, w, 3], one crop; None where it shows nothing of the picture.

    Args:
        picture: uint8 [h, w, 3].
        inverse: float64 [2, 3] from the crop to the picture.
        shape: the crop's height and width.
        outside: as in `align`.
    """
    scale = np.hypot(*inverse[:, 0])  # Pixels of the picture along one of the crop's.
    corners = inverse @ [[0, shape[1], 0, shape[1]], [0, 0, shape[0], shape[0]], [1, 1, 1, 1]]
    low, high = corners.min(axis=1), corners.max(axis=1)
    extent = np.array(picture.shape[1::-1])
    if (high <= 0).any() or (low >= extent).any():
        return None
    # Of larger faces pixels are joined first, so that few are left to look at, as in decision 0008.
    joined = int(min(max(1, np.ceil(scale / LARGEST)), extent.max()))
    reach = scale + joined
    first = np.clip(np.floor(low - reach), 0, extent - 1).astype(int)
    last = np.clip(np.ceil(high + reach), first + 1, extent).astype(int)
    # Whole numbers of joined pixels, but at the picture's end.
    last = np.minimum(first + -((first - last) // joined) * joined, extent)
    part = picture[first[1] : last[1], first[0] : last[0]]
    reduced = part
    if joined > 1:
        reduced = np.asarray(Image.fromarray(np.ascontiguousarray(part)).reduce(joined))
    planes = reduced.astype(np.float32).reshape(-1, 3).T.copy()

    turned = inverse[:, :2].astype(np.float32) / joined
    shift = ((inverse[:, 2] - first) / joined).astype(np.float32)
    side = np.float32(np.clip(scale / joined, 1, LARGEST))
    u = np.arange(shape[1], dtype=np.float32) + 0.5
    v = np.arange(shape[0], dtype=np.float32)[:, None] + 0.5
    columns, rows = (
        taps(
            turned[axis, 0] * u + turned[axis, 1] * v + shift[axis],
            side,
            np.float32(part.shape[1 - axis] / joined),
            count=tap_count(side),
            outside=outside,
        )
        for axis in (0, 1)
    )
    return _means(planes, reduced.shape[1], rows, columns)


def _means(planes: np.ndarray, width: int, rows: Taps, columns: Taps) -> np.ndarray:
    """float32 [h, w, 3]: means over the squares that touch `rows` and `columns`.

    Args:
        planes: float32 [3, n], each channel's pixels. NumPy is slow over three in a row.
        width: pixels of a row.
        rows: of each of the crop's pixels.
        columns: likewise.
    """
    total = 0
    for row, row_share in rows:
        line, start = 0, row * width
        for column, share in columns:
            line += np.take(planes, start + column, axis=1, mode="clip") * share
        total += line * row_share
    return total.transpose(1, 2, 0)
