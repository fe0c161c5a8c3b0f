"""Reading a video: its pictures one after the other, upright and with their times, in memory that does not grow."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from vlfau.decoders import Picture, open_decoder, unreadable
from vlfau.errors import VideoError

VIDEO_SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".avi",
        ".mkv",
        ".webm",
        ".mpg",
        ".mpeg",
        ".wmv",
        ".flv",
        ".3gp",
        ".mts",
        ".m2ts",
    }
    | {".ogv", ".mjpeg", ".gif"}
)
"""What counts as a video, by the end of its name."""

MISSING_END_S, MISSING_END_SHARE = 1.0, 0.05
"""A video that ends earlier than it says by more than both of these is called cut short."""


USUAL_RATE = 25.0
"""Frames per second of a file that has neither times nor a rate."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video."""

    index: int
    """Counted from 0 over all pictures of the video, also those that a step leaves out."""
    time_s: float
    """When it is shown, in seconds from the start of the video."""
    image: NDArray[np.uint8]
    """(H, W, 3) upright RGB."""


@dataclass(frozen=True)
class Place:
    """How far a video was read, to go on from there later."""

    index: int
    """Of the last frame that was looked at or left out."""
    time_s: float | None
    """When that one is shown; None in a file without times."""
    damage: tuple[str, ...] = ()
    """What could not be decoded up to there."""


class Video(AbstractContextManager["Video"]):
    """An open video file; raises VideoError when it cannot be opened, with what to do.

    With `after`, reading goes on after the place that another reading of the same file came to.
    """

    def __init__(self, path: str | Path, after: Place | None = None) -> None:
        self.path = Path(path)
        _check_file(self.path)
        self._decoder = open_decoder(self.path)
        self._after = after
        self._place = after or Place(-1, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoder.close()

    @property
    def expected_frames(self) -> int:
        """How many the file says it has, roughly; 0 when it does not say."""
        return self._decoder.frames

    @property
    def duration_s(self) -> float:
        """How long the file says it lasts; 0 when it does not say."""
        return self._decoder.duration_s

    @property
    def rate(self) -> float:
        """Mean pictures per second as the file says, or what is usual where it does not."""
        return self._decoder.rate or USUAL_RATE

    @property
    def place(self) -> Place:
        """How far this video was read."""
        before = self._after.damage if self._after else ()
        return Place(self._place.index, self._place.time_s, (*before, *self._decoder.damage))

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """Every `every`-th frame, one at a time.

        Times are those of the file, also where frames come at a varying rate; a file without times is taken to
        have a constant one.
        """
        for time_s, picture in self._pictures():
            index = self._place.index + 1
            self._place = Place(index, time_s)
            if index % every == 0:
                yield Frame(index, index * self._frame_s if time_s is None else time_s, picture())

    def trouble(self) -> str | None:
        """After the last frame: what of the video could not be read, and what to do; None when all was well.

        Raises VideoError when there was no frame at all.
        """
        place, duration_s = self.place, self._decoder.duration_s
        if place.index < 0:
            raise unreadable(self.path, (*place.damage, "no picture in it can be decoded")[0])
        if place.damage:
            count = f"{len(place.damage)} piece{'s' * (len(place.damage) > 1)}"
            return (
                f"The video is damaged. {count} could not be decoded, the first {place.damage[0]}. "
                "The pictures that could be are in the results; copy the file again for the others."
            )
        end_s = (place.index * self._frame_s if place.time_s is None else place.time_s) + self._frame_s
        if duration_s - end_s > max(MISSING_END_S, MISSING_END_SHARE * duration_s):
            return (
                f"The video is cut short. It should last {duration_s:.1f} s and ends after {end_s:.1f} s. "
                "The pictures up to there are in the results; copy the file again for the others."
            )
        return None

    @property
    def _frame_s(self) -> float:
        return 1 / self.rate

    def _pictures(self) -> Iterator[tuple[float | None, Picture]]:
        """Time and picture of each frame that was not read before."""
        if self._after is None:
            return self._decoder.pictures()
        read_s = self._after.time_s
        if read_s is None:  # nothing to seek by
            return islice(self._decoder.pictures(), self._after.index + 1, None)
        pictures = self._decoder.pictures(after_s=read_s)
        first = next(pictures, None)
        if first is None or first[0] is None or first[0] > read_s:  # it landed too late: from the start then
            self._decoder.close()
            self._decoder, first = open_decoder(self.path), None
            pictures = self._decoder.pictures()
        both = pictures if first is None else chain([first], pictures)
        return ((time_s, picture) for time_s, picture in both if time_s is not None and time_s > read_s)


def _check_file(path: Path) -> None:
    """Raises VideoError for what is no file, cannot be opened or is empty."""
    try:
        if path.exists() and not path.is_file():
            raise VideoError(
                f"This is not a video file. '{path}' is a folder or a device. Give the path of a file."
            )
        with path.open("rb") as file:
            empty = not file.read(1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(
            f"The video cannot be opened. Opening '{path}' failed: {reason}. Check the path and its permissions."
        ) from error
    if empty:
        raise VideoError(f"The video is empty. '{path}' has 0 bytes. Copy or download it again.")
