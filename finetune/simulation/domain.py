"""The simulated domain as the program meets it: photos, what finder and base say of them, the truth, and who is who.

Letters: n photos, A action units, S stored chip side in px.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from finetune.annotated_faces import AnnotatedFaces
from finetune.faces import STORED_CHIP_PX, LabelledFaces
from finetune.simulation.camera import Camera
from finetune.simulation.pictures import Pictures
from vlfau.alignment import chip_landmarks, chip_transform, make_chip
from vlfau.faces import Face, FaceFinder, HeadPose

FACES = "faces.npz"


@dataclass(frozen=True, eq=False)
class Domain:
    """Photos in which the finder found a face."""

    photos: tuple[NDArray[np.uint8], ...]
    """(n) of (H, W, 3) RGB."""
    faces: tuple[Face, ...]
    intensity: NDArray[np.float32]
    """(n, 2, A) true, 0-5, NaN where nobody can tell."""
    person: NDArray[np.str_]
    """(n,)"""
    missed: int
    """Photos in which no face was found; they are left out."""

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def peak(self) -> NDArray[np.float32]:
        """(n, A) the stronger side's intensity."""
        return np.asarray(self.intensity.max(axis=1))

    def labelled(self, rows: NDArray[np.integer]) -> AnnotatedFaces:
        """Chips, landmarks and true labels of some photos, for measuring."""
        chips, points = [], []
        for row in rows.tolist():
            landmarks = self.faces[row].landmarks_px
            transform = chip_transform(landmarks, STORED_CHIP_PX)
            chips.append(make_chip(self.photos[row], transform, STORED_CHIP_PX))
            points.append(chip_landmarks(landmarks))
        labelled = LabelledFaces(np.stack(chips), np.stack(points), self.intensity[rows], self.person[rows])
        return AnnotatedFaces.of(labelled)


def photograph(pictures: Pictures, camera: Camera, finder: Callable[[], FaceFinder], cache: Path) -> Domain:
    """Take every picture with the camera and find its face; what was found is kept in the folder `cache`."""
    photos = [camera.photo(pictures.image(row), np.random.default_rng(row)) for row in range(len(pictures))]
    kept = cache / FACES
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        eyes = finder()
        found = [faces[0] if (faces := eyes.find(photo)) else None for photo in photos]
        _keep(kept, found)
    rows, known = _kept(kept)
    return Domain(
        tuple(photos[row] for row in rows.tolist()),
        known,
        pictures.intensity[rows],
        pictures.person[rows],
        len(pictures) - len(rows),
    )


def _keep(path: Path, found: list[Face | None]) -> None:
    faces = [(row, face) for row, face in enumerate(found) if face is not None]
    partial = path.with_suffix(".part.npz")
    np.savez(
        partial,
        row=np.array([row for row, _ in faces]),
        box=np.array([face.box_xyxy_px for _, face in faces]),
        score=np.array([face.score for _, face in faces]),
        pose=np.array([(f.pose.yaw_deg, f.pose.pitch_deg, f.pose.roll_deg) for _, f in faces]),
        landmarks=np.stack([face.landmarks_px for _, face in faces]),
    )
    partial.replace(path)


def _kept(path: Path) -> tuple[NDArray[np.int64], tuple[Face, ...]]:
    with np.load(path) as table:
        columns = [table[name] for name in ("box", "score", "landmarks", "pose")]
        rows = table["row"]
    faces = [
        Face(tuple(box.tolist()), float(score), landmarks, HeadPose(*pose.tolist()), ())
        for box, score, landmarks, pose in zip(*columns, strict=True)
    ]
    return rows, tuple(faces)


@dataclass(frozen=True)
class People:
    """Which of the domain's people are asked about, and which only measure."""

    pool: NDArray[np.int64]
    """Rows of photos that may come into the store, in a random order of people."""
    held_out: NDArray[np.int64]
    """Rows of the others'."""


def share_out(person: NDArray[np.str_], held_out: int, seed: int) -> People:
    """`held_out` people by a draw are never in a store; the others' photos are."""
    rng = np.random.default_rng([seed, 7])
    names = rng.permutation(sorted(set(person.tolist())))
    where = {name: number for number, name in enumerate(names.tolist())}
    place = np.array([where[name] for name in person.tolist()])
    pool = np.flatnonzero(place >= held_out)
    return People(pool[np.argsort(place[pool], kind="stable")], np.flatnonzero(place < held_out))


def replay_without(people: set[str], pack: Path, out: Path) -> Path:
    """The replay pack without some people, so that nobody of the domain measures the base; returns `out`."""
    table = pq.read_table(pack)
    keep = [name not in people for name in table.column("person").to_pylist()]
    pq.write_table(table.filter(pa.array(keep)), out, compression="zstd")
    return out
