"""The values that go into the store and come out of it: answers of people, predictions of models, tasks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np

from db.errors import StoreError
from db.text import MAX_DESCRIPTION, MAX_SENTENCE, clean_text
from vlfau.action_units import by_number
from vlfau.errors import LabelError
from vlfau.faces import Face

MAX_SECONDS = 86_400.0
"""Longest time on one face that is believed, in seconds: a day."""


class Occurrence(StrEnum):
    """What a person says of one action unit."""

    PRESENT = "present"
    ABSENT = "absent"
    UNSURE = "unsure"
    NOT_VISIBLE = "not_visible"


class Side(StrEnum):
    """Where a present action unit is seen; left and right are the person's own."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"


class Consent(StrEnum):
    """What the person in the photo agreed to; the second includes the first."""

    ANNOTATE = "annotate"
    PUBLISH = "publish"


class ItemState(StrEnum):
    """Where an item stands."""

    OPEN = "open"
    """More answers are wanted."""
    AGREED = "agreed"
    """Enough answers, and no action unit is present for one and absent for another."""
    DISPUTED = "disputed"
    """Enough answers, and they contradict each other; or as many skipped it as answers are wanted."""
    SETTLED = "settled"
    """A reviewer adjudicated it."""
    GOLD = "gold"
    """The answer is known; everybody may be asked once."""
    SET_ASIDE = "set_aside"
    """A reviewer took it out: not usable."""
    WITHDRAWN = "withdrawn"
    """The person in the photo withdrew consent."""


class Status(StrEnum):
    """Of a response."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    DISCARDED = "discarded"
    """Skipped, with a reason."""


class ChosenBy(StrEnum):
    """Why an item was handed out; only `random` ones are an honest sample of the pool."""

    PRIORITY = "priority"
    RANDOM = "random"
    GOLD = "gold"
    OWN = "own"
    """The person came back to it: undo, or an answer that was left unfinished."""


class Outcome(StrEnum):
    """How a lease ended."""

    SUBMITTED = "submitted"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    PUT_BACK = "put_back"


@dataclass(frozen=True)
class UnitAnswer:
    """What a person says of one action unit; raises `LabelError` or `TextError` for what cannot be."""

    number: int
    """Of FACS, in the table."""
    occurrence: Occurrence | None = None
    """None: not answered, only the sentence was edited."""
    intensity: int | None = None
    """1 to 5 (A to E), only when present; None: present, but not rated."""
    side: Side | None = None
    """Only when present; None: not said."""
    text: str | None = None
    """Sentence about it that the person typed; None: none, what the page says by itself is not kept."""

    def __post_init__(self) -> None:
        unit = by_number(self.number)
        object.__setattr__(
            self, "occurrence", _member(Occurrence, self.occurrence, f"an answer to {unit.label}")
        )
        object.__setattr__(self, "side", _member(Side, self.side, f"a side of {unit.label}"))
        object.__setattr__(
            self, "text", clean_text(self.text, MAX_SENTENCE, f"The sentence about {unit.label}")
        )
        self._check_intensity(unit.label)
        if self.side in (Side.LEFT, Side.RIGHT) and not unit.has_sides:
            raise LabelError(f"{unit.label} has no sides. Found {str(self.side)!r}. Give 'both' or none.")
        if self.occurrence != Occurrence.PRESENT and (self.intensity or self.side):
            raise LabelError(
                f"Only a present action unit has an intensity or a side. {unit.label} is {self.occurrence or 'open'} "
                f"with intensity {self.intensity} and side {self.side}. Mark it present or leave both out."
            )

    def _check_intensity(self, label: str) -> None:
        value = self.intensity
        if value is not None and (isinstance(value, bool) or value not in (1, 2, 3, 4, 5)):
            raise LabelError(
                f"{label} cannot have this intensity. Found {value!r}. Use 1 to 5 for A to E, or none."
            )


def _member(kind: type[StrEnum], value: str | None, what: str) -> StrEnum | None:
    try:
        return None if value is None else kind(value)
    except ValueError as error:
        raise LabelError(f"This is not {what}. Found {value!r}. Use one of {', '.join(kind)}.") from error


@dataclass(frozen=True)
class Answer:
    """Everything a person says about one face."""

    units: tuple[UnitAnswer, ...] = ()
    """Touched action units only, in the table's order; the others are unanswered."""
    description: str | None = None
    """Sentence about the whole face that the person typed; None as of a unit's `text`."""
    seconds: float = 0.0
    """Time spent."""
    blind: bool = False
    """No prediction was shown, by the person's own choice; on a blind item it is so anyhow."""

    def __post_init__(self) -> None:
        units = tuple(
            sorted(
                (unit for unit in self.units if unit.occurrence or unit.text), key=lambda unit: unit.number
            )
        )
        numbers = [unit.number for unit in units]
        if len(set(numbers)) < len(numbers):
            raise LabelError(f"An action unit is answered twice. Found {numbers}. Answer each once.")
        object.__setattr__(self, "units", units)
        object.__setattr__(
            self, "description", clean_text(self.description, MAX_DESCRIPTION, "The description of the face")
        )
        if not (math.isfinite(self.seconds) and 0 <= self.seconds <= MAX_SECONDS):
            raise StoreError(
                f"The time spent cannot be right. Found {self.seconds} seconds. Give 0 to {MAX_SECONDS:.0f}."
            )

    @property
    def occurrences(self) -> dict[int, Occurrence]:
        """Number -> what is said, of those that were answered."""
        return {unit.number: unit.occurrence for unit in self.units if unit.occurrence}


