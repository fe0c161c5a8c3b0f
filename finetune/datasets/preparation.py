"""From recordings to shards: every coded frame detected and aligned as a photo on the page is, subject by subject.

A finished subject is a finished shard: a later call goes on with the others. A subject that fails is reported at the
end and stops nobody else.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from finetune.datasets.layouts import Layout, Recording
from finetune.datasets.shards import PreparedFace, ShardWriter, read_notes
from vlfau.action_units import AU_NUMBERS
from vlfau.alignment import chip_landmarks, chip_transform, make_chip
from vlfau.errors import DataError, NoFaceError, VLFAUError
from vlfau.finder import MediaPipeFinder

CHIP_PX = 256
"""Side of a stored chip: a little more than the 224 px of the field's networks, so that augmentation can zoom."""

REASONS = ("not_coded", "no_picture", "unreadable", "no_face")
"""Why a frame of the codes is dropped, in the order in which it is looked at."""

Advance = Callable[[int], None]
"""Told of frames as they are done."""


@dataclass(frozen=True)
class Settings:
    """Where shards go and how they are made."""

    out: Path
    chip_px: int = CHIP_PX
    workers: int = 1
    """Processes, one core each."""


@dataclass
class Report:
    """What became of the frames that were coded, by subject."""

    kept: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, dict[str, int]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Subject -> what went wrong, as codes without pictures or pictures without codes; it has no shard."""
    missing: list[str] = field(default_factory=list)
    """Subjects of the protocol that have neither codes nor pictures."""

    def add(self, notes: dict[str, Any]) -> None:
        self.kept[notes["subject"]] = notes["kept"]
        self.dropped[notes["subject"]] = notes["dropped"]

    def table(self) -> str:
        """Markdown: a line for each subject."""
        header = ["subject", "kept", *(reason.replace("_", " ") for reason in REASONS)]
        lines = [header, ["---"] * len(header)]
        for subject in sorted(self.kept):
            dropped = self.dropped[subject]
            lines.append([subject, str(self.kept[subject]), *(str(dropped[r]) for r in REASONS)])
        totals = [str(sum(dropped[r] for dropped in self.dropped.values())) for r in REASONS]
        lines.append(["all", str(sum(self.kept.values())), *totals])
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def prepare(layout: Layout, settings: Settings) -> Report:
    """Write the shards that are missing and report on all; raises `DataError` when the folder is another dataset's."""
    subjects = layout.subjects()
    _make(settings.out)
    uncoded = layout.uncoded()
    missing = sorted(set(layout.protocol.subjects) - set(subjects) - uncoded.keys())
    report = Report(failed=uncoded, missing=missing)
    waiting = []
    for subject in subjects:
        file = _shard(settings, subject)
        if file.is_file():
            report.add(_same_recipe(file, layout, settings))
        else:
            waiting.append(subject)
    with tqdm(unit="frame", desc=layout.protocol.title, disable=None, smoothing=0.05) as bar:
        done = _in_processes if settings.workers > 1 and len(waiting) > 1 else _here
        for subject, outcome in done(layout, settings, waiting, bar):
            if isinstance(outcome, dict):
                report.add(outcome)
            else:
                report.failed[subject] = str(outcome)
    return report


Outcome = tuple[str, dict[str, Any] | Exception]


def _here(layout: Layout, settings: Settings, subjects: list[str], bar: tqdm) -> Iterator[Outcome]:
    for subject in subjects:
        try:
            yield subject, prepare_subject(layout, settings, subject, bar.update)
        except VLFAUError as error:
            yield subject, error


def _in_processes(layout: Layout, settings: Settings, subjects: list[str], bar: tqdm) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")
    progress = context.SimpleQueue()
    with ProcessPoolExecutor(settings.workers, context, _begin_worker, (progress,)) as pool:
        running: dict[Future, str] = {
            pool.submit(_in_worker, layout, settings, subject): subject for subject in subjects
        }
        while running:
            finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            while not progress.empty():
                bar.update(progress.get())
            for future in finished:
                subject = running.pop(future)
                error = future.exception()
                if error is not None and not isinstance(error, VLFAUError):
                    raise error
                yield subject, error if isinstance(error, VLFAUError) else future.result()


