"""Reading pictures: whatever holds one in, uint8 `[height, width, 3]` RGB out."""

import importlib
import io
import os
import struct
import warnings
import zlib
from typing import BinaryIO, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import ExifTags, Image, ImageOps

Source = str | os.PathLike | bytes | BinaryIO | Image.Image | np.ndarray | jax.Array
"""What `read_image` takes."""

_ACCEPTED = (
    "a path (str or PathLike), the bytes of a picture file, a binary file object, a PIL image, "
    "or a NumPy or JAX array"
)
_ACCEPTED_FILES = "a file in a format that Pillow reads, such as JPEG, PNG, WebP, TIFF or BMP"
_ACCEPTED_DTYPES = "uint8 with values 0..255, or floating point with values 0..1"
_ACCEPTED_SHAPES = "[h, w], [h, w, 1], [h, w, 3] or [h, w, 4], with h and w at least 1"

SLACK = 1e-3
"""Beyond 0 and 1, that floats may lie from rounding before; it is rounded away."""


class _Plugin(NamedTuple):
    """A package with which Pillow reads a format that it does not read by itself."""

    title: str
    package: str
    module: str
    register: str | None = None  # A function of the module; without one importing it is enough.


_HEIC = _Plugin("HEIC", "pillow-heif", "pillow_heif", "register_heif_opener")
_AVIF = _Plugin("AVIF", "pillow-avif-plugin", "pillow_avif")
_JPEG_XL = _Plugin("JPEG XL", "pillow-jxl-plugin", "pillow_jxl")

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_JPEG_XL_STARTS = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")

