"""Events: from when to when an action unit is seen on a face in a video, and when it is strongest.

FACS codes a movement in time by its onset, its apex and its offset (Ekman, Friesen & Hager 2002). Here an event

- begins (onset) at a picture in which the unit's probability reaches its threshold,
- goes on as long as the probability stays above RELEASE_SHARE of that threshold, so that a value that trembles around
  the threshold is one event and not many (hysteresis with two thresholds, as in Canny 1986),
- ends (offset) with the last such picture, or where the face is out of sight for more than LONGEST_GAP_S,
- counts when it lasts for LEAST_PICTURES of the pictures that were looked at,
- is strongest (apex) in the picture with the largest intensity, the first of several.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO

from vlfau.action_units import by_number, intensity_letter
from vlfau.records import Record

RELEASE_SHARE = 0.8
LEAST_PICTURES = 3
LONGEST_GAP_S = 0.5

EVENT_COLUMNS = (
    "file",
    "track",
    "au",
    "onset_s",
    "apex_s",
    "offset_s",
    "duration_s",
    "onset_frame",
    "apex_frame",
    "offset_frame",
    "apex_intensity",
    "apex_letter",
    "peak_probability",
    "onset_seen",
    "offset_seen",
)
"""`onset_seen` and `offset_seen` are 0 where the face, or the video, began or ended in the middle of the event."""


@dataclass(frozen=True)
class Instant:
    """A picture of a video that was looked at."""

    frame: int
    time_s: float


@dataclass(frozen=True)
class AUEvent:
    """One movement of one face."""

    track: int
    number: int
    """Of the action unit."""
    onset: Instant
    apex: Instant
    offset: Instant
    pictures: int
    """How many of those that were looked at it lasts."""
    apex_intensity: float
    """0-5."""
    peak_probability: float
    onset_seen: bool
    offset_seen: bool

    @property
    def letter(self) -> str:
        """A to E at the apex; an event has at least an A."""
        return intensity_letter(self.apex_intensity) or "A"


@dataclass
class _Open:
    """An event that has begun and not ended."""

    onset: Instant
    onset_seen: bool
    apex: Instant
    last: Instant
    pictures: int = 0
    intensity: float = -math.inf
    probability: float = 0.0

    def add(self, now: Instant, probability: float, intensity: float) -> None:
        self.last = now
        self.pictures += 1
        self.probability = max(self.probability, probability)
        if intensity > self.intensity:
            self.intensity, self.apex = intensity, now


@dataclass
class _Face:
    """One track as it was last seen."""

    last: Instant
    open: dict[int, _Open] = field(default_factory=dict)
    fresh: bool = True
    """Whether the next picture of it is its first, or the first after a gap."""


class AUEventFinder:
    """Finds the events of one video; give it the records of its pictures in order. Holds open events only."""

    def __init__(self, thresholds: Mapping[int, float], least_pictures: int = LEAST_PICTURES) -> None:
        """`thresholds`: action unit -> the probability from which it counts as present."""
        self._thresholds = {number: (by_number(number).code, value) for number, value in thresholds.items()}
        self._least_pictures = least_pictures
        self._faces: dict[int, _Face] = {}

    def update(self, records: Iterable[Record]) -> list[AUEvent]:
        """The records of the faces in the next picture -> the events that ended before it, in order of their onset."""
        ended: list[AUEvent] = []
        for record in records:
            if record["frame"] is None:
                continue
            now = Instant(int(record["frame"]), float(record["time_s"] or 0.0))
            ended += self._lose(now.time_s)
            if record["success"] and record["track"] is not None:
                ended += self._see(int(record["track"]), now, record)
        return sorted(ended, key=_order)

    def end(self) -> list[AUEvent]:
        """The video is over: the events that were still going on."""
        return sorted(self._lose(math.inf), key=_order)

    def _lose(self, time_s: float) -> list[AUEvent]:
        """Faces that were out of sight for too long."""
        gone = [number for number, face in self._faces.items() if time_s - face.last.time_s > LONGEST_GAP_S]
        ended = []
        for track in gone:
            face = self._faces.pop(track)
            ended += [self._closed(track, number, opened, False) for number, opened in face.open.items()]
        return [event for event in ended if event.pictures >= self._least_pictures]

    def _see(self, track: int, now: Instant, record: Record) -> list[AUEvent]:
        face = self._faces.setdefault(track, _Face(now))
        ended = []
        for number, (code, threshold) in self._thresholds.items():
            probability, intensity = _value(record[f"{code}_p"]), _value(record[f"{code}_i"])
            opened = face.open.get(number)
            if opened is None and probability >= threshold:
                opened = face.open[number] = _Open(now, not face.fresh, now, now)
            if opened is None:
                continue
            if probability >= RELEASE_SHARE * threshold:
                opened.add(now, probability, intensity)
            else:
                del face.open[number]
                ended.append(self._closed(track, number, opened, True))
        face.last, face.fresh = now, False
        return [event for event in ended if event.pictures >= self._least_pictures]

    @staticmethod
    def _closed(track: int, number: int, opened: _Open, offset_seen: bool) -> AUEvent:
        measured = max(opened.intensity, 0.0), opened.probability
        times = opened.onset, opened.apex, opened.last
        return AUEvent(track, number, *times, opened.pictures, *measured, opened.onset_seen, offset_seen)


def events_csv(file: str, events: Sequence[AUEvent], header: bool = True) -> str:
    """Events of a video as CSV with EVENT_COLUMNS, times in seconds from its start."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(EVENT_COLUMNS)
    for event in events:
        instants = event.onset, event.apex, event.offset
        times = [round(instant.time_s, 4) for instant in instants]
        duration = round(event.offset.time_s - event.onset.time_s, 4)
        frames = [instant.frame for instant in instants]
        measured = [round(event.apex_intensity, 4), event.letter, round(event.peak_probability, 4)]
        code = by_number(event.number).code
        seen = [int(event.onset_seen), int(event.offset_seen)]
        writer.writerow([file, event.track, code, *times, duration, *frames, *measured, *seen])
    return text.getvalue()


def _value(value: str | float | None) -> float:
    """What is not known is not seen."""
    return -math.inf if value is None else float(value)


def _order(event: AUEvent) -> tuple[float, int, int]:
    return event.onset.time_s, event.track, event.number
