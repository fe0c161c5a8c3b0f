"""Small trees in exactly the layouts of DISFA and BP4D, made from rendered faces, with the oddities of the originals.

Neither dataset may be passed on, so tests and the demonstration run on these. The persons are synthetic; a subject is
one person, whose labelled chips are pasted as photos at another place, size and light in every frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from finetune.datasets.codes import UNKNOWN
from finetune.datasets.protocol import Protocol
from finetune.faces import LabelledFaces
from vlfau.action_units import AU_NUMBERS
from vlfau.decoders import quiet_ffmpeg
from vlfau.errors import DataError

PHOTO_PX = (180, 240)
"""Height and width of a generated picture."""

DISFA_UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
"""Action units that DISFA codes."""

BP4D_INTENSITIES = (6, 10, 12, 14, 17)
"""Action units of which BP4D codes the intensity."""

FIRST_CODED_FRAME = 95
"""BP4D's coded part begins in the middle of a task, and the numbers of the files grow a digit on the way."""


@dataclass(frozen=True)
class Cast:
    """Whose faces play which subject: rows of `faces` by subject."""

    faces: LabelledFaces
    rows: dict[str, NDArray[np.int64]]

    def intensity(self, row: int) -> NDArray[np.int64]:
        """(A,) intensity 0-5 of the stronger side as coders write it, 9 where it is not known."""
        peak = np.asarray(self.faces.intensity[row], np.float64).max(axis=0)
        return np.where(np.isnan(peak), UNKNOWN, np.round(np.nan_to_num(peak))).astype(np.int64)


def cast(faces: LabelledFaces, protocols: Sequence[Protocol]) -> list[Cast]:
    """A cast for each protocol, nobody in two of them; those with the most faces first. Raises `DataError`."""
    people, counts = np.unique(faces.person, return_counts=True)
    ranked = people[np.argsort(-counts, kind="stable")].tolist()
    needed = sum(len(protocol.subjects) for protocol in protocols)
    if len(ranked) < needed:
        raise DataError(
            f"There are too few rendered persons. Found {len(ranked)}, needed {needed}. Render more persons: "
            "python -m finetune.synthetic generate."
        )
    casts = []
    for protocol in protocols:
        mine, ranked = ranked[: len(protocol.subjects)], ranked[len(protocol.subjects) :]
        pairs = zip(protocol.subjects, mine, strict=True)
        casts.append(Cast(faces, {s: np.flatnonzero(faces.person == person) for s, person in pairs}))
    return casts


