"""Corrections: what people agreed on about the faces in the store, ready to be trained on or measured with.

Letters: n faces, A action units. Nothing in here changes the store.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from db.answer_tables import Gold
from db.content import sha256_of
from db.errors import StoreError
from db.projects import list_projects
from db.records import CODES, Row, records
from db.roles import OPERATOR
from db.rows import in_parts
from db.store import Store, Work
from db.tables import FaceRow
from db.values import Consent, ItemState
from finetune.annotated_faces import AnnotatedFaces, Written
from finetune.faces import LabelledFaces
from vlfau.action_units import AU_NUMBERS, by_number
from vlfau.alignment import chip_landmarks, chip_transform, make_chip
from vlfau.errors import DataError

AGREED = (ItemState.AGREED, ItemState.SETTLED, ItemState.GOLD)
"""States of an item whose labels are believed; open ones wait, and disputed ones unless a run says otherwise."""
SURE = (0.3, 0.7)
"""Soft labels below the first and above the second contradict each other."""
NAMED = 5
"""How many damaged files a message names."""


@dataclass(frozen=True)
class Correction:
    """What holds of one face."""

    face: int
    project: int
    person: str
    """Of the photo's subject code: `P12`."""
    sha256: str
    """Of the photo."""
    learnable: bool
    """Neither gold nor blind: those only ever measure."""
    gold: bool
    blind: bool
    yaw_deg: float
    landmarks_px: NDArray[np.float32]
    """(478, 3)"""
    occurrence: NDArray[np.float32]
    """(A,) soft label 0-1; NaN where nobody answered, or all were unsure or saw nothing."""
    intensity: NDArray[np.float32]
    """(2, A) the person's left and right, 0-5; NaN where nobody rated it."""
    written: Written


@dataclass(frozen=True)
class Corrections:
    """All of one store, or of one of its projects."""

    all: tuple[Correction, ...]
    waiting: dict[str, int]
    """State -> faces that are judged and not agreed on."""

    def __len__(self) -> int:
        return len(self.all)

    def column(self, name: str) -> NDArray:
        """One field of every correction, (n, ...)."""
        return np.array([getattr(one, name) for one in self.all])

    @property
    def digest(self) -> str:
        """sha256 over every label, sentence and photo: two runs with the same one saw the same corrections."""
        made = hashlib.sha256()
        for one in self.all:
            made.update(f"{one.project}/{one.face}/{one.person}/{one.sha256}/{one.learnable}".encode())
            for array in (one.landmarks_px, one.occurrence, one.intensity):
                made.update(array.astype("<f4").tobytes())
            made.update(json.dumps([sorted(one.written.units.items()), one.written.description]).encode())
        return made.hexdigest()


def read_corrections(store: Store, project: str | None = None, disputed: bool = False) -> Corrections:
    """What people agreed on in a project, or in all. Raises `DataError` when there is nothing, and says what waits.

    With `disputed`, faces on which they contradict each other do not wait for a reviewer.
    """
    found: list[Correction] = []
    waiting: Counter[str] = Counter()
    for number in _projects(store, project):
        with store.reading(OPERATOR, "export") as work:
            said = records(work, number, Consent.ANNOTATE)
            brought = _known_from_the_start(work)
            judged = [row for row in said.faces if row["item"] not in brought]
            agreed = [row for row in judged if _is_learnt_from(row, disputed)]
            waiting.update(row["state"] for row in judged if not _is_learnt_from(row, disputed))
            landmarks = _landmarks(work, [row["face"] for row in agreed])
        sides = _sides(said.answers)
        found += [_correction(number, row, landmarks[row["face"]], sides) for row in agreed]
    corrections = Corrections(tuple(sorted(found, key=lambda one: (one.project, one.face))), dict(waiting))
    if not any(one.learnable for one in found):
        raise DataError(
            f"There are no corrections to train on. Found {len(found)} faces that people agree on, all of them known "
            f"or blind ones that only measure, and {_listed(waiting)} that wait. Collect answers, and let a reviewer "
            "settle what is disputed."
        )
    return corrections


def _known_from_the_start(work: Work) -> set[int]:
    """Items whose known answer came with the photo and is no reviewer's, as in the project that an empty store begins
    with: nobody corrected those."""
    return set(work.scalars(select(Gold.item_id).where(Gold.reviewer_id.is_(None))))


def _is_learnt_from(row: Row, disputed: bool) -> bool:
    """Whether a face's labels are believed; one that was only skipped is disputed as well, and waits."""
    if row["state"] == ItemState.DISPUTED:
        return disputed and max(row[f"{code}_n"] or 0 for code in CODES.values()) > 1
    return row["state"] in AGREED


def _listed(waiting: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(waiting.items())) or "none"


def _projects(store: Store, name: str | None) -> list[int]:
    known = list_projects(store, OPERATOR)
    chosen = [number for number, settings in known.items() if name in (None, settings.name)]
    if not chosen:
        names = ", ".join(f"'{settings.name}'" for settings in known.values()) or "none"
        raise DataError(
            f"There is no such project. '{name or 'any'}' was asked for, the store has {names}. Name one of these, or "
            "make one: python -m db project"
        )
    return chosen


def _landmarks(work: Work, faces: Sequence[int]) -> dict[int, NDArray[np.float32]]:
    found = {}
    for part in in_parts(faces, 500):
        query = select(FaceRow.id, FaceRow.landmarks).where(FaceRow.id.in_(part))
        for number, data in work.execute(query):
            found[number] = np.frombuffer(data, "<f4").reshape(-1, 3).astype(np.float32)
    return found


