import io
import sys
import types
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from mtcnn_jax.images import SLACK, read_image
from tests import ROOT

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
GREY = RGB[..., 0]
GREY_RGB = np.stack([GREY] * 3, axis=-1)


def encode(image, kind="png", **options):
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def check(result, expected):
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


class TestSources:
    def test_path_as_str_and_pathlike(self, tmp_path):
        path = tmp_path / "a picture.png"
        path.write_bytes(encode(RGB))
        check(read_image(str(path)), RGB)
        check(read_image(path), RGB)

    def test_bytes(self):
        check(read_image(encode(RGB)), RGB)
        check(read_image(bytearray(encode(RGB))), RGB)
        check(read_image(memoryview(encode(RGB))), RGB)

    def test_file_object(self, tmp_path):
        check(read_image(io.BytesIO(encode(RGB))), RGB)
        path = tmp_path / "x.png"
        path.write_bytes(encode(RGB))
        with open(path, "rb") as file:
            check(read_image(file), RGB)

    def test_stream_that_cannot_seek(self):
        class Stream(io.RawIOBase):
            content = [b"", encode(RGB)]

            def read(self, size=-1):
                return self.content.pop()

        check(read_image(Stream()), RGB)

    def test_pil_image(self):
        check(read_image(Image.fromarray(RGB)), RGB)

    def test_numpy_and_jax_arrays(self):
        check(read_image(RGB), RGB)
        check(read_image(jnp.asarray(RGB)), RGB)

    def test_array_with_strides(self):
        check(read_image(RGB[::-1, ::2]), RGB[::-1, ::2].copy())


class TestArrays:
    @pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1)])
    def test_grey(self, shape):
        check(read_image(GREY.reshape(shape)), GREY_RGB)

    def test_alpha_is_dropped(self):
        alpha = np.zeros((5, 7, 1), np.uint8)
        check(read_image(np.concatenate([RGB, alpha], axis=-1)), RGB)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4"])
    def test_float_comes_back_as_the_uint8_it_was(self, dtype):
        every = np.arange(256, dtype=np.uint8).reshape(16, 16)
        check(read_image((every / 255).astype(dtype)), np.stack([every] * 3, axis=-1))

    @pytest.mark.parametrize("beyond", [1e-7, SLACK * 0.99])
    def test_float_a_hair_beyond_is_rounded_away(self, beyond):
        array = np.array([[-beyond, 1 + beyond, 0.5]])
        assert read_image(array)[0, :, 0].tolist() == [0, 255, 128]
        assert read_image(RGB / 255 * (1 + beyond / 9)).tolist() == RGB.tolist()

    def test_float_rounds_to_nearest(self):
        check(
            read_image(np.array([[0.0, 0.4 / 255, 0.6 / 255, 254.4 / 255, 1.0]]))[0, :, 0],
            [0, 0, 1, 254, 255],
        )

    @pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
    def test_half_precision(self, dtype):
        check(read_image(jnp.array([[0, 0.5, 1]], dtype))[0, :, 0], [0, 128, 255])

    def test_ones_as_float_are_white_and_as_uint8_nearly_black(self):
        assert read_image(np.ones((2, 2), np.float32)).min() == 255
        assert read_image(np.ones((2, 2), np.uint8)).max() == 1

    def test_argument_is_left_alone(self):
        image = np.full((3, 3), 0.5, np.float32)
        read_image(image)
        np.testing.assert_array_equal(image, np.full((3, 3), 0.5))


