"""Every kind of photo file that people have, and every kind that is not one."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from vlfau.errors import ImageError, ImageTooLarge
from vlfau.images import ImageLimits, read_image, supported_formats


def encode(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def photo() -> Image.Image:
    """40 x 24: red at the top left, green at the top right, blue below."""
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[:12, :20] = (200, 0, 0)
    pixels[:12, 20:] = (0, 200, 0)
    pixels[12:] = (0, 0, 200)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_each_format_gives_the_same_picture(photo, format):
    image = read_image(encode(photo, format))
    assert image.dtype == np.uint8
    assert image.shape == (24, 40, 3)
    assert np.abs(image[2:10, 2:18].mean(axis=(0, 1)) - (200, 0, 0)).max() < 8


def test_heic_is_read_where_the_library_is(photo):
    pytest.importorskip("pillow_heif", reason="pillow-heif is optional and not installed")
    assert "HEIF" in supported_formats()
    image = read_image(encode(photo, "HEIF", quality=95))
    assert image.shape == (24, 40, 3)
    assert image[4, 8, 0] > 150
    assert image[4, 30, 1] > 150


def test_a_path_and_its_bytes_give_the_same_picture(photo, tmp_path):
    path = tmp_path / "ein Foto ü.png"
    photo.save(path)
    assert np.array_equal(read_image(path), read_image(path.read_bytes()))
    assert np.array_equal(read_image(str(path)), np.asarray(photo))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(photo, format, orientation):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    as_stored = photo.transpose(undo[orientation]) if orientation > 1 else photo
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(encode(as_stored, format, exif=exif))
    assert image.shape == (24, 40, 3)
    assert image[3, 5, 0] > 150
    assert image[3, 35, 1] > 150
    assert image[20, 20, 2] > 150


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_cost_the_picture(photo):
    data = encode(photo, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 30)
    assert read_image(data).shape == (24, 40, 3)


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "PA"])
def test_modes_become_rgb(photo, mode):
    format = "TIFF" if mode == "PA" else "PNG"
    image = read_image(
        encode(photo.convert("LA").convert("PA") if mode == "PA" else photo.convert(mode), format)
    )
    assert image.shape == (24, 40, 3)


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_print_modes_become_rgb(photo, mode):
    colours = photo if mode == "LAB" else photo.convert(mode)
    if mode == "LAB":
        rgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        colours = ImageCms.profileToProfile(photo, rgb, lab, outputMode="LAB")
    image = read_image(encode(colours, "TIFF"))
    assert image[4, 8, 0] > 150
    assert image[4, 8, 2] < 60


def test_cmyk_jpeg_is_not_inverted(photo):
    image = read_image(encode(photo.convert("CMYK"), "JPEG", quality=95))
    assert image[4, 8, 0] > 150
    assert image[4, 8, 1] < 60


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_spans_black_to_white(format):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, axis=0)
    image = read_image(encode(Image.fromarray(ramp), format))
    assert np.array_equal(image[0, :, 0], np.arange(256))


def test_sixteen_bit_colour_png_keeps_its_colours():
    row = b"\0" + struct.pack(">3H", 65535, 32896, 0) * 2
    chunks = [
        (b"IHDR", struct.pack(">2I5B", 2, 2, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 2)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
    assert np.array_equal(read_image(data), np.full((2, 2, 3), (255, 128, 0)))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_pixels_without_a_defined_white_are_refused():
    with pytest.raises(ImageError, match="floating point"):
        read_image(encode(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))
    with pytest.raises(ImageError, match="32-bit"):
        read_image(encode(Image.fromarray(np.full((4, 4), 1_000_000, np.int32)), "TIFF"))


def test_what_is_transparent_becomes_white():
    half = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    half.putpixel((1, 0), (0, 0, 0, 128))
    image = read_image(encode(half))
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[0, 1].tolist() == pytest.approx([127, 127, 127], abs=1)


def test_a_transparent_palette_colour_becomes_white(photo):
    indexed = photo.quantize(4)
    image = read_image(encode(indexed, transparency=indexed.getpixel((0, 0))))
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[20, 20, 2] > 150


@pytest.mark.parametrize("format", ["WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_read(photo, format):
    options = {"lossless": True} if format == "WEBP" else {}
    moving = encode(photo, format, save_all=True, append_images=[Image.new("RGB", photo.size)], **options)
    assert np.array_equal(read_image(moving), np.asarray(photo))


def test_a_colour_profile_is_converted_to_srgb(photo):
    swapped = _profile_with_red_and_blue_swapped()
    image = read_image(encode(photo, icc_profile=swapped))
    assert image[4, 8, 2] > 150
    assert image[4, 8, 0] < 60


def _profile_with_red_and_blue_swapped() -> bytes:
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    renamed = data.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    return renamed.replace(b"rXYZ", b"xXYZ").replace(b"bXYZ", b"rXYZ").replace(b"xXYZ", b"bXYZ")


def test_a_profile_that_does_not_fit_is_passed_over(photo):
    assert np.array_equal(read_image(encode(photo, icc_profile=b"no profile")), np.asarray(photo))


def test_a_fifty_megapixel_photo_is_read():
    image = read_image(encode(Image.new("RGB", (8660, 5774), (90, 120, 150)), "JPEG"))
    assert image.shape == (5774, 8660, 3)
    assert np.abs(image[::577, ::866].astype(int) - (90, 120, 150)).max() <= 2


def test_limits_are_checked_before_decoding(photo):
    data = encode(photo.resize((400, 240)))
    cut = data[: len(data) // 2]
    with pytest.raises(ImageTooLarge, match="400 x 240"):
        read_image(cut, ImageLimits(max_pixels=400 * 240 - 1))
    with pytest.raises(ImageTooLarge, match="the limit"):
        read_image(data, ImageLimits(max_bytes=len(data) - 1))
    assert read_image(data, ImageLimits(max_bytes=len(data), max_pixels=400 * 240)).shape == (240, 400, 3)


@pytest.mark.parametrize("side", [10_000, 50_000])
def test_a_header_that_claims_a_giant_is_refused(photo, side):
    data = bytearray(encode(photo))
    data[16:24] = struct.pack(">2I", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(ImageTooLarge, match="too many pixels"):
        read_image(bytes(data))


def test_a_file_above_the_limit_is_not_read_whole(tmp_path):
    path = tmp_path / "giant.jpg"
    with path.open("wb") as file:
        file.truncate(200_000_000_000)  # sparse: it takes no room, but reading it whole would fill the memory
    with pytest.raises(ImageTooLarge, match="MB"):
        read_image(path)


@pytest.mark.parametrize("value", [0, -1])
def test_limits_refuse_nonsense(value):
    with pytest.raises(ValueError, match="max_pixels"):
        ImageLimits(max_pixels=value)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_a_truncated_photo_is_an_error(photo, format):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    data = encode(noise, format)
    for part in (0.02, 0.5, 0.9):
        with pytest.raises(ImageError):
            read_image(data[: int(len(data) * part)])


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_scrambled_bytes_are_an_error_or_a_picture_but_nothing_else(photo, format):
    random = np.random.default_rng(1)
    whole = np.frombuffer(encode(photo, format), np.uint8)
    for _ in range(60):
        data = whole.copy()
        data[random.integers(4, len(data), 6)] = random.integers(0, 256, 6)
        with contextlib.suppress(ImageError):
            assert read_image(data.tobytes(), ImageLimits(max_pixels=1_000_000)).shape[2] == 3


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"hello",
        b"\0" * 1000,
        b"GIF89a" + b"\0" * 100,
    ],
    ids=["pdf", "svg", "text", "zeros", "gif"],
)
def test_what_is_no_photo_is_refused_with_its_first_bytes(data):
    with pytest.raises(ImageError, match="begins with the bytes") as caught:
        read_image(data)
    assert "JPEG, PNG, WEBP" in str(caught.value)


def test_a_format_outside_the_list_is_refused(photo):
    with pytest.raises(ImageError, match="not a photo that can be read"):
        read_image(encode(photo, "GIF"))


def test_an_empty_photo_is_refused(tmp_path):
    (tmp_path / "empty.jpg").touch()
    for source in (b"", tmp_path / "empty.jpg"):
        with pytest.raises(ImageError, match="0 bytes"):
            read_image(source)


def test_paths_that_are_no_file_are_refused(tmp_path: Path):
    for source, found in [
        (tmp_path, "folder"),
        (tmp_path / "missing.jpg", "No such file"),
        ("a\0b", "null"),
        ("https://example.org/face.jpg", "No such file"),
    ]:
        with pytest.raises(ImageError, match=found):
            read_image(source)
