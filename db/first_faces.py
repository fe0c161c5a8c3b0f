"""A project that begins with faces: the project, its photos and its known answers, all of it or nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from db.answer_tables import Gold, GoldUnit
from db.errors import Conflict
from db.photos import put_image, put_item
from db.projects import ProjectSettings, put_project
from db.responses import unit_columns
from db.roles import Actor
from db.store import Store, Work
from db.tables import Item, Project
from db.values import Answer, Consent, ItemState, SaidOfFace


@dataclass(frozen=True, eq=False)
class FirstFace:
    """A photo of one face."""

    image: NDArray[np.uint8]
    """Upright RGB, (H, W, 3)."""
    said: SaidOfFace
    """What a model says of it."""
    subject_code: str
    source: str
    known: Answer | None = None
    """The answer, when it is a known face."""


def begin_project(store: Store, actor: Actor, settings: ProjectSettings, faces: Sequence[FirstFace]) -> int:
    """The first project of a store, with faces that may be published; returns its id.

    Of the faces without a known answer the project's blind share, rounded up, is drawn to be blind: a draw for each
    face might leave a small project without any.

    Raises `Conflict` when there is a project, so that of several processes that start on an empty store one does it.
    """
    files = [store.images.add(face.image) for face in faces]
    with store.unit_of_work(actor, "add_project") as work:
        if work.scalars(select(Project.id).limit(1)).first() is not None:
            raise Conflict("There is a project already. The store is not empty. Add faces to that one.")
        project = put_project(work, settings)
        unknown = [face for face in faces if face.known is None]
        blind = work.random.sample(unknown, math.ceil(settings.blind_share * len(unknown)))
        for face, (sha256, size_bytes) in zip(faces, files, strict=True):
            photo = (face.image, sha256, size_bytes)
            image = put_image(work, *photo, Consent.PUBLISH, face.subject_code, face.source)
            item = put_item(work, project, image, face.said)
            item.blind = face in blind
            if face.known is not None:
                _make_known(work, item, face.known, face.source)
        return project.id


def _make_known(work: Work, item: Item, known: Answer, note: str) -> None:
    reviewer = work.actor.annotator_id
    gold = Gold(item_id=item.id, reviewer_id=reviewer, description=known.description, note=note, at=work.now)
    work.add(gold)
    work.flush()
    work.add_all(GoldUnit(gold_id=gold.id, **columns) for columns in unit_columns(known))
    item.state = ItemState.GOLD