class TestModes:
    def test_1(self):
        bits = GREY > 127
        check(read_image(Image.fromarray(bits)), np.stack([bits * np.uint8(255)] * 3, axis=-1))

    def test_l_and_la(self):
        check(read_image(Image.fromarray(GREY)), GREY_RGB)
        la = Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (7, 5), 0)])
        check(read_image(la), GREY_RGB)
        check(read_image(encode(la)), GREY_RGB)

    def test_rgba_drops_alpha(self):
        rgba = Image.fromarray(RGB)
        rgba.putalpha(0)
        check(read_image(rgba), RGB)
        check(read_image(encode(rgba)), RGB)

    @pytest.mark.parametrize("transparency", [None, 1, bytes([0, 128, 255])])
    def test_palette(self, transparency):
        colours = np.array([[250, 10, 20], [1, 2, 3], [90, 91, 92]], np.uint8)
        indices = GREY % 3
        image = Image.fromarray(indices)
        image.putpalette(colours.tobytes())
        options = {} if transparency is None else {"transparency": transparency}
        check(read_image(encode(image, **options)), colours[indices])

    def test_pa(self):
        image = Image.new("PA", (2, 1))
        image.putpalette([9, 8, 7, 60, 70, 80])
        image.putpixel((1, 0), (1, 0))
        check(read_image(image), [[[9, 8, 7], [60, 70, 80]]])

    def test_cmyk(self):
        image = Image.new("CMYK", (1, 1), (0, 255, 102, 51))
        # Each colour c: 255 * (1 - c / 255) * (1 - k / 255).
        check(read_image(image), [[[204, 0, 122]]])

    def test_cmyk_jpeg_is_not_inverted(self):
        white = Image.new("CMYK", (8, 8), (0, 0, 0, 0))
        assert read_image(encode(white, "jpeg")).min() > 250

    def test_ycbcr(self):
        # BT.601 by hand: Y 76, Cb 85, Cr 255 is red.
        result = read_image(Image.new("YCbCr", (1, 1), (76, 85, 255)))
        np.testing.assert_allclose(result, [[[254, 0, 0]]], atol=1)

    @pytest.mark.parametrize("dtype", ["<u2", ">u2"])
    def test_16_bits_are_scaled(self, dtype):
        values = [0, 128, 129, 257, 385, 386, 32768, 65407, 65535]
        image = Image.fromarray(np.array([values], np.dtype(dtype)))
        assert image.mode.startswith("I;16")
        # value / 257, to the nearest.
        check(read_image(image)[0, :, 1], [0, 0, 1, 1, 1, 2, 128, 255, 255])

    def test_16_bit_png(self):
        check(read_image(encode(GREY.astype(np.uint16) * 257)), GREY_RGB)

    @pytest.mark.parametrize(("brightest", "told"), [(4095, True), (4096, False), (0, False)])
    def test_16_bits_that_hold_12_are_warned_of(self, brightest, told, tmp_path):
        path = tmp_path / "grey.png"
        Image.fromarray(np.array([[0, brightest]], np.uint16)).save(path)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read_image(path)
        texts = [str(warning.message) for warning in caught]
        assert [f"no pixel is brighter than {brightest} of 65535" in text for text in texts] == [
            True
        ] * told

    @pytest.mark.parametrize("mode", ["I", "F"])
    def test_modes_of_unknown_range_are_refused(self, mode):
        with pytest.raises(ValueError, match=f"mode '{mode}'.*accepted: modes 1, L"):
            read_image(Image.new(mode, (2, 2)))

    def test_first_frame_of_an_animation(self):
        frames = [Image.new("L", (2, 2), value) for value in (10, 200)]
        content = encode(frames[0], "gif", save_all=True, append_images=frames[1:])
        check(read_image(content), np.full((2, 2, 3), 10))


