"""A small laboratory for the tests of the store: a clock, photos, predictions, and short words for what people do."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from db.annotators import set_role, sign_in
from db.photos import keep_photo
from db.projects import ProjectSettings, add_project
from db.queue import next_item
from db.responses import submit
from db.roles import OPERATOR, Role
from db.values import Answer, Consent, UnitAnswer
from vlfau.action_units import AU_NUMBERS
from vlfau.faces import Face, HeadPose, QualityWarning


class Clock:
    """A clock that goes on when told."""

    def __init__(self):
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self):
        return self.now

    def tick(self, minutes):
        self.now += timedelta(minutes=minutes)


@dataclass
class SaidOfUnit:
    """One predicted action unit, as the network gives it."""

    number: int
    probability: float
    threshold: float = 0.5
    intensity: float = 2.0
    text: str | None = "The model says so."


@dataclass
class SaidOfFace:
    """A prediction, as the network gives it."""

    model_version: str = "small-1"
    probability: float = 0.5
    box: tuple = (4.0, 4.0, 40.0, 40.0)
    description: str | None = "The model describes the face."
    evidence: np.ndarray | None = None
    chip_transform: np.ndarray = field(default_factory=lambda: np.array([[1.5, 0.0, -4.0], [0.0, 1.5, -4.0]]))

    @property
    def face(self):
        landmarks = np.linspace(0, 40, 478 * 3, dtype=np.float32).reshape(478, 3)
        warning = QualityWarning("blur", "The face is not sharp. Take another photo.")
        return Face(self.box, 0.9, landmarks, HeadPose(5.0, -3.0, 1.0), (warning,))

    @property
    def action_units(self):
        return [SaidOfUnit(number, self.probability) for number in AU_NUMBERS]


def maps(seed: int = 0) -> np.ndarray:
    """Evidence of every action unit, (A, 8, 8), each summing to 1."""
    raw = np.random.default_rng(seed).random((len(AU_NUMBERS), 8, 8)).astype(np.float32)
    return raw / raw.sum((1, 2), keepdims=True)


def photo(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def marks(**occurrences: str) -> Answer:
    """`marks(AU12="present", AU4="absent")` as an answer."""
    units = tuple(UnitAnswer(int(code[2:]), state) for code, state in occurrences.items())
    return Answer(units, seconds=3.0)


class Lab:
    """A store with a project, and short words for what people do in it."""

    def __init__(self, store, clock, **settings):
        self.store = store
        self.clock = clock
        shares = dict(random_share=0.0, blind_share=0.0, gold_share=0.0)
        self.project = add_project(store, OPERATOR, ProjectSettings("faces", **(shares | settings)))

    def person(self, name, role=Role.ANNOTATOR):
        actor = sign_in(self.store, name).actor
        if role != Role.ANNOTATOR:
            set_role(self.store, OPERATOR, name, role)
        return actor

    def add(self, seed=0, probability=0.5, consent=Consent.PUBLISH, code=None, **prediction):
        """One photo with one face; returns the item's id."""
        said = [SaidOfFace(probability=probability, **prediction)]
        code = code or f"person-{seed}"
        return keep_photo(self.store, OPERATOR, self.project, photo(seed), said, consent, code, "test")[0]

    def next(self, actor):
        return next_item(self.store, actor, self.project)

    def answer(self, actor, **occurrences):
        """Take the next face and answer it; returns its item's id."""
        task = self.next(actor)
        submit(self.store, actor, task.lease_id, marks(**(occurrences or {"AU12": "present"})))
        return task.item_id