@dataclass(frozen=True)
class PredictedUnit:
    """What a model said of one action unit."""

    number: int
    probability: float
    """Calibrated, 0-1."""
    threshold: float
    """From which it counts as present, 0-1."""
    intensity: float | None
    """0-5; None when not known."""
    text: str | None

    @property
    def active(self) -> bool:
        return self.probability >= self.threshold


@dataclass(frozen=True)
class Prediction:
    """What a model said of one face; it never changes."""

    id: int
    model_version: str
    description: str | None
    units: tuple[PredictedUnit, ...]
    has_evidence: bool = False
    """Whether there are maps of where the network looked, for `db.pictures.face_evidence`."""


class SaidOfUnit(Protocol):
    """What the store needs to know of one predicted action unit; `vlfau.predictor.ActionUnitPrediction` is one."""

    @property
    def number(self) -> int: ...
    @property
    def probability(self) -> float: ...
    @property
    def threshold(self) -> float: ...
    @property
    def intensity(self) -> float: ...
    @property
    def text(self) -> str | None: ...


class SaidOfFace(Protocol):
    """What the store needs to know of a prediction; `vlfau.predictor.FacePrediction` is one."""

    @property
    def face(self) -> Face: ...
    @property
    def action_units(self) -> Sequence[SaidOfUnit]: ...
    @property
    def description(self) -> str | None: ...
    @property
    def chip_transform(self) -> np.ndarray: ...
    @property
    def evidence(self) -> np.ndarray | None:
        """(A, G, G) maps over the chip, one for each of `action_units`."""

    @property
    def model_version(self) -> str: ...


@dataclass(frozen=True, eq=False)
class Task:
    """One face, handed to one person: everything a page needs to show, and nothing it must not know."""

    lease_id: int
    item_id: int
    project_id: int
    expires_at: datetime
    image: Path
    """The photo's file, upright RGB PNG."""
    face: Face
    chip_transform: np.ndarray
    """(2, 3) float64 similarity, photo px -> chip px."""
    prediction: Prediction | None
    """None on a blind item."""
    blind: bool
    draft: Answer | None
    """What this person saved and did not submit yet."""


@dataclass(frozen=True)
class PastResponse:
    """One line of a person's own history."""

    response_id: int
    item_id: int
    status: Status
    at: datetime
    reason: str | None
    answer: Answer
    can_reopen: bool
    """False when a reviewer closed it. Where the item stands is not said: whether it is known, or others disagree, must
    not sway anybody."""


@dataclass(frozen=True)
class BackupStanding:
    """How the running backup of a store stands."""

    place: str
    minutes: float
    sync: bool
    saved_at: datetime | None
    """The last round that went well; None when there was none since the start."""
    saved: int
    """The last event at the place."""
    error: str | None
    """Why the last round did not go well; None when it did."""
    branched: int
    """Events at the place that are of no store any more; see `db.generations`."""
    superseded: bool
    """Another program has taken over; nothing may be changed here any more."""