ROTATIONS = {
    1: lambda x: x,
    2: np.fliplr,
    3: lambda x: np.rot90(x, 2),
    4: np.flipud,
    5: lambda x: np.swapaxes(x, 0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(np.swapaxes(x, 0, 1), 2),
    8: np.rot90,
}


class TestExif:
    @pytest.mark.parametrize("orientation", ROTATIONS)
    def test_orientation(self, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = encode(RGB, exif=exif)
        expected = ROTATIONS[orientation](RGB)
        check(read_image(content), expected)
        check(read_image(Image.open(io.BytesIO(content))), expected)

    def test_16_bits_rotate_too(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        content = encode(GREY.astype(np.uint16) * 257, exif=exif)
        check(read_image(content), np.rot90(GREY_RGB, -1))

    @pytest.mark.parametrize("orientation", [0, 9, 255])
    def test_unknown_orientation_changes_nothing(self, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        check(read_image(encode(RGB, exif=exif)), RGB)


def boxed(brand, *others):
    """The start of a file in HEIC or AVIF, of a main brand and others."""
    content = b"ftyp" + b"".join([brand, bytes(4), *others])
    return (4 + len(content)).to_bytes(4, "big") + content


HEIC = boxed(b"heic", b"mif1", b"heic")
NEW_FORMATS = [
    (HEIC, "HEIC", "pillow_heif", "pillow-heif"),
    (boxed(b"mif1", b"heix"), "HEIC", "pillow_heif", "pillow-heif"),
    (boxed(b"mif1", b"avif"), "AVIF", "pillow_avif", "pillow-avif-plugin"),
    (b"\xff\x0a\x00", "JPEG XL", "pillow_jxl", "pillow-jxl-plugin"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL", "pillow_jxl", "pillow-jxl-plugin"),
]


class TestPlugins:
    """With stand-ins: formats that Pillow reads through other packages."""

    @pytest.fixture(autouse=True)
    def formats(self, monkeypatch):
        """Pillow's formats without AVIF, and as before afterwards."""
        Image.init()
        monkeypatch.setattr(Image, "OPEN", {k: v for k, v in Image.OPEN.items() if k != "AVIF"})
        monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "AVIF"])

    @staticmethod
    def register():
        Image.register_open(
            "NEW",
            lambda file, name: Image.fromarray(RGB),
            lambda start: start.startswith(tuple(content[:9] for content, *_ in NEW_FORMATS)),
        )

    @pytest.mark.parametrize(("content", "title", "module", "package"), NEW_FORMATS)
    def test_what_has_to_be_installed_is_named(self, monkeypatch, content, title, module, package):
        monkeypatch.setitem(sys.modules, module, None)
        wanted = f"bytes given is a picture in {title}, .*python -m pip install {package}$"
        with pytest.raises(ValueError, match=wanted):
            read_image(content)

    def test_heic_is_read_where_the_plugin_is_installed(self, tmp_path, monkeypatch):
        plugin = types.SimpleNamespace(register_heif_opener=self.register)
        monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
        path = tmp_path / "IMG_0001.HEIC"
        path.write_bytes(HEIC)
        check(read_image(path), RGB)

    def test_a_plugin_is_imported_for_its_format_alone(self, monkeypatch):
        for _, _, module, _ in NEW_FORMATS:
            monkeypatch.setitem(sys.modules, module, None)
        check(read_image(encode(RGB)), RGB)
        with pytest.raises(ValueError, match="is not a picture"):
            read_image(boxed(b"qt  ", b"mp42"))

    def test_a_broken_file_that_the_plugin_does_not_know_is_no_picture(self, monkeypatch):
        plugin = types.SimpleNamespace(register_heif_opener=lambda: None)
        monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
        with pytest.raises(ValueError, match="is not a picture; accepted"):
            read_image(HEIC)


class TestBadInput:
    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no such file.*nowhere\.jpg.*accepted"):
            read_image(tmp_path / "nowhere.jpg")

    def test_directory(self, tmp_path):
        with pytest.raises(ValueError, match=f"{tmp_path.name}.*is a directory; accepted"):
            read_image(tmp_path)

    def test_text_file(self, tmp_path):
        path = tmp_path / "notes.jpg"
        path.write_text("no picture")
        with pytest.raises(ValueError, match=r"notes\.jpg.*not a picture; accepted.*JPEG"):
            read_image(path)

    def test_empty_file(self):
        with pytest.raises(ValueError, match="bytes given is empty"):
            read_image(b"")

    @pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff", "gif", "bmp"])
    def test_truncated_file(self, kind):
        noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
        content = encode(noise, kind)
        with pytest.raises(ValueError, match="bytes given.*picture.*accepted"):
            read_image(content[: len(content) // 2])

    def test_truncated_picture_that_pillow_opened(self):
        content = encode(np.zeros((64, 64, 3), np.uint8), "jpeg")
        with pytest.raises(ValueError, match="PIL image cannot be read.*truncated"):
            read_image(Image.open(io.BytesIO(content[:-40])))

    @pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged EXIF data.
    @pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff", "gif", "bmp"])
    def test_damaged_files_give_a_picture_or_a_value_error(self, kind):
        rng = np.random.default_rng(2)
        exif = Image.Exif()
        exif[0x0112] = 6
        content = encode(RGB, kind, **({} if kind in ("gif", "bmp") else {"exif": exif}))
        refused = 0
        for _ in range(200):
            damaged = bytearray(content)
            for position in rng.integers(0, len(content), 3):
                damaged[position] = rng.integers(256)
            try:
                assert read_image(damaged).dtype == np.uint8
            except ValueError as error:
                assert "accepted" in str(error)
                refused += 1
        assert refused

    @pytest.mark.parametrize("shape", [(0, 5), (5, 0, 3), (0,)])
    def test_array_without_pixels(self, shape):
        with pytest.raises(ValueError, match=r"shape is \[.*accepted: \[h, w\]"):
            read_image(np.zeros(shape, np.uint8))

    def test_pil_image_without_pixels(self):
        with pytest.raises(ValueError, match="no pixels: 0 x 5"):
            read_image(Image.new("RGB", (0, 5)))

    @pytest.mark.parametrize("shape", [(), (5,), (5, 7, 2), (5, 7, 5), (3, 5, 7), (1, 5, 7, 3)])
    def test_wrong_shape(self, shape):
        with pytest.raises(ValueError, match=r"shape is \[.*accepted: \[h, w\]"):
            read_image(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray])
    def test_not_finite(self, value, asarray):
        image = np.zeros((4, 4, 3), np.float32)
        image[1, 2, 0] = value
        with pytest.raises(ValueError, match=r"NaN or infinity; accepted.*0\.\.1"):
            read_image(asarray(image))

    @pytest.mark.parametrize("value", [-0.01, 1.01, 255.0])
    def test_float_out_of_range(self, value):
        image = np.full((4, 4), 0.5)
        image[0, 0] = value
        with pytest.raises(ValueError, match=rf"float64 with values.*{value:g}.*accepted.*0\.\.1"):
            read_image(image)

    def test_a_value_out_of_range_is_told_with_its_digits(self):
        with pytest.raises(ValueError, match=r"values 0\.5 to 1\.0010001; accepted.*0\.\.1"):
            read_image(np.array([[0.5, 1.0010001]]))

    @pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint16, bool, complex, object])
    def test_wrong_dtype(self, dtype):
        with pytest.raises(TypeError, match="dtype is .*accepted: uint8"):
            read_image(np.zeros((4, 4, 3), dtype))

    @pytest.mark.parametrize("source", [None, 3, [[1, 2], [3, 4]], {"a": 1}])
    def test_wrong_type(self, source):
        with pytest.raises(TypeError, match=f"a {type(source).__name__}.*accepted: a path"):
            read_image(source)

    def test_a_tensor_of_pytorch_is_told_how_to_become_an_array(self):
        kind = type("Tensor", (), {"__module__": "torch", "__array__": lambda self: None})
        with pytest.raises(TypeError, match=r"a Tensor of PyTorch \(\.numpy\(force=True\) makes"):
            read_image(kind())
        other = type("EagerTensor", (), {"__array__": lambda self: None})
        with pytest.raises(TypeError, match=r"an? EagerTensor \(np\.asarray makes an array of it"):
            read_image(other())

    def test_under_jit_the_way_is_told(self):
        with pytest.raises(TypeError, match=r"traced by jit.*accepted there is detect_padded"):
            jax.jit(read_image)(np.zeros((4, 4, 3), np.uint8))

    def test_file_opened_as_text(self):
        with pytest.raises(TypeError, match="gives str when read; accepted.*binary"):
            read_image(io.StringIO("text"))

    def test_decompression_bomb(self, monkeypatch):
        content = encode(RGB)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # The picture has 35: over twice that.
        with pytest.raises(ValueError, match="decompression bomb"):
            read_image(content)

    def test_pillows_warning_stays_a_warning(self, monkeypatch):
        content = encode(RGB)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # 35 is over it, and under twice that.
        with pytest.warns(Image.DecompressionBombWarning):
            check(read_image(content), RGB)

    def test_limit_is_on(self):
        assert 0 < Image.MAX_IMAGE_PIXELS < 10**8


def test_photo_that_comes_with_the_project():
    path = ROOT / "docs" / "astronaut.jpg"
    image = read_image(path)
    assert image.shape == (512, 512, 3)
    assert 100 < image.mean() < 130
