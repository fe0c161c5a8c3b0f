"""One video that a visitor sent: read a second or two at a time, so that others get their turn in between.

The file is removed from the disk as soon as it is open. What was read is handed to the page and forgotten; of the
video itself no more than some pictures are held, whatever its length.
"""

import io
import json
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ui.overlay import data_uri
from ui.upload_counts import ARRIVALS
from ui.video_contours import POINTS
from vlfau.action_units import by_number
from vlfau.au_events import AUEvent, AUEventFinder, events_csv
from vlfau.errors import VideoError
from vlfau.faces import WARNING_CODES
from vlfau.records import Record, RecordWriter, columns
from vlfau.video import Video

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.pipeline import Picture, Read
    from vlfau.predictor import AlignedFace, Predictor

CHUNK_S = 1.5
"""Of work between two answers to the page."""

BATCH = 8
"""Faces that go through the network at once; a photo of somebody else waits no longer than for one batch."""

FACE_SIDE_PX = 96
CSV_FORMS = ("csv", "openface", "pyfeat")

Message = dict[str, Any]
"""JSON for the page."""


@dataclass(frozen=True)
class VideoLimits:
    """What the page reads of a video; the command line has no such limits."""

    max_bytes: int = 200_000_000
    max_seconds: float = 120.0
    max_pictures: int = 3600
    """Where there are more, some are left out evenly."""
    max_faces: int = 6
    """In one picture, the largest."""


class VideoJob:
    """Reads one video with the predictor that served when it began; `more` until `done`, then `close`."""

    def __init__(
        self,
        predictor: "Predictor",
        path: Path,
        name: str,
        per_second: float | None = None,
        limits: VideoLimits | None = None,
    ) -> None:
        """Opens the file and removes it from the disk, also when it is no video: then VideoError is raised.

        `per_second`: look at about so many pictures in a second; at all of them unless given.
        """
        self.name, self._limits = name, limits or VideoLimits()
        self._path: Path | None = path
        try:
            self._video = _opened(path, name, self._limits)
        finally:
            self._forget()
        self.every = step(self._video.rate, self._video.duration_s, per_second, self._limits)
        self._predictor = predictor
        config = predictor.checkpoint.config
        self._numbers = config.au_numbers
        self._codes = [by_number(number).code for number in self._numbers]
        self._thresholds = dict(zip(self._numbers, config.thresholds, strict=True))
        self._events = AUEventFinder(self._thresholds)
        self._tables = {form: _Table(form, self._numbers) for form in CSV_FORMS}
        self._tracks: dict[int, bool] = {}
        self._note: str | None = None
        self._lock, self._stopped, self.done = threading.Lock(), threading.Event(), False
        self._reads = self._read()

    def begin(self) -> Message:
        """What the page should know before the first picture."""
        duration_s = min(self._video.duration_s or self._limits.max_seconds, self._limits.max_seconds)
        return {
            "kind": "begin",
            "name": self.name,
            "duration_s": duration_s,
            "step_s": round(self.every / self._video.rate, 4),
            "every": self.every,
            "model": self._predictor.checkpoint.config.model_version,
            "thresholds": [round(self._thresholds[number], 4) for number in self._numbers],
            "units": list(self._numbers),
            "events_csv": events_csv(self.name, []),
        }

    def more(self, stop: bool = False) -> Message:
        """Read on for CHUNK_S -> what was read; with `stop` read no more and finish what there is."""
        with self._lock:
            message: Message = {"kind": "more", "pictures": [], "tracks": []}
            events: list[AUEvent] = []
            if stop or self._stopped.is_set() or self._read_some(message, events):
                events += self._events.end()
                self.done = True
            message |= {
                "done": self.done,
                "note": self._note,
                "events": [_event(event) for event in events],
                "events_csv": events_csv(self.name, events, header=False),
                "tables": {form: table.taken() for form, table in self._tables.items()},
            }
            return message

    def close(self) -> None:
        """Stop reading, also in the middle of a `more` of another thread, and let go of the video."""
        self._stopped.set()
        with self._lock:
            self._reads.close()
            self._video.__exit__(None, None, None)
            self._forget()

    def _read_some(self, message: Message, events: list[AUEvent]) -> bool:
        """Until the time is over; whether the video is."""
        end = time.monotonic() + CHUNK_S
        for read in self._reads:
            events += self._take(read, message)
            if self._stopped.is_set():
                return True
            if time.monotonic() > end:
                return False
        return True

    def _read(self) -> Generator["Read", None, None]:
        from vlfau.lookahead import ahead
        from vlfau.pipeline import Pipeline, Read, Settings

        settings = Settings(
            words=False, every=self.every, batch_size=BATCH, most_faces=self._limits.max_faces
        )
        pipeline = Pipeline(self._predictor, settings)
        looked = ahead(self._look(pipeline.look_through(_source(self.name), self._video)), depth=2 * BATCH)
        reads = pipeline.read(looked)
        try:
            for item in reads:
                if isinstance(item, Read):
                    yield item
        finally:  # the thread that looks ahead ends before the video is closed
            reads.close()
            looked.close()

    def _look(self, pictures: Iterator[Any]) -> Iterator[Any]:
        """Up to the limit, and no further than to a stop."""
        for picture in pictures:
            moment = getattr(picture, "moment", None)
            if moment and moment.time_s >= self._limits.max_seconds:
                self._note = (
                    f"The video is longer than {self._limits.max_seconds:.0f} seconds; what comes after them was not "
                    "read. The command line reads videos of any length."
                )
                return
            yield picture
            if self._stopped.is_set():
                return

    def _take(self, read: "Read", message: Message) -> list[AUEvent]:
        """One picture into the message; the events that ended with it."""
        picture = read.picture
        for record in read.records:
            for table in self._tables.values():
                table.add(record)
        if picture.unread:
            self._note = picture.error
        if picture.moment is None:
            return []
        message["size"] = picture.size_px
        moment = picture.moment
        faces = [
            self._face(track, face, record)
            for track, face, record in zip(moment.tracks, picture.faces, read.records, strict=False)
        ]
        message["pictures"].append([moment.frame, round(moment.time_s, 4), faces])
        message["tracks"] += self._portraits(picture)
        return self._events.update(read.records)

    def _face(self, track: int, face: "AlignedFace", record: Record) -> list[Any]:
        """Track, box, outline, probabilities in thousandths, intensities in hundredths, warnings."""
        points = face.face.landmarks_px[list(POINTS), :2]
        return [
            track,
            [round(value) for value in face.face.box_xyxy_px],
            np.rint(points).astype(int).ravel().tolist(),
            [_scaled(record[f"{code}_p"], 1000) for code in self._codes],
            [_scaled(record[f"{code}_i"], 100) for code in self._codes],
            [WARNING_CODES.index(warning.code) for warning in face.face.warnings],
        ]

    def _portraits(self, picture: "Picture") -> list[Message]:
        """A small picture of each face when it is first seen, and once more when it can be seen well."""
        found = []
        assert picture.moment is not None
        for track, face in zip(picture.moment.tracks, picture.faces, strict=False):
            clear = not face.face.warnings
            if track not in self._tracks or (clear and not self._tracks[track]):
                self._tracks[track] = clear
                found.append({"track": track, "picture": data_uri(_jpeg(face.chip), "image/jpeg")})
        return found

    def _forget(self) -> None:
        """Off the disk; where an open file cannot be removed it is when it is closed."""
        if self._path is None:
            return
        with suppress(OSError):
            ARRIVALS.let_go(self._path)
            self._path = None


