"""Reading a photo: bytes or a file in, an upright RGB image out, or an ImageError that says what to do."""

import io
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from vlfau.errors import ImageError, ImageTooLarge

logger = logging.getLogger(__name__)

_STRIP_ROWS = 512


@dataclass(frozen=True)
class ImageLimits:
    """How large a photo may be; looked at before anything is decoded."""

    max_bytes: int = 50_000_000
    """Of the file, in bytes."""
    max_pixels: int = 80_000_000
    """Width times height of the picture, in pixels; a 50 megapixel camera fits."""

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels"):
            if getattr(self, name) <= 0:
                raise ValueError(
                    f"{name} must be above 0. It is {getattr(self, name)}. Give the largest size to accept."
                )


def read_image(source: bytes | str | Path, limits: ImageLimits | None = None) -> NDArray[np.uint8]:
    """An encoded photo, as bytes or as a path, -> upright RGB image (H, W, 3) uint8 in sRGB.

    JPEG, PNG, WebP, BMP and TIFF, and HEIC where pillow-heif is installed; of several frames the first. The
    EXIF orientation is applied, a colour profile is converted to sRGB, 16-bit grey is scaled to 8 bits, and
    what is transparent becomes white. `limits` are the default ImageLimits() unless given. Raises
    ImageTooLarge above the limits and ImageError for everything else that is not a readable photo.
    """
    limits = limits or ImageLimits()
    data = source if isinstance(source, bytes) else _read_file(Path(source), limits)
    _check_bytes(len(data), limits)
    with _open(data) as image:
        _check_pixels(image.size, limits)
        return _decode(image)


@cache
def supported_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read; "HEIF" is among them when pillow-heif is installed."""
    formats = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return formats
    register_heif_opener()
    return (*formats, "HEIF")


def _read_file(path: Path, limits: ImageLimits) -> bytes:
    """At most one byte more than the limit is read, whatever size the file claims or grows to."""
    try:
        if path.exists() and not path.is_file():
            raise ImageError(
                f"This is not a photo file. '{path}' is a folder or a device. Give the path of a file."
            )
        with path.open("rb") as file:
            return file.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(
            f"The photo cannot be opened. Opening '{path}' failed: {reason}. "
            "Check the path and its permissions."
        ) from error


def _check_bytes(size: int, limits: ImageLimits) -> None:
    if size == 0:
        raise ImageError("The photo is empty. It has 0 bytes. Copy or download it again.")
    if size > limits.max_bytes:
        raise ImageTooLarge(
            f"The photo file is too large. It has more than the {limits.max_bytes / 1e6:g} MB of the limit. "
            "Save it smaller, for example as JPEG."
        )


def _check_pixels(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"The photo has too many pixels. It is {width} x {height}, "
            f"{width * height / 1e6:.4g} megapixels; the limit is {limits.max_pixels / 1e6:g}. "
            "Make it smaller or cut out the faces."
        )


def _open(data: bytes) -> Image.Image:
    """Reads the header only. Pillow's parsers may raise anything on hostile bytes, hence the last clause."""
    formats = supported_formats()
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(
            f"The photo has too many pixels. Its decoder refuses it: {error} "
            "Make it smaller or cut out the faces."
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"This is not a photo that can be read. It begins with the bytes {data[:8]!r}. "
            f"Use one of {', '.join(formats)}."
        ) from error
    except Exception as error:
        raise _damaged(error) from error


def _decode(image: Image.Image) -> NDArray[np.uint8]:
    try:
        image.load()
        return _to_array(_to_rgb(_upright(image)))
    except ImageError:
        raise
    except Exception as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> ImageError:
    return ImageError(
        f"The photo is damaged or cut short. Decoding it failed: {error or type(error).__name__}. "
        "Copy it again, or open it in a photo program and save it anew."
    )


def _upright(image: Image.Image) -> Image.Image:
    """Turn by the EXIF orientation; pixels are worth more than notes, so damaged EXIF is passed over."""
    try:
        ImageOps.exif_transpose(
            image, in_place=True
        )  # a copy of a large photo that is upright already is spared
    except Exception as error:
        logger.warning("EXIF could not be read, the photo is taken as upright: %s", error)
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow -> RGB in sRGB."""
    profile = image.info.get("icc_profile")
    if image.mode == "F":
        raise ImageError(
            "The photo has floating point pixels, whose white is not defined. It is a 32-bit float file. "
            "Save it with 8 or 16 bits."
        )
    if image.mode.startswith("I"):
        return _from_integers(image).convert("RGB")
    if image.has_transparency_data:
        image = _on_white(image)
    elif image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if profile:
        image = _to_srgb(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_integers(image: Image.Image) -> Image.Image:
    """16-bit grey (65535 is white), also when it sits in Pillow's 32-bit mode -> 8-bit grey."""
    values = np.asarray(image)
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise ImageError(
            "The photo has 32-bit pixels, whose white is not defined. "
            f"Its values go from {values.min()} to {values.max()}. Save it with 8 or 16 bits."
        )
    return Image.fromarray((values.astype(np.uint32) // 257).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    layered = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(layered, mask=layered.getchannel("A"))
    return white


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert by the embedded profile; a profile that does not fit the pixels is passed over."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        logger.warning("The colour profile could not be used, colours are taken as they are: %s", error)
        return image
    return image if converted is None else converted


def _to_array(image: Image.Image) -> NDArray[np.uint8]:
    """By strips, because Pillow's own conversion holds a large photo three times."""
    width, height = image.size
    array = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        array[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return array
