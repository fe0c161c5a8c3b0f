"""The pictures of a recording, numbered as the coders numbered them: a folder of image files, or a video."""

import re
from collections.abc import Iterator, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vlfau.decoders import Decoder, open_decoder
from vlfau.errors import DataError, ImageError, VideoError
from vlfau.images import read_image

PICTURES = {".jpg", ".jpeg", ".png", ".bmp"}
VIDEOS = {".avi", ".mp4", ".mov", ".wmv", ".mkv"}

FRAMES_OF_SLACK = 2
"""How much a recording and its codes may differ in length: some of DISFA's differ by one frame."""

Picture = tuple[int, NDArray[np.uint8] | None]
"""Frame number and upright RGB image (H, W, 3), or None for a picture that cannot be read."""


class Frames(Protocol):
    """The pictures of one recording."""

    def last(self) -> int | None:
        """The highest frame number as far as it is known without decoding."""
        ...

    def pictures(self, wanted: Set[int]) -> Iterator[Picture]:
        """The wanted frames that there are, in rising order."""
        ...


@dataclass(frozen=True)
class FrameFolder:
    """Image files whose names end in the frame number, with any number of leading zeros."""

    folder: Path
    counts_from_one: bool = False
    """Whether frame 1 is the first: files that begin at 0 are then counted one higher."""

    def files(self) -> dict[int, Path]:
        """File by frame number; files of other kinds and without a number are passed over."""
        found = {}
        for file in self.folder.iterdir():
            digits = re.findall(r"\d+", file.stem)
            if file.suffix.lower() in PICTURES and digits and not file.name.startswith("."):
                found[int(digits[-1])] = file
        shift = 1 if self.counts_from_one and 0 in found else 0
        return {number + shift: found[number] for number in sorted(found)}

    def last(self) -> int | None:
        return max(self.files(), default=0)

    def pictures(self, wanted: Set[int]) -> Iterator[Picture]:
        for number, file in self.files().items():
            if number in wanted:
                try:
                    yield number, read_image(file)
                except ImageError:
                    yield number, None


@dataclass(frozen=True)
class Video:
    """A video whose first frame is number 1; decoded front to back, one frame in memory."""

    file: Path

    def _open(self) -> Decoder:
        try:
            return open_decoder(self.file)
        except VideoError as error:
            raise DataError(
                f"A video cannot be opened. {self.file} has {self.file.stat().st_size} bytes and is no video that "
                "can be read here. Copy it again, or give a folder of its frames."
            ) from error

    def last(self) -> int | None:
        """What the file says of its length; None when it does not say."""
        with closing(self._open()) as video:
            return video.frames or None

    def pictures(self, wanted: Set[int]) -> Iterator[Picture]:
        with closing(self._open()) as video:
            number = 0
            for number, (_, picture) in enumerate(video.pictures(), 1):
                if number in wanted:
                    yield number, picture()
            damage = video.damage
        if wanted and damage:
            raise DataError(
                f"A video is damaged, so its frames cannot be counted. {self.file}: {len(damage)} could not be "
                f"decoded, the first {damage[0]}. Copy the video again, or give a folder of its frames."
            )
        if wanted and number < max(wanted) - FRAMES_OF_SLACK:
            raise DataError(
                f"A video is shorter than its codes. {self.file} ends after {number} frames, codes go on to "
                f"{max(wanted)}. Copy the video again."
            )
