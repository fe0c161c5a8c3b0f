"""Where things are in DISFA and BP4D as they are distributed, and what to say when they are somewhere else.

DISFA   ActionUnit_Labels/SN001/SN001_au1.txt ...        "frame,intensity" of one action unit
        Videos_LeftCamera/LeftVideoSN001_comp.avi        or Video_RightCamera/RightVideoSN001_comp.avi
        or in place of a video a folder of its frames whose name holds SN001, anywhere up to three folders deep
BP4D    AUCoding/AU_OCC/F001_T1.csv                      a header of action units, then a line for each frame
        AUCoding/AU_INT/AU06/F001_T1_AU06.csv            "frame,intensity", for five action units; may be missing
        Sequences/F001/T1/2440.jpg ...                   one picture for each frame, coded or not
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from finetune.datasets.codes import Codes, from_intensities, from_occurrences, read_pairs, read_table
from finetune.datasets.frames import FRAMES_OF_SLACK, PICTURES, VIDEOS, FrameFolder, Frames, Video
from finetune.datasets.protocol import BP4D, DISFA, Protocol
from vlfau.errors import DataError


@dataclass(frozen=True)
class Recording:
    """One recording of one subject with its codes."""

    subject: str
    task: str
    """BP4D's task, T1 to T8; empty for DISFA, which has one recording for each subject."""
    frames: Frames
    codes: Codes


@dataclass(frozen=True)
class DisfaLayout:
    """DISFA below `source`."""

    source: Path
    camera: str = "left"
    protocol: Protocol = DISFA

    @property
    def labels(self) -> Path:
        return _folder(self.source, ("ActionUnit_Labels",), "ActionUnit_Labels/SN001/SN001_au1.txt")

    def subjects(self) -> list[str]:
        """The protocol's subjects that have codes; raises `DataError` when there are none."""
        coded = {each.name for each in self.labels.iterdir() if each.is_dir()}
        return _known(self.protocol, coded, self.labels, "SN001/SN001_au1.txt")

    def uncoded(self) -> dict[str, str]:
        """The protocol's subjects that have pictures and no codes, each with what is wrong."""
        coded = set(self.subjects())
        found = {subject: self._of(subject) for subject in self.protocol.subjects if subject not in coded}
        return {
            subject: _uncoded(
                subject, (path.relative_to(self.source) for path in paths), self.labels / subject
            )
            for subject, paths in found.items()
            if self._frames_among(paths)
        }

    def recordings(self, subject: str) -> Iterator[Recording]:
        """The subject's one recording; raises `DataError` when pictures and codes do not fit together."""
        codes = self._codes(subject)
        frames = self._frames(subject)
        last = frames.last()
        if last is not None and abs(last - int(codes.frames[-1])) > FRAMES_OF_SLACK:
            raise DataError(
                f"Codes and pictures of {subject} are not of one length. The codes in {self.labels / subject} go to "
                f"frame {codes.frames[-1]}, the pictures to {last}. Copy the shorter of the two again."
            )
        yield Recording(subject, "", frames, codes)

    def _codes(self, subject: str) -> Codes:
        files = {
            int(match[1]): file
            for file in (self.labels / subject).iterdir()
            if (match := re.fullmatch(rf"{subject}_au(\d+)\.txt", file.name, re.IGNORECASE))
        }
        missing = [unit for unit in self.protocol.units if unit not in files]
        if missing:
            raise DataError(
                f"Codes of {subject} are missing. {self.labels / subject} has {_some(self.labels / subject)}; expected "
                f"{subject}_au{missing[0]}.txt and one for each of {list(self.protocol.units)}. Copy the folder again."
            )
        by_unit = {unit: read_pairs(file) for unit, file in sorted(files.items())}
        ends = {unit: max(codes) for unit, codes in by_unit.items()}
        short = min(ends, key=lambda unit: ends[unit])
        if max(ends.values()) - ends[short] > FRAMES_OF_SLACK:
            raise DataError(
                f"Codes of {subject} are not of one length. {files[short]} ends at frame {ends[short]}, others go to "
                f"{max(ends.values())}. Copy the file from the original again."
            )
        return from_intensities(by_unit)

    def _frames(self, subject: str) -> Frames:
        if frames := self._frames_among(self._of(subject)):
            return frames
        side = "Videos_LeftCamera/Left" if self.camera == "left" else "Video_RightCamera/Right"
        raise DataError(
            f"There are no pictures of {subject} by the {self.camera} camera. {self.source} has {_some(self.source)}; "
            f"expected {side}Video{subject}_comp.avi, or a folder of frames with {subject} in its name. "
            "Give the folder that holds both by --source."
        )

    def _of(self, subject: str) -> list[Path]:
        """What has the subject's name, but for its codes and the other camera's pictures."""
        found = [path for path in _walk(self.source, 3) if subject.lower() in path.name.lower()]
        return [path for path in found if self.labels not in path.parents and self._by_this_camera(path)]

    def _frames_among(self, paths: list[Path]) -> Frames | None:
        for path in paths:
            if path.is_file() and path.suffix.lower() in VIDEOS:
                return Video(path)
        for path in paths:
            if _has_pictures(path):
                return FrameFolder(path, counts_from_one=True)
        return None

    def _by_this_camera(self, path: Path) -> bool:
        """Whether the path names this camera, or none."""
        name = str(path.relative_to(self.source)).lower()
        other = "right" if self.camera == "left" else "left"
        return self.camera in name or other not in name