# What Pillow's many decoders raise on files that are cut off or broken.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def read_image(source: Source) -> np.ndarray:
    """Reads a picture.

    Grey becomes RGB and 16-bit grey becomes 8-bit, scaled (65535 to 255) and not clipped; where it
    uses a sixteenth of its range or less, as 12 bits stored unscaled do, a warning says so.
    Transparency is dropped, from files as from arrays: a pixel keeps the colour stored under it.
    The rotation that a file's EXIF data asks for is applied, so the result, and every box found in
    it, is the picture as a viewer shows it. Of an animation the first frame is read; of a PIL
    image the current one. HEIC, as phones write it, is read where pillow-heif is installed, JPEG XL
    where pillow-jxl-plugin is.

    Args:
        source: A path (str or PathLike), the bytes of a picture file, a binary file object (read
            from where it stands), a PIL image, or a NumPy or JAX array `[h, w]`, `[h, w, 1]`,
            `[h, w, 3]` or `[h, w, 4]`: uint8, or floating point with values 0..1, give or take
            `SLACK`.

    Returns:
        uint8 `[h, w, 3]`, RGB. It may share its memory with an array given as `source`.

    Raises:
        FileNotFoundError: There is nothing at the path.
        TypeError: `source` is of another type, an array of another dtype, or traced by `jit`.
        ValueError: A directory, a file that is no picture, is broken, needs a plugin of Pillow that
            is not installed or has more pixels than Pillow's limit against decompression bombs; an
            array of another shape, without pixels,
            or floating point with a value that is not in 0..1.

    Example:
        >>> import mtcnn_jax as mj
        >>> mj.read_image("photo.jpg").shape
        (512, 512, 3)
    """
    if isinstance(source, jax.core.Tracer):
        raise TypeError(
            "the picture is traced by jit, grad or vmap, inside of which detect and read_image do "
            "not run; accepted there is detect_padded, on a canvas of a fixed shape"
        )
    if isinstance(source, Image.Image):
        return _from_pil(source, "the PIL image")
    if isinstance(source, np.ndarray | jax.Array):
        return _from_array(np.asarray(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(source, "the bytes given")
    if isinstance(source, str | os.PathLike):
        return _from_path(os.fspath(source))
    if hasattr(source, "read"):
        name = f"the file object {getattr(source, 'name', source)!r}"
        content = source.read()
        if not isinstance(content, bytes):
            raise TypeError(
                f"{name} gives {type(content).__name__} when read; accepted: one opened in binary "
                "mode, that gives bytes"
            )
        return _from_bytes(content, name)
    raise TypeError(f"cannot read a picture from {_describe(source)}; accepted: {_ACCEPTED}")


class Shape(NamedTuple):
    """Height and width of a picture, in pixels.

    Attributes:
        shown: as a viewer shows it and `read_image` reads it.
        stored: as the file holds it.
        orientation: what its EXIF data asks for, 1 to 8; 1 where that is nothing.
    """

    shown: tuple[int, int]
    stored: tuple[int, int]
    orientation: int


def read_shape(source: str | os.PathLike | bytes) -> Shape:
    """Height and width of a picture file, without its pixels.

    Raises:
        FileNotFoundError: There is nothing at the path.
        ValueError: The file is no picture, or broken where it says what it is.
    """
    is_bytes = isinstance(source, bytes)
    name = "the bytes given" if is_bytes else repr(os.fspath(source))
    try:
        with Image.open(io.BytesIO(source) if is_bytes else source) as image:
            # Before the EXIF data, which may load the picture. Pillow turns TIFF's size itself.
            tiff = image.format == "TIFF"
            stored = (image.tag_v2[257], image.tag_v2[256]) if tiff else image.size[::-1]
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except FileNotFoundError:
        raise
    except Image.UnidentifiedImageError:
        raise ValueError(f"{name} is not a picture; accepted: {_ACCEPTED_FILES}") from None
    except _DECODER_ERRORS as error:
        raise _unreadable(name, error) from error
    if orientation not in range(1, 9):
        orientation = 1
    return Shape(stored[::-1] if orientation >= 5 else stored, stored, orientation)


def _describe(source: object) -> str:
    kind = type(source)
    if kind.__module__.split(".")[0] == "torch":
        hint = (
            " of PyTorch (.numpy(force=True) makes an array of it, in which channels come last: "
            ".permute(1, 2, 0) first, where they come first)"
        )
    elif isinstance(source, list) or hasattr(source, "__array__"):
        hint = " (np.asarray makes an array of it)"
    else:
        hint = ""
    return f"a {kind.__name__}{hint}"


def _from_path(path: str | bytes) -> np.ndarray:
    if not os.path.exists(path):
        raise FileNotFoundError(f"no such file: {path!r}; accepted: {_ACCEPTED}")
    if os.path.isdir(path):
        raise ValueError(f"{path!r} is a directory; accepted: the path of one picture file")
    with open(path, "rb") as file:
        return _from_bytes(file.read(), repr(path))


def _from_bytes(content: bytes | bytearray | memoryview, name: str) -> np.ndarray:
    image = _opened(content, name)
    plugin = _plugin_of(bytes(content[:64]))
    if image is None and plugin:
        _register(plugin, name)
        image = _opened(content, name)
    if image is None:
        what = "is empty" if not len(content) else "is not a picture"
        raise ValueError(f"{name} {what}; accepted: {_ACCEPTED_FILES}")
    with image:
        return _from_pil(image, name)


def _opened(content: bytes | bytearray | memoryview, name: str) -> Image.Image | None:
    """The picture; None if Pillow knows no format that begins so."""
    try:
        return Image.open(io.BytesIO(content))
    except Image.UnidentifiedImageError:
        return None
    except _DECODER_ERRORS as error:
        raise _unreadable(name, error) from error


def _plugin_of(start: bytes) -> _Plugin | None:
    """What reads a file that starts so, if it is of a format that Pillow may need a plugin for."""
    if start.startswith(_JPEG_XL_STARTS):
        return _JPEG_XL
    if start[4:8] != b"ftyp":
        return None
    # The main brand, a version, and the brands that the file can be read as.
    size = int.from_bytes(start[:4], "big")
    brands = {start[8:12]} | {start[place : place + 4] for place in range(16, min(size, 64), 4)}
    if brands & {b"avif", b"avis"}:
        return _AVIF
    return _HEIC if brands & _HEIC_BRANDS else None


def _register(plugin: _Plugin, name: str) -> None:
    """Has Pillow read what the plugin reads."""
    try:
        module = importlib.import_module(plugin.module)
    except ImportError as error:
        raise ValueError(
            f"{name} is a picture in {plugin.title}, which Pillow reads through {plugin.package} "
            f"({error}); install it with: python -m pip install {plugin.package}"
        ) from error
    if plugin.register:
        getattr(module, plugin.register)()


def _from_pil(image: Image.Image, name: str) -> np.ndarray:
    if not (image.width and image.height):
        raise ValueError(
            f"{name} has no pixels: {image.width} x {image.height}; accepted: at least 1 x 1"
        )
    if image.mode in ("I", "F"):
        raise ValueError(
            f"{name} has mode {image.mode!r}, whose range of values is not known; accepted: modes "
            "1, L, LA, P, PA, RGB, RGBA, CMYK, YCbCr and I;16, or an array scaled to 0..1"
        )
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16"):
            grey = np.asarray(image)
            _warn_of_12_bits(grey, name)
            return _grey_to_rgb(_to_8_bits(grey, top=65535))
        # By way of RGBA: straight to RGB, Pillow warns of palettes with transparency.
        palette = image.mode in ("P", "PA")
        return np.asarray((image.convert("RGBA") if palette else image).convert("RGB"))
    except _DECODER_ERRORS as error:
        raise _unreadable(name, error) from error


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,), (4,)) or not array.size:
        raise ValueError(f"the array's shape is {list(array.shape)}; accepted: {_ACCEPTED_SHAPES}")
    if jnp.issubdtype(array.dtype, jnp.floating):
        array = _to_8_bits(_check_unit_range(array), top=1)
    elif array.dtype != np.uint8:
        raise TypeError(f"the array's dtype is {array.dtype}; accepted: {_ACCEPTED_DTYPES}")
    if array.ndim == 2 or array.shape[2] == 1:
        return _grey_to_rgb(array.reshape(array.shape[:2]))
    return np.ascontiguousarray(array[..., :3])


def _check_unit_range(array: np.ndarray) -> np.ndarray:
    low, high = array.min(), array.max()
    if not np.isfinite(low) or not np.isfinite(high):  # A NaN anywhere is both.
        raise ValueError(f"the array holds NaN or infinity; accepted: {_ACCEPTED_DTYPES}")
    if low < -SLACK or high > 1 + SLACK:
        raise ValueError(
            f"the array is {array.dtype} with values {low:.9g} to {high:.9g}; accepted: "
            f"{_ACCEPTED_DTYPES}"
        )
    return array


def _warn_of_12_bits(grey: np.ndarray, name: str) -> None:
    brightest = int(grey.max())
    if 0 < brightest < 65536 // 16:
        warnings.warn(
            f"{name} is 16-bit grey of which no pixel is brighter than {brightest} of 65535, and "
            "is read as nearly black; if it holds fewer bits, give an array scaled to 0..1, as by "
            "array / 4095",
            stacklevel=2,
        )


def _to_8_bits(array: np.ndarray, *, top: int) -> np.ndarray:
    return np.rint(array.astype(np.float32) * (255 / top)).astype(np.uint8)


def _grey_to_rgb(array: np.ndarray) -> np.ndarray:
    return np.repeat(array[..., None], 3, axis=-1)


def _unreadable(name: str, error: Exception) -> ValueError:
    return ValueError(f"{name} cannot be read as a picture: {error}; accepted: {_ACCEPTED_FILES}")
