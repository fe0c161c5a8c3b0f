"""Labelled faces for training: chips, landmarks and action units from renders and from coded photos, as arrays.

Letters: n faces, S stored chip side (px), A action units. Unknown labels are NaN.
"""

import csv
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finetune.people import person_split
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

log = logging.getLogger(__name__)

STORED_CHIP_PX = 144
"""Chips are stored a little larger than the network takes them, so that augmentation can turn and zoom them."""


@dataclass
class LabelledFaces:
    """Faces with their labels; `chips` may be memory-mapped."""

    chips: NDArray[np.uint8]
    """(n, S, S, 3) RGB"""
    landmarks: NDArray[np.floating]
    """(n, 478, 3) chip units"""
    intensity: NDArray[np.floating]
    """(n, 2, A) the person's left and right, 0-5, NaN unknown"""
    person: NDArray[np.str_]
    """(n,)"""
    groups: dict[str, NDArray] = field(default_factory=dict)
    """Columns of the catalogue per face, such as gender, age, ethnicity, photo; empty for renders."""

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def peak(self) -> NDArray[np.floating]:
        """(n, A) the stronger side's intensity."""
        return self.intensity.max(axis=1)

    def subset(self, index: NDArray) -> "LabelledFaces":
        """The faces at an index or where a mask is true."""
        groups = {name: column[index] for name, column in self.groups.items()}
        return LabelledFaces(
            self.chips[index], self.landmarks[index], self.intensity[index], self.person[index], groups
        )


def load_renders(folder: str | Path) -> LabelledFaces:
    """All shards of `python -m finetune.synthetic generate` in a folder; chips stay on disk until they are read.

    What a pose or an occlusion hides counts as unknown. Raises `DataError` when the folder has no shard.
    """
    folder = Path(folder)
    shards = sorted(p.parent for p in folder.glob("shard-*[0-9]/intensity.npy"))
    if not shards:
        raise DataError(
            f"There are no renders in {folder}. Make some: python -m finetune.synthetic generate --out {folder}."
        )
    people = np.array(json.loads((folder / "persons.json").read_text()))
    intensity = np.concatenate([np.load(s / "intensity.npy").astype(np.float32) for s in shards])
    visible = np.concatenate([np.load(s / "visible.npy") for s in shards]).astype(bool)
    intensity[np.broadcast_to(~visible[:, None], intensity.shape)] = np.nan
    chips = ShardedChips([np.load(s / "chips.npy", mmap_mode="r") for s in shards])
    landmarks = np.concatenate([np.load(s / "landmarks.npy").astype(np.float32) for s in shards])
    person = people[np.concatenate([np.load(s / "person.npy") for s in shards])]
    return LabelledFaces(chips, landmarks, intensity, person)  # type: ignore[arg-type]


class ShardedChips:
    """Several memory-mapped arrays of chips read as one."""

    def __init__(self, shards: list[NDArray[np.uint8]]) -> None:
        self.shards = shards
        self.starts = np.cumsum([0, *(len(s) for s in shards)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, index: int | NDArray) -> NDArray[np.uint8]:
        """One chip for an int, (k, S, S, 3) for an index array or a mask."""
        if isinstance(index, (int, np.integer)):
            shard = int(np.searchsorted(self.starts, index, side="right")) - 1
            return self.shards[shard][index - self.starts[shard]]
        index = np.asarray(index)
        rows = np.flatnonzero(index) if index.dtype == bool else index
        return np.stack([self[int(i)] for i in rows])


def load_coded_photos(data: str | Path, cache: str | Path, split: str) -> LabelledFaces:
    """Photos of DATA/faces with codes of DATA/faces/codes.csv, for one split of people (train, val, dev).

    Faces are found once and kept in `cache` (.npz). The photos' codes have no side: both sides get the code. A photo in
    which no face is found is left out and logged.
    """
    data, cache = Path(data), Path(cache)
    if not cache.is_file():
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(str(cache), **_read_coded_photos(data))
    with np.load(cache) as table:
        columns = {name: table[name] for name in table.files}
    faces = LabelledFaces(
        columns.pop("chips"),
        columns.pop("landmarks"),
        columns.pop("intensity"),
        columns.pop("person"),
        columns,
    )
    return faces.subset(faces.groups["split"] == split)


def read_catalogue(data: Path) -> list[dict[str, str]]:
    """Rows of DATA/faces/faces.csv joined with the codes, `split` replaced by train, val or dev."""
    folder = data / "faces"
    if not (folder / "codes.csv").is_file():
        raise DataError(
            f"There are no coded photos at {folder}: codes.csv was not found. Give the data folder by --data."
        )
    with (folder / "faces.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    joined = []
    with (folder / "codes.csv").open(newline="", encoding="utf-8") as file:
        for codes in csv.DictReader(file):
            row = rows[codes["file"]] | codes
            joined.append(row | {"split": person_split(row["person"], codes["split"])})
    return joined


def row_codes(row: dict[str, str]) -> NDArray[np.float32]:
    """(A,) intensity 0-5 of a catalogue row, NaN where the coders did not settle."""
    return np.array([float(row[f"AU{n}"]) if row[f"AU{n}"] else np.nan for n in AU_NUMBERS], np.float32)


def _read_coded_photos(data: Path) -> dict[str, NDArray]:
    from vlfau.alignment import chip_landmarks, chip_transform, make_chip
    from vlfau.finder import MediaPipeFinder
    from vlfau.images import read_image

    finder = MediaPipeFinder()
    kept, chips, landmarks, codes = [], [], [], []
    for row in read_catalogue(data):
        image = read_image(data / "faces" / row["file"])
        faces = finder.find(image)
        if not faces:
            log.warning("no face found in %s", row["file"])
            continue
        points = faces[0].landmarks_px
        chips.append(make_chip(image, chip_transform(points, STORED_CHIP_PX), STORED_CHIP_PX))
        landmarks.append(chip_landmarks(points))
        codes.append(np.stack([row_codes(row)] * 2))
        kept.append(row)
    names = ("person", "split", "gender", "age", "ethnicity", "pose")
    columns = {name: np.array([row[name] for row in kept]) for name in names}
    columns["photo"] = np.array([row["file"] for row in kept])
    return columns | {
        "chips": np.stack(chips),
        "landmarks": np.stack(landmarks),
        "intensity": np.stack(codes),
    }
