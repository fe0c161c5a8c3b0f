"""A store with real faces to annotate, people who signed up, and short words for what the page sends."""

import shutil
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from sqlalchemy import text
from starlette.requests import Request

from db.annotators import list_annotators
from db.passwords import sign_up
from db.photos import keep_photo
from db.projects import ProjectSettings, add_project
from db.responses import history
from db.review import set_gold
from db.roles import OPERATOR
from db.store import Store
from db.values import Answer, Consent, UnitAnswer
from ui.annotate import AnnotateDesk
from ui.pictures import darkroom
from vlfau.action_units import AU_NUMBERS
from vlfau.alignment import chip_transform
from vlfau.faces import Face
from vlfau.sentences import UnitLabel, describe_face, describe_unit

PASSWORD = "a long password 42"
PEOPLE = ("Ada", "Bob")


def begin(folder):
    """An empty store in which PEOPLE have signed up: takes a while, so it is made once and copied."""
    store = Store.open(folder=folder)
    for name in PEOPLE:
        sign_up(store, name, PASSWORD)
    store.close()
    return folder / "vlfau.db"


def shrunk(image, face, by=4):
    """A photo and its face at a fraction of their size: a small photo is stored sooner."""
    small = cv2.resize(image, None, fx=1 / by, fy=1 / by, interpolation=cv2.INTER_AREA)
    box = tuple(value / by for value in face.box_xyxy_px)
    return small, replace(face, landmarks_px=face.landmarks_px / by, box_xyxy_px=box)


@dataclass
class SaidOfUnit:
    number: int
    probability: float
    threshold: float
    intensity: float
    text: str | None


@dataclass
class SaidOfFace:
    """What a model would say: these action units are present with these intensities, the others absent."""

    face: Face
    present: dict[int, float] = field(default_factory=lambda: {6: 3.0, 12: 4.0})
    model_version: str = "lab-1"
    evidence: np.ndarray | None = None

    @property
    def chip_transform(self):
        return chip_transform(self.face.landmarks_px)

    @property
    def description(self):
        return describe_face({number: UnitLabel(level) for number, level in self.present.items()})

    @property
    def action_units(self):
        return [self._unit(number) for number in AU_NUMBERS]

    def _unit(self, number):
        level = self.present.get(number, 0.0)
        label = UnitLabel(level) if level else None
        return SaidOfUnit(number, 0.9 if level else 0.1, 0.5, level, describe_unit(number, label))


class AnnotateLab:
    """Faces of one photo in different light, so that each is a photo of its own."""

    def __init__(self, folder, image, face, begun, **settings):
        folder.mkdir(parents=True)
        shutil.copy(begun, folder / "vlfau.db")
        self.store = Store(folder=folder)
        self.desk = AnnotateDesk(self.store)
        self.image, self.face = image, face
        shares = dict(random_share=0.0, blind_share=0.0, gold_share=0.0)
        self.project = add_project(self.store, OPERATOR, ProjectSettings("Lab", **(shares | settings)))
        self.shade = 0

    def add(self, count=1, **said):
        """That many faces; returns their items."""
        return [self._add(SaidOfFace(self.face, **said)) for _ in range(count)]

    def add_gold(self, count=1):
        items = self.add(count)
        for item in items:
            set_gold(self.store, OPERATOR, item, Answer((UnitAnswer(12, "present"), UnitAnswer(4, "absent"))))
        return items

    def _add(self, said):
        self.shade += 1
        image = np.clip(self.image.astype(np.int16) - self.shade, 0, 255).astype(np.uint8)
        code = f"person-{self.shade}"
        return keep_photo(self.store, OPERATOR, self.project, image, [said], Consent.PUBLISH, code, "test")[0]

    def close(self):
        darkroom(self.store).close()
        self.store.close()

    def person(self, name="Ada"):
        return next(one for one in list_annotators(self.store, OPERATOR) if one.name == name)

    def request(self, name="Ada"):
        """What the browser of that person sends, once they signed in."""
        session = {"annotator": self.person(name).id, "generation": 1}
        return Request({"type": "http", "session": session, "headers": []})

    def send(self, do, name="Ada", **message):
        return self.desk.act({"do": do, "project": self.project, **message}, self.request(name))

    def open(self, name="Ada"):
        """The face in hand."""
        return self.send("open", name)["task"]

    def history(self, name="Ada"):
        return history(self.store, self.person(name).actor, self.project)

    def count(self, table):
        with self.store._engine.connect() as connection:
            return connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar()


def marks(**occurrences):
    """`marks(AU12="present")` as the page sends it."""
    units = [{"number": int(code[2:]), "occurrence": state} for code, state in occurrences.items()]
    return {"units": units, "description": None, "seconds": 3, "blind": False}
