"""Little videos and pictures for tests, made of one photo of a face."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from vlfau.images import read_image

DATA = Path(__file__).parents[1] / "data"
MILLISECOND = Fraction(1, 1000)


def face_at(x=0.0, y=0.0, size=0.8, width=320, height=240, roll_deg=0.0):
    """The face on grey, `size` of the picture's height large, shifted from the middle by (x, y) of its width."""
    photo = read_image(DATA / "face.jpg")[200:1200, 150:1150]
    side = len(photo)
    move = cv2.getRotationMatrix2D((side / 2, side / 2), roll_deg, size * height / side)
    move[:, 2] += width * (0.5 + x) - side / 2, height / 2 + width * y - side / 2
    grey = (120, 120, 120)
    return cv2.warpAffine(photo, move, (width, height), flags=cv2.INTER_AREA, borderValue=grey)


def nothing(width=320, height=240):
    """A picture without a face."""
    return np.full((height, width, 3), 120, np.uint8)


def numbered(count, width=160, height=120):
    """Pictures without a face that can be told apart: a white bar that goes from left to right."""
    pictures = []
    for index in range(count):
        picture = np.full((height, width, 3), 40, np.uint8)
        picture[:, index * width // count : (index + 1) * width // count] = 255
        pictures.append(picture)
    return pictures


def write_clip(path, pictures, times_ms=None, codec="libx264", rotation_deg=0, aspect=None):
    """A video of RGB pictures; `times_ms` of each (every 40 unless given); stored turned by `rotation_deg`."""
    times_ms = range(0, 40 * len(pictures), 40) if times_ms is None else times_ms
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "10"} if codec == "libx264" else {})
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for picture, time_ms in zip(pictures, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = time_ms, MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