def _sides(answers: Iterable[Row]) -> dict[tuple[int, int], str]:
    """(item, action unit) -> the side that most of those named who said present; missing without any."""
    named: defaultdict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for row in answers:
        for number, code in CODES.items():
            if row[f"{code}_side"]:
                named[row["item"], number][row[f"{code}_side"]] += 1
    return {place: counts.most_common(1)[0][0] for place, counts in named.items()}


def _correction(
    project: int, row: Row, landmarks: NDArray[np.float32], sides: dict[tuple[int, int], str]
) -> Correction:
    occurrence = np.array([_number(row[code]) for code in CODES.values()], np.float32)
    peak = np.array([_number(row[f"{code}_intensity"]) for code in CODES.values()], np.float32)
    intensity = np.stack([peak, peak])
    for index, number in enumerate(AU_NUMBERS):
        side = sides.get((row["item"], number))
        if side in ("left", "right") and occurrence[index] > 0.5 and by_number(number).has_sides:
            intensity[int(side == "left"), index] = 0.0  # the other side is at rest
    texts = {index: row[f"{code}_text"] for index, code in enumerate(CODES.values()) if row[f"{code}_text"]}
    return Correction(
        face=row["face"],
        project=project,
        person=row["person"],
        sha256=row["sha256"],
        learnable=not (row["gold"] or row["blind"]),
        gold=bool(row["gold"]),
        blind=bool(row["blind"]),
        yaw_deg=float(row["pose_yaw"]),
        landmarks_px=landmarks,
        occurrence=occurrence,
        intensity=intensity,
        written=Written(texts, row["description"] or ""),
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


# ---- photos


@dataclass(frozen=True)
class Damaged:
    """A photo that cannot be used."""

    sha256: str
    reason: str


def read_chips(
    store: Store, corrections: Sequence[Correction], side: int, workers: int = 4
) -> Iterator[NDArray[np.uint8] | Damaged]:
    """The chip (side, side, 3) of each correction in order, or what is wrong with its photo; each is decoded once."""

    def chip(one: Correction) -> NDArray[np.uint8] | Damaged:
        try:
            image = store.images.read(one.sha256)
        except StoreError as error:
            return Damaged(one.sha256, str(error))
        if sha256_of(image) != one.sha256:
            return Damaged(one.sha256, "its pixels are not those that were stored")
        return make_chip(image, chip_transform(one.landmarks_px, side), side)

    with ThreadPoolExecutor(workers) as pool:
        for part in in_parts(corrections, 16 * workers):
            yield from pool.map(chip, part)


def refuse_damaged(damaged: Sequence[Damaged], path_of: Callable[[str], object]) -> None:
    """Raises `DataError` that names the damaged photos, if there are any."""
    if damaged:
        names = ", ".join(str(path_of(one.sha256)) for one in damaged[:NAMED])
        more = f" and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
        raise DataError(
            f"{len(damaged)} photos of the store cannot be read. Damaged or missing: {names}{more}. Bring them back "
            "from a backup (python -m db restore), or train without them: "
            '"skip_damaged_photos": true in the configuration.'
        )


def as_faces(corrections: Corrections) -> AnnotatedFaces:
    """Labels and landmarks of all corrections as arrays, without chips; a row for each."""
    points = np.stack([chip_landmarks(one.landmarks_px) for one in corrections.all])
    groups = {
        name: corrections.column(name) for name in ("face", "sha256", "learnable", "gold", "blind", "yaw_deg")
    }
    none = np.zeros((len(corrections), 0, 0, 3), np.uint8)
    faces = LabelledFaces(none, points, corrections.column("intensity"), corrections.column("person"), groups)
    return AnnotatedFaces(
        faces, corrections.column("occurrence"), tuple(one.written for one in corrections.all)
    )


# ---- what cannot be learnt from


def mask_contradictions(occurrence: NDArray[np.float32], same: Iterable[tuple[int, int]]) -> int:
    """Mask in place, in (n, A) soft labels, what two copies of one photo say against each other; returns how many."""
    against = np.zeros(occurrence.shape, bool)
    for a, b in same:
        opposed = (np.fmax(occurrence[a], occurrence[b]) > SURE[1]) & (
            np.fmin(occurrence[a], occurrence[b]) < SURE[0]
        )
        against[[a, b]] |= opposed
    occurrence[against] = np.nan
    return int(against.sum())


def refuse_unlearnable(labels: NDArray[np.float64], contradicted: int) -> None:
    """Raises `DataError` unless (n, A) labels of the people trained on show some action unit present and absent."""
    known = int((~np.isnan(labels)).sum())
    if not known and contradicted:
        raise DataError(
            f"The corrections contradict each other. All of the {contradicted} labels that could be trained on say the "
            "opposite of another copy of the same photo. Let a reviewer settle these faces, then train again."
        )
    if not known:
        raise DataError(
            "The corrections say nothing. No action unit of the people to train on was called present or absent; "
            "unsure and not visible teach nothing. Collect answers."
        )
    present, absent = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    if not ((present > 0) & (absent > 0)).any():
        only = ", ".join(
            f"{code} {'present' if yes else 'absent'} {yes + no} times"
            for code, yes, no in zip(CODES.values(), present.tolist(), absent.tolist(), strict=True)
            if yes + no
        )
        raise DataError(
            f"The corrections show one class only. Found {only}. A model would learn to say the same of everybody: "
            "collect faces with and without at least one of these action units."
        )
