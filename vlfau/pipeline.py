"""The pipeline: photos and videos in, records out; no more than a batch of faces is held at a time."""

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlfau.baseline import Baseline, difference_columns
from vlfau.errors import ImageError, NoFaceError
from vlfau.faces import Face
from vlfau.images import read_image
from vlfau.predictor import AlignedFace, FacePrediction, Predictor
from vlfau.records import Moment, Record, columns, failed_record, no_face_message, photo_records
from vlfau.sources import Source, SourceReader
from vlfau.tracking import DETECT_EVERY, FaceTracker
from vlfau.video import Place, Video

PAUSE_FRAMES, PAUSE_FACES = 1000, 4000
"""A video can be gone on with after so many pictures or faces, whichever comes first."""

NO_FACE_IN_FRAME = "No face was found in this picture of the video."


@dataclass(frozen=True)
class Settings:
    """How sources are read."""

    words: bool = True
    every: int = 1
    """Of a video, look at every so many-th picture."""
    detect_every: int = DETECT_EVERY
    """See `vlfau.tracking`."""
    batch_size: int = 16
    """Faces that go through the network at once."""
    most_faces: int | None = None
    """Of a picture of a video, read no more than so many, the largest."""


@dataclass(frozen=True)
class Picture:
    """A photo, or a picture of a video, with its faces cut out; or the reason why there are none."""

    source: Source
    faces: Sequence[AlignedFace] = ()
    moment: Moment | None = None
    error: str | None = None
    """Why there is no face to speak of."""
    unread: bool = False
    """Whether that is because something could not be read."""
    expected: int = 1
    """How many pictures its source has, roughly."""
    size_px: tuple[int, int] = (0, 0)
    """Width and height of a picture of a video."""


@dataclass(frozen=True)
class Pause:
    """A place between two pictures at which all before it is read, and the work can be left and taken up again."""

    state: dict[str, Any] | None = None
    """What `look` needs to go on in the middle of a video; None between two sources."""


@dataclass(frozen=True)
class Read:
    """What is said of one picture."""

    picture: Picture
    records: list[Record] = field(default_factory=list)


