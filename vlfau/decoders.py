"""Two decoders of video files under one interface: PyAV where it is installed, else OpenCV, which always is."""

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vlfau.errors import VideoError
from vlfau.images import ImageLimits

if TYPE_CHECKING:
    import av

DECODING_THREADS = min(4, os.cpu_count() or 1)
"""Each holds a few pictures of its own, which for 4K are 12 MB each."""

MOST_DAMAGE = 1000
"""Pieces that could not be decoded before a video is given up."""

MOST_BOXES = 10_000
"""Of an MP4, that are looked through for its index; usual are fewer than ten."""

UNTIMED_S = -1e6
"""OpenCV gives a time far below this for a picture that has none."""

Picture = Callable[[], NDArray[np.uint8]]
"""Converts a decoded picture to upright RGB (H, W, 3) uint8 with square pixels; skipped pictures are not converted."""


class Decoder(Protocol):
    """An open video; `close` it after use."""

    frames: int
    """As the file states, or estimated from duration and rate; 0 when unknown."""
    duration_s: float
    """As the file states; 0 when unknown."""
    rate: float
    """Mean frames per second as the file states; 0 when unknown."""
    damage: list[str]
    """What could not be decoded so far, one line each."""

    def pictures(self, after_s: float | None = None) -> Iterator[tuple[float | None, Picture]]:
        """Time in seconds from the video's start (None when the file has no times) and picture, in order of showing.

        With `after_s` the decoder may leave out pictures that are not later than that; it may also leave out none.
        """
        ...

    def close(self) -> None: ...


def open_decoder(path: Path) -> Decoder:
    """The best decoder there is for a local file; raises VideoError when it cannot be opened."""
    return PyAVDecoder(path) if find_spec("av") else OpenCVDecoder(path)