@dataclass(frozen=True)
class Bp4dLayout:
    """BP4D below `source`."""

    source: Path
    protocol: Protocol = BP4D

    @property
    def labels(self) -> Path:
        return _folder(self.source, ("AUCoding/AU_OCC", "AU_OCC"), "AUCoding/AU_OCC/F001_T1.csv")

    @property
    def sequences(self) -> Path:
        names = ("Sequences", "Sequences(2D+3D)", "2D+3D")
        return _folder(self.source, names, "Sequences/F001/T1/*.jpg")

    def subjects(self) -> list[str]:
        """The protocol's subjects that have codes; raises `DataError` when there are none."""
        coded = {file.stem.split("_")[0] for file in self.labels.glob("*_T*.csv")}
        _ = self.sequences
        return _known(self.protocol, coded, self.labels, "F001_T1.csv")

    def uncoded(self) -> dict[str, str]:
        """The protocol's subjects that have pictures and no codes, each with what is wrong."""
        coded, wrong = set(self.subjects()), {}
        for subject in self.protocol.subjects:
            folder = self.sequences / subject
            if subject not in coded and folder.is_dir() and any(map(_has_pictures, folder.iterdir())):
                wrong[subject] = _uncoded(
                    subject, [folder.relative_to(self.source)], self.labels / f"{subject}_T1.csv"
                )
        return wrong

    def recordings(self, subject: str) -> Iterator[Recording]:
        """The subject's tasks, in order; raises `DataError` when a coded task has no pictures."""
        for file in sorted(self.labels.glob(f"{subject}_T*.csv")):
            task = file.stem.split("_")[1]
            folder = self.sequences / subject / task
            if not _has_pictures(folder):
                raise DataError(
                    f"There are no pictures of {subject}, task {task}. {self.sequences / subject} has "
                    f"{_some(self.sequences / subject)}; expected {task}/*.jpg, because {file.name} codes it. "
                    "Copy the task's folder again."
                )
            units, table = read_table(file)
            yield Recording(
                subject, task, FrameFolder(folder), from_occurrences(units, table, self._intensities(file))
            )

    def _intensities(self, occurrence: Path) -> dict[int, dict[int, int]]:
        by_unit = {}
        for folder in sorted((self.labels.parent / "AU_INT").glob("AU*")):
            file = folder / f"{occurrence.stem}_{folder.name}.csv"
            if file.is_file():
                by_unit[int(folder.name[2:])] = read_pairs(file)
        return by_unit


Layout = DisfaLayout | Bp4dLayout


def _folder(source: Path, names: Iterable[str], expected: str) -> Path:
    """The first of some folders that is there; raises `DataError` that names what was expected and found."""
    for name in names:
        if (source / name).is_dir():
            return source / name
    raise DataError(
        f"The folder has another layout. {source} has {_some(source)}; expected {expected} below it. "
        "Give the dataset's top folder by --source, as it was unpacked."
    )


def _known(protocol: Protocol, coded: set[str], labels: Path, expected: str) -> list[str]:
    subjects = [subject for subject in protocol.subjects if subject in coded]
    if not subjects:
        raise DataError(
            f"No subject of {protocol.title} has codes. {labels} has {_some(labels)}; expected names such as "
            f"{expected}. Check that --source is {protocol.title}."
        )
    return subjects


def _has_pictures(folder: Path) -> bool:
    return folder.is_dir() and any(each.suffix.lower() in PICTURES for each in folder.iterdir())


def _uncoded(subject: str, found: Iterable[Path], expected: Path) -> str:
    return (
        f"There are pictures of {subject} and no codes. Found {', '.join(map(str, found))}; expected {expected}. "
        "Look for the codes under another name or in a misspelt folder, and copy them there."
    )


def _some(folder: Path, most: int = 8) -> str:
    """What is in a folder, for a message."""
    if not folder.is_dir():
        return "nothing, for it is no folder" if folder.exists() else "nothing, for it is not there"
    names = sorted(each.name + "/" * each.is_dir() for each in folder.iterdir())
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "nothing"


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Files and folders below a folder, nearer ones first; pictures are left out, a subject's folder is not entered."""
    found = sorted(folder.iterdir())
    yield from (path for path in found if path.suffix.lower() not in PICTURES)
    if depth > 1:
        for path in found:
            if path.is_dir() and not re.search(r"SN\d{3}", path.name, re.IGNORECASE):
                yield from _walk(path, depth - 1)