class Pipeline:
    """Reads sources with one predictor."""

    def __init__(
        self, predictor: Predictor, settings: Settings | None = None, baseline: Baseline | None = None
    ) -> None:
        """With a `baseline` each record also says how far it is from that."""
        self.predictor = predictor
        self.settings = settings or Settings()
        self.baseline = baseline
        self._reader = SourceReader()

    def look(self, source: Source, state: dict[str, Any] | None = None) -> Iterator[Picture | Pause]:
        """Find the faces of one source, with a `Pause` now and then in a video.

        Nothing that is wrong with the source is raised: it becomes a picture with an `error`. With the `state` of a
        pause, a video is gone on with after it.
        """
        try:
            yield from (
                self._look_at_video(source, state) if source.is_video else [self._look_at_photo(source)]
            )
        except ImageError as error:
            yield Picture(source, error=str(error), unread=True)

    def read(self, looked: Iterable[Picture | Pause]) -> Generator[Read | Pause, None, None]:
        """The same with what the network says, in the same order; pictures wait for each other to fill a batch."""
        waiting: list[Picture] = []
        for item in looked:
            if isinstance(item, Picture):
                waiting.append(item)
            faces = sum(len(picture.faces) for picture in waiting)
            size = self.settings.batch_size
            if isinstance(item, Pause) or faces >= size or len(waiting) >= 4 * size:
                yield from self._predict(waiting)
                waiting = []
            if isinstance(item, Pause):
                yield item
        yield from self._predict(waiting)

    def _look_at_photo(self, source: Source) -> Picture:
        image = self._reader.photo(source)
        faces = self._align(image, self.predictor.finder.find(image))
        error = None if faces else no_face_message(image.shape[1], image.shape[0])
        return Picture(source, [face for _, face in faces], error=error)

    def look_through(
        self, source: Source, video: Video, tracker: FaceTracker | None = None
    ) -> Iterator[Picture | Pause]:
        """The same for a video that is open; raises VideoError when there is no picture in it."""
        settings = self.settings
        tracker = tracker or FaceTracker(self.predictor.finder, settings.detect_every)
        frames = faces = 0
        expected = -(-video.expected_frames // settings.every)
        for frame in video.frames(settings.every):
            tracks = tracker.update(frame.image, frame.time_s)[: settings.most_faces]
            found = self._align(frame.image, [track.face for track in tracks])
            moment = Moment(frame.index, frame.time_s, [tracks[index].number for index, _ in found])
            error = None if found else NO_FACE_IN_FRAME
            height, width = frame.image.shape[:2]
            yield Picture(
                source, [face for _, face in found], moment, error, expected=expected, size_px=(width, height)
            )
            frames, faces = frames + 1, faces + len(found)
            if frames >= PAUSE_FRAMES or faces >= PAUSE_FACES:
                frames = faces = 0
                yield Pause({"place": asdict(video.place), "tracker": tracker.state()})
        if trouble := video.trouble():
            yield Picture(source, error=trouble, unread=True)

    def _look_at_video(self, source: Source, state: dict[str, Any] | None) -> Iterator[Picture | Pause]:
        tracker = FaceTracker(self.predictor.finder, self.settings.detect_every, state and state["tracker"])
        after = Place(**state["place"] | {"damage": tuple(state["place"]["damage"])}) if state else None
        with self._reader.video_file(source) as file, Video(file, after) as video:
            yield from self.look_through(source, video, tracker)

    def _align(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> list[tuple[int, AlignedFace]]:
        """Place in `faces` and chip; what turns out to be no face is left out."""
        found = []
        for index, face in enumerate(faces):
            try:
                found.append((index, self.predictor.align(image, face)))
            except NoFaceError:
                continue
        return found

    def _predict(self, pictures: Sequence[Picture]) -> Iterator[Read]:
        settings = self.settings
        faces = [face for picture in pictures for face in picture.faces]
        batches = max(1, math.ceil(len(faces) / settings.batch_size))
        batch_size = max(1, math.ceil(len(faces) / batches))  # about equally large
        predictions = iter(self.predictor.predict_aligned(faces, settings.words, batch_size))
        for picture in pictures:
            said = [next(predictions) for _ in picture.faces]
            yield Read(picture, self._records(picture, said))

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the records, in order."""
        numbers = self.predictor.checkpoint.config.au_numbers
        return (
            *columns(numbers, self.settings.words),
            *(difference_columns(numbers) if self.baseline else ()),
        )

    def _records(self, picture: Picture, said: Sequence[FacePrediction]) -> list[Record]:
        records = self._plain_records(picture, said)
        if self.baseline is None:
            return records
        return [record | self.baseline.differences(record) for record in records]

    def _plain_records(self, picture: Picture, said: Sequence[FacePrediction]) -> list[Record]:
        config, words = self.predictor.checkpoint.config, self.settings.words
        label = picture.source.label
        if picture.error is None:
            return photo_records(label, said, words, picture.moment)
        known = (label, picture.error, config.model_version, config.au_numbers, words, picture.moment)
        return [failed_record(*known)]


def neutral_baseline(predictor: Predictor, photo: Path) -> Baseline:
    """What is said of the one face in a neutral photo; raises ImageError, or NoFaceError when there is not one face."""
    image = read_image(photo)
    return baseline_of(predictor, photo.name, image)


def baseline_of(predictor: Predictor, name: str, image: NDArray[np.uint8]) -> Baseline:
    """The same for a photo that is open, upright RGB (H, W, 3)."""
    faces = predictor.predict(image, words=False)
    if len(faces) != 1:
        found = "No face was" if not faces else f"{len(faces)} faces were"
        raise NoFaceError(
            f"The neutral photo must show one face, at rest. {found} found in '{name}'. "
            "Use a photo of the same person alone, from the front, with nothing moving."
        )
    (record,) = photo_records(name, faces, words=False)
    return Baseline.of_record(record, predictor.checkpoint.config.au_numbers)
