import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from mtcnn_jax.compat.sources import is_batch, read_picture, read_pictures

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


class Tensor:
    """Stands in for a tensor of PyTorch."""

    ndim = 3

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def numpy(self, *, force=False):
        assert force
        return self.array


class EagerTensor:
    """Stands in for a tensor of TensorFlow."""

    ndim = 3

    def numpy(self):
        return PIXELS.astype(np.float32)


@pytest.mark.parametrize(
    "source",
    [
        PIXELS,
        PIXELS.astype(np.float32) + 0.25,
        PIXELS.astype(np.int64),
        jnp.asarray(PIXELS),
        Image.fromarray(PIXELS),
        Tensor(PIXELS),
        EagerTensor(),
    ],
    ids=lambda source: type(source).__name__,
)
def test_pixels_are_0_to_255_of_any_kind(source):
    read = read_picture(source)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, PIXELS)


def test_a_pil_image_is_taken_as_it_lies_and_a_file_as_it_is_shown():
    exif = Image.Exif()
    exif[0x0112] = 6  # Turned by a quarter.
    content = io.BytesIO()
    Image.fromarray(PIXELS).save(content, "PNG", exif=exif)
    assert read_picture(content.getvalue()).shape == (9, 6, 3)
    with Image.open(io.BytesIO(content.getvalue())) as image:
        np.testing.assert_array_equal(read_picture(image), PIXELS)


def test_grey_and_transparent_images_are_read():
    grey = Image.fromarray(PIXELS).convert("L")
    np.testing.assert_array_equal(read_picture(grey), np.asarray(grey.convert("RGB")))
    np.testing.assert_array_equal(read_picture(Image.fromarray(PIXELS).convert("RGBA")), PIXELS)
    sixteen = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_picture(sixteen)[..., 2], PIXELS[..., 0])


def test_batches():
    assert is_batch([PIXELS]) and is_batch((PIXELS,)) and is_batch(PIXELS[None])
    assert not is_batch(PIXELS) and not is_batch("photo.jpg")
    assert len(read_pictures(np.stack([PIXELS] * 3))) == 3
    np.testing.assert_array_equal(read_pictures(PIXELS)[0], PIXELS)


@pytest.mark.parametrize(
    "source, told",
    [
        (np.array([[-1.0, 3.0]]), "float64 with values -1.0 to 3.0; accepted are pixels 0..255"),
        (np.array([[np.nan, 3.0]]), "values nan to nan"),
        (np.array([[256]]), "values 256 to 256"),
        (np.zeros((2, 2), bool), "bool"),
        (None, "NoneType"),
        (np.zeros((3, 0, 3), np.uint8), "shape"),
    ],
)
def test_what_is_no_picture_is_told(source, told):
    with pytest.raises((ValueError, TypeError), match=told):
        read_picture(source)