def photo(chip: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A chip (S, S, 3) as a picture (180, 240, 3): shifted, turned, larger or smaller, lighter or darker."""
    height, width = PHOTO_PX
    side = rng.uniform(0.75, 0.9) * height
    middle = (rng.uniform(0.4, 0.6) * width, rng.uniform(0.48, 0.52) * height)
    half = len(chip) / 2
    turn = np.asarray(cv2.getRotationMatrix2D((half, half), rng.normal(0, 4), side / len(chip)), np.float64)
    turn[:, 2] += np.array(middle) - half
    placed = cv2.warpAffine(
        chip, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    light = rng.uniform(0.8, 1.15) * placed.astype(np.float32) + rng.normal(0, 2, placed.shape)
    return np.clip(light, 0, 255).astype(np.uint8)


def takes(cast: Cast, subject: str, count: int, rng: np.random.Generator) -> Iterator[tuple[int, NDArray]]:
    """`count` times the row of a face and a new picture of it: every face of the subject in turn."""
    rows = cast.rows[subject]
    order = np.concatenate([rng.permutation(rows) for _ in range(-(-count // len(rows)))])[:count]
    for row in order.tolist():
        yield row, photo(np.asarray(cast.faces.chips[row]), rng)


def write_disfa(folder: Path, cast: Cast, frames: int, seed: int = 0, videos: bool = True) -> None:
    """DISFA with `frames` frames for each subject, as videos of the left camera or as folders of frames.

    Oddities: one frame without a face, files whose last frame has no code, one action unit with a code less than the
    others, names that end in `_comp` or `_Comp`, stray system files; frames in folders begin at 0 for every second
    subject.
    """
    for number, subject in enumerate(cast.rows):
        rng = np.random.default_rng([seed, number])
        rows, pictures = map(list, zip(*takes(cast, subject, frames, rng), strict=True))
        pictures[frames // 2] = np.full((*PHOTO_PX, 3), 40, np.uint8)
        labels = folder / "ActionUnit_Labels" / subject
        labels.mkdir(parents=True)
        (labels / "Thumbs.db").write_bytes(b"\0")
        for unit in DISFA_UNITS:
            codes = [int(cast.intensity(row)[AU_NUMBERS.index(unit)]) for row in rows]
            coded = frames - (number % 3 == 0) - (unit == DISFA_UNITS[0] and number % 4 == 0)
            lines = [f"{frame},{code}" for frame, code in enumerate(codes[:coded], start=1)]
            (labels / f"{subject}_au{unit}.txt").write_text("\n".join(lines) + "\n")
        if videos:
            ending = "comp" if number % 2 else "Comp"
            _write_video(folder / "Videos_LeftCamera" / f"LeftVideo{subject}_{ending}.avi", pictures)
        else:
            first = number % 2
            for frame, picture in enumerate(pictures, start=first):
                _write(folder / "Frames" / f"Left{subject}" / f"{subject}_{frame:05d}.jpg", picture)


def write_bp4d(
    folder: Path, cast: Cast, frames: int, tasks: Sequence[str] = ("T1", "T8"), seed: int = 0
) -> None:
    """BP4D with `frames` coded frames for each task of each subject.

    Oddities: pictures before the coded part, names with three digits or four, a missing picture, a picture that cannot
    be read, a frame that nobody could code, codes of 9, a subject without the last task.
    """
    for number, subject in enumerate(cast.rows):
        rng = np.random.default_rng([seed, number])
        for task in tasks[: len(tasks) - (number == 0 and len(tasks) > 1)]:
            shown = list(takes(cast, subject, frames, rng))
            pictures = folder / "Sequences" / subject / task
            digits = 3 + number % 2
            _write(pictures / f"{1:0{digits}d}.jpg", shown[0][1])
            for frame, (_, picture) in enumerate(shown, start=FIRST_CODED_FRAME):
                _write(pictures / f"{frame:0{digits}d}.jpg", picture)
            if number % 4 == 1:
                (pictures / f"{FIRST_CODED_FRAME + 1:0{digits}d}.jpg").unlink()
            if number % 4 == 2:
                (pictures / f"{FIRST_CODED_FRAME + 2:0{digits}d}.jpg").write_bytes(b"\xff\xd8 cut short")
            codes = np.stack([cast.intensity(row) for row, _ in shown])
            if number % 4 == 3:
                codes[-1] = UNKNOWN
            _write_codes(folder / "AUCoding", f"{subject}_{task}", codes)


def _write_codes(folder: Path, name: str, codes: NDArray[np.int64]) -> None:
    """BP4D's files of one task from intensities (n, A)."""
    header = list(range(100))
    lines = [header]
    for frame, row in enumerate(codes.tolist(), start=FIRST_CODED_FRAME):
        line = [frame] + [UNKNOWN] * 99
        for unit, code in zip(AU_NUMBERS, row, strict=True):
            line[unit] = UNKNOWN if code == UNKNOWN else int(code >= 1)
        lines.append(line)
    (folder / "AU_OCC").mkdir(parents=True, exist_ok=True)
    (folder / "AU_OCC" / f"{name}.csv").write_text("\n".join(",".join(map(str, line)) for line in lines))
    for unit in BP4D_INTENSITIES:
        column = codes[:, AU_NUMBERS.index(unit)].tolist()
        pairs = [f"{frame},{code}" for frame, code in enumerate(column, start=FIRST_CODED_FRAME)]
        file = folder / "AU_INT" / f"AU{unit:02d}" / f"{name}_AU{unit:02d}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(pairs) + "\n")


def _write(file: Path, picture: NDArray[np.uint8]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 95])


def _write_video(file: Path, pictures: Sequence[NDArray[np.uint8]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    quiet_ffmpeg()
    video = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, PHOTO_PX[::-1])
    for picture in pictures:
        video.write(np.ascontiguousarray(picture[..., ::-1]))
    video.release()