class PyAVDecoder:
    """FFmpeg through PyAV; only local files are opened, whatever a playlist inside them names."""

    def __init__(self, path: Path) -> None:
        import av
        from av.stream import Disposition

        try:  # an absolute path cannot be taken for a protocol such as "concat:"
            self._container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"})
        except (av.FFmpegError, OSError, ValueError) as error:
            raise unreadable(path, _reason(error)) from error
        streams = [s for s in self._container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            self._container.close()
            raise unreadable(path, "it has no video stream")
        self._stream = stream = streams[0]
        _check_size(path, stream.codec_context.width, stream.codec_context.height)
        stream.thread_type, stream.codec_context.thread_count = "AUTO", DECODING_THREADS
        base = stream.time_base or Fraction(0)
        self.rate = float(stream.average_rate or 0)
        self.duration_s = (
            float(stream.duration * base) if stream.duration else _seconds(self._container.duration)
        )
        self.frames = stream.frames or round(self.duration_s * self.rate)
        self.damage: list[str] = []
        self._start_s = float((stream.start_time or 0) * base)
        self._aspect = float(stream.sample_aspect_ratio or 1)

    def pictures(self, after_s: float | None = None) -> Iterator[tuple[float | None, Picture]]:
        import av

        if after_s is not None:
            self._seek(after_s)
        packets, last_s = self._container.demux(self._stream), 0.0
        while True:
            try:
                packet = next(packets, None)
                frames = packet.decode() if packet is not None else []
            except (av.FFmpegError, OSError) as error:
                self.damage.append(f"near {last_s:.1f} s: {_reason(error)}")
                if len(self.damage) >= MOST_DAMAGE:
                    return
                continue
            for frame in frames:
                time_s = None if frame.pts is None else frame.time - self._start_s
                last_s = last_s if time_s is None else time_s
                yield time_s, partial(self._convert, frame)
            if packet is None:
                return

    def close(self) -> None:
        self._container.close()

    def _seek(self, after_s: float) -> None:
        """To a key picture before that time; where that does not work decoding begins at the start."""
        import av

        base = self._stream.time_base
        try:
            if base:
                self._container.seek(int((after_s + self._start_s) / base), stream=self._stream)
        except av.FFmpegError:
            self._container.seek(0)

    def _convert(self, frame: "av.VideoFrame") -> NDArray[np.uint8]:
        width = round(frame.width * self._aspect)
        image = frame.to_ndarray(format="rgb24", width=width, height=frame.height)
        return _turned(np.asarray(image, np.uint8), round(frame.rotation / 90))


def quiet_ffmpeg() -> None:
    """Keeps FFmpeg's notes, which go past Python, off the terminal; OpenCV looks once, before its first video."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


class OpenCVDecoder:
    """FFmpeg inside OpenCV's wheel: no AV1, less told about damage, and colours taken as BT.601."""

    def __init__(self, path: Path) -> None:
        quiet_ffmpeg()
        level = cv2.setLogLevel(0)
        try:
            self._capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        finally:
            cv2.setLogLevel(level)
        if not self._capture.isOpened():
            raise unreadable(path, "OpenCV cannot open it; PyAV reads more kinds (pip install av)")
        _check_size(path, self._get(cv2.CAP_PROP_FRAME_WIDTH), self._get(cv2.CAP_PROP_FRAME_HEIGHT))
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self.rate = self._get(cv2.CAP_PROP_FPS)
        self.frames = max(0, int(self._get(cv2.CAP_PROP_FRAME_COUNT)))
        self.duration_s = self.frames / self.rate if self.rate > 0 else 0.0
        self.damage: list[str] = []
        self._turns = -round(self._get(cv2.CAP_PROP_ORIENTATION_META) / 90)
        high, low = self._get(cv2.CAP_PROP_SAR_NUM), self._get(cv2.CAP_PROP_SAR_DEN)
        self._aspect = high / low if high > 0 and low > 0 else 1.0

    def pictures(self, after_s: float | None = None) -> Iterator[tuple[float | None, Picture]]:
        while self._capture.grab():
            time_s = self._get(cv2.CAP_PROP_POS_MSEC) / 1000
            yield (time_s if time_s > UNTIMED_S else None), self._convert

    def close(self) -> None:
        self._capture.release()

    def _get(self, name: int) -> float:
        return float(self._capture.get(name))

    def _convert(self) -> NDArray[np.uint8]:
        _, image = self._capture.retrieve()
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        if self._aspect != 1:
            image = cv2.resize(image, (round(image.shape[1] * self._aspect), image.shape[0]))
        return _turned(np.asarray(image, np.uint8), self._turns)


def unreadable(path: Path, reason: str) -> VideoError:
    """The error for a file from which no picture comes."""
    if lacks_index(path):
        return VideoError(
            f"The video is cut short, before its index. '{path}' begins as an MP4 or MOV and has no index (`moov`), "
            "which is often its last piece. Without it nothing can be read; copy the file again, in full."
        )
    return VideoError(
        f"This is not a video that can be read. Opening '{path}' failed: {reason}. "
        "Copy it again, or play it in a video program and save it anew as MP4."
    )


def lacks_index(path: Path) -> bool:
    """Whether a file begins as MP4 or MOV (ISO 14496-12) and none of its boxes is an index, `moov`."""
    try:
        with path.open("rb") as file:
            kinds = islice(_boxes(file), MOST_BOXES)
            return next(kinds, None) == b"ftyp" and b"moov" not in kinds
    except (OSError, OverflowError, ValueError):  # a size beyond what any file has
        return False


def _boxes(file: BinaryIO) -> Iterator[bytes]:
    """The kinds of the boxes of the top level, in order; of one that is cut short too."""
    while len(header := file.read(8)) == 8:
        size, passed = int.from_bytes(header[:4], "big"), 8
        if size == 1:  # a size of 64 bits follows
            size, passed = int.from_bytes(file.read(8), "big"), 16
        yield header[4:]
        if size < passed:  # 0: to the end of the file; others make no sense
            return
        file.seek(size - passed, os.SEEK_CUR)


def _check_size(path: Path, width: float, height: float) -> None:
    if width * height > ImageLimits().max_pixels:
        raise VideoError(
            f"The pictures of this video are too large. Those of '{path}' are {width:.0f} x {height:.0f}; the limit is "
            f"{ImageLimits().max_pixels / 1e6:g} megapixels. Save it smaller."
        )


def _turned(image: NDArray[np.uint8], quarters: int) -> NDArray[np.uint8]:
    """Turned counter-clockwise by so many right angles."""
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters % 4 else image


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _seconds(microseconds: int | None) -> float:
    return (microseconds or 0) / 1e6
