"""Pictures of a result, as bytes ready for the page: the photo, the face chip, and the evidence laid over it."""

import base64
import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlfau.alignment import make_chip

PHOTO_SIDE_PX = 1280
"""Longest side of the photo that goes back to the page."""

FACE_SIDE_PX = 288
"""Side of the face picture; the network's own chip would look coarse."""

HEAT_SIDE_PX = 48
"""Side of an evidence picture; the browser enlarges it further, smoothly."""

LEVELS = 64
"""Steps of the colour map in an evidence picture."""

LEAST_SHOWN = 0.15
"""Share of a map's peak below which nothing is painted, so that the face stays visible."""


def photo_jpeg(image: NDArray[np.uint8]) -> bytes:
    """The photo (H, W, 3) uint8, shrunk to PHOTO_SIDE_PX, as JPEG without any metadata."""
    height, width = image.shape[:2]
    scale = PHOTO_SIDE_PX / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return _encoded(
            Image.fromarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)), "JPEG", quality=85
        )
    return _encoded(Image.fromarray(image), "JPEG", quality=85)


def face_jpeg(image: NDArray[np.uint8], chip_transform: NDArray[np.float64], chip_size_px: int) -> bytes:
    """The aligned face cut anew from the photo at FACE_SIDE_PX, in the frame of the chip, as JPEG."""
    larger = np.asarray(chip_transform) * (FACE_SIDE_PX / chip_size_px)
    return _encoded(Image.fromarray(make_chip(image, larger, FACE_SIDE_PX)), "JPEG", quality=85)


def heat_levels(evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """An evidence map (G, G) of any positive sum -> (S, S) uint8, S = HEAT_SIDE_PX, the peak at LEVELS - 1."""
    smooth = cv2.resize(
        evidence.astype(np.float32), (HEAT_SIDE_PX, HEAT_SIDE_PX), interpolation=cv2.INTER_CUBIC
    )
    share = np.clip(smooth, 0, None) / max(float(smooth.max()), 1e-9)
    return np.rint(share * (LEVELS - 1)).astype(np.uint8)


def heat_png(evidence: NDArray[np.float32]) -> bytes:
    """An evidence map (G, G) as a PNG with transparency, to be laid over the face.

    Inferno runs evenly from dark to light in every kind of colour vision; its dark third is left out, and what carries
    little evidence is transparent, because this lies on a grey face.
    """
    picture = Image.fromarray(heat_levels(evidence), "P")
    picture.putpalette(_colours().tobytes())
    return _encoded(picture, "PNG", transparency=_opacities().tobytes(), optimize=True)


def heat_sheet_png(evidence: NDArray[np.uint8]) -> bytes:
    """Evidence maps (A, G, G) as one PNG of HEAT_SIDE_PX wide, one below the other, each as of `heat_png`."""
    levels = [heat_levels(one.astype(np.float32)) for one in evidence]
    picture = Image.fromarray(np.concatenate(levels), "P")
    picture.putpalette(_colours().tobytes())
    return _encoded(picture, "PNG", transparency=_opacities().tobytes())


def data_uri(data: bytes, mime: str) -> str:
    """Bytes as a `data:` address, so that a result needs no file on the server."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def _colours() -> NDArray[np.uint8]:
    ramp = np.linspace(85, 255, LEVELS).astype(np.uint8)[:, None]
    return cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO).reshape(LEVELS, 3)[:, ::-1].astype(np.uint8)


def _opacities() -> NDArray[np.uint8]:
    share = np.linspace(0, 1, LEVELS)
    visible = np.clip((share - LEAST_SHOWN) / (1 - LEAST_SHOWN), 0, 1)
    return (visible**0.6 * 0.8 * 255).astype(np.uint8)


def _encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    data = io.BytesIO()
    picture.save(data, form, **options)
    return data.getvalue()