def step(rate: float, duration_s: float, per_second: float | None, limits: VideoLimits) -> int:
    """Of so many pictures one is looked at, for about `per_second` of them and no more in all than the limit."""
    wanted = 1 if per_second is None else max(1, round(rate / per_second))
    seconds = min(duration_s or limits.max_seconds, limits.max_seconds)
    least = -(-int(seconds * rate) // limits.max_pictures)
    return max(wanted, least, 1)


class _Table:
    """Records as the text of a CSV, taken away piece by piece."""

    def __init__(self, form: str, numbers: Sequence[int]) -> None:
        self._text = io.StringIO()
        self._writer = RecordWriter(self._text, form, columns(numbers, words=False))

    def add(self, record: Record) -> None:
        self._writer.write(record)

    def taken(self) -> str:
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text


def _opened(path: Path, name: str, limits: VideoLimits) -> Video:
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise VideoError(
            f"The video file is too large. It has {size / 1e6:.0f} MB; the limit is {limits.max_bytes / 1e6:.0f} MB. "
            "Cut it, or save it smaller; the command line reads videos of any size."
        )
    try:
        return Video(path)
    except VideoError as error:
        raise VideoError(str(error).replace(str(path), name).replace(str(path.absolute()), name)) from error


def _source(name: str) -> Any:
    from vlfau.sources import Source

    return Source(name)


def _event(event: AUEvent) -> list[Any]:
    """Track, unit, onset, apex and offset in seconds, apex frame, letter, peak probability, both ends seen."""
    times = [round(instant.time_s, 4) for instant in (event.onset, event.apex, event.offset)]
    peak = round(event.peak_probability, 3)
    return [event.track, event.number, *times, event.letter, peak, event.onset_seen, event.offset_seen]


def _scaled(value: str | float | None, scale: int) -> int | None:
    return None if value is None else round(float(value) * scale)


def _jpeg(chip: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(chip).resize((FACE_SIDE_PX, FACE_SIDE_PX)).save(data, "JPEG", quality=80)
    return data.getvalue()


def as_text(message: Message) -> str:
    """A message as the page gets it."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)