_progress: Any = None
"""Of a worker: where it tells how many frames it has done."""


def _begin_worker(progress: Any) -> None:
    global _progress
    _progress = progress
    cv2.setNumThreads(1)


def _in_worker(layout: Layout, settings: Settings, subject: str) -> dict[str, Any]:
    return prepare_subject(layout, settings, subject, _progress.put)


def prepare_subject(layout: Layout, settings: Settings, subject: str, advance: Advance) -> dict[str, Any]:
    """Write one subject's shard and return its notes. What was written of a subject that fails is removed."""
    file = _shard(settings, subject)
    try:
        writer = ShardWriter(file)
        try:
            dropped: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
            kept = 0
            for recording in layout.recordings(subject):
                for face in aligned_faces(recording, settings.chip_px, dropped, advance):
                    writer.add(face)
                    kept += 1
            notes = _recipe(layout, settings) | {"subject": subject, "kept": kept, "dropped": dict(dropped)}
            _refuse_empty(notes)
            writer.finish(notes)
        except BaseException:
            writer.discard()
            raise
    except OSError as error:
        raise DataError(
            f"The shard of {subject} cannot be written. {file} gave: {error}. Finished shards are kept: make room or "
            "give another --out, and run the same command again."
        ) from error
    return notes


def aligned_faces(
    recording: Recording, chip_px: int, dropped: Counter[str], advance: Advance
) -> Iterator[PreparedFace]:
    """The coded frames of a recording as chips; counts in `dropped` why others are left out."""
    codes, finder = recording.codes, _finder()
    dropped["not_coded"] += int((~codes.coded).sum())
    row_of = {int(codes.frames[row]): int(row) for row in np.flatnonzero(codes.coded)}
    seen = 0
    for frame, image in recording.frames.pictures(row_of.keys()):
        seen += 1
        advance(1)
        if image is None:
            dropped["unreadable"] += 1
            continue
        found = _align(finder, image, chip_px)
        if found is None:
            dropped["no_face"] += 1
            continue
        row = row_of[frame]
        yield PreparedFace(
            *found, codes.occurrence[row], codes.intensity[row], recording.subject, recording.task, frame
        )
    dropped["no_picture"] += len(row_of) - seen


def _align(
    finder: MediaPipeFinder, image: NDArray[np.uint8], chip_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]] | None:
    """Chip and landmarks of the largest face, None without one."""
    faces = finder.find(image)
    if not faces:
        return None
    points = faces[0].landmarks_px
    try:
        return make_chip(image, chip_transform(points, chip_px), chip_px), chip_landmarks(points)
    except NoFaceError:
        return None


@lru_cache(maxsize=1)
def _finder() -> MediaPipeFinder:
    return MediaPipeFinder()


def _recipe(layout: Layout, settings: Settings) -> dict[str, Any]:
    """What a shard's content depends on."""
    return {
        "dataset": layout.protocol.name,
        "camera": getattr(layout, "camera", None),
        "chip_px": settings.chip_px,
        "action_units": list(AU_NUMBERS),
    }


def _same_recipe(file: Path, layout: Layout, settings: Settings) -> dict[str, Any]:
    """The notes of a finished shard; raises `DataError` when it was made otherwise than asked now."""
    notes, asked = read_notes(file), _recipe(layout, settings)
    found = {name: notes.get(name) for name in asked}
    if found != asked:
        different = {name: (found[name], asked[name]) for name in asked if found[name] != asked[name]}
        raise DataError(
            f"The folder holds shards of another recipe. {file} differs (found, asked for): {different}. "
            "Give an empty folder by --out."
        )
    return notes


def _refuse_empty(notes: dict[str, Any]) -> None:
    if not notes["kept"]:
        raise DataError(
            f"No frame of {notes['subject']} could be used. Dropped were {notes['dropped']}. Check that its codes and "
            "pictures belong together and show a face."
        )


def _shard(settings: Settings, subject: str) -> Path:
    return settings.out / f"{subject}.parquet"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The folder for the shards cannot be made. {folder} gave: {error}. Give another --out."
        ) from error
