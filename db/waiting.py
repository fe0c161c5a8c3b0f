"""Agreed corrections that wait for a training run: how many faces, and what they say of each action unit.

Faces that people agree on count, and those that a reviewer settled; known (gold) and blind ones do not, since nothing
is trained on them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, or_, select, text

from db.answer_tables import AdjudicatedUnit, Adjudication, AnswerRow, Response
from db.answers import stands
from db.roles import Actor
from db.store import Store, Work
from db.tables import CLOSED, FaceRow, Image, Item, PredictedUnitRow, Project
from db.values import ItemState, Occurrence, Status
from vlfau.action_units import AU_NUMBERS


@dataclass(frozen=True)
class UnitWaiting:
    """What the faces say of one action unit; a face counts once."""

    number: int
    present: int
    absent: int
    against_model: int
    """Of these, where the model had said the opposite."""


@dataclass(frozen=True)
class Waiting:
    """What there is to learn from."""

    agreed: int
    """Faces in all."""
    people: int
    """Whose faces these are; subject codes that share a photo are one person in training, and count apart here."""
    new: int
    """Of these, judged or settled since the moment asked about."""
    units: tuple[UnitWaiting, ...]
    """In the table's order; of all agreed faces."""
    new_units: tuple[UnitWaiting, ...]
    """Of the new ones."""


def waiting(store: Store, actor: Actor, since: datetime | None = None, project: str | None = None) -> Waiting:
    """What waits, in one project or in all; `since` is when the last run looked, None: everything is new."""
    with store.reading(actor, "models") as work:
        learnable = _learnable(project)
        fresh = _fresh(since)
        return Waiting(
            _count(work, learnable),
            _people(work, learnable),
            _count(work, [*learnable, fresh]),
            _units(work, learnable),
            _units(work, [*learnable, fresh]),
        )


Conditions = list[ColumnElement[bool]]


def _learnable(project: str | None) -> Conditions:
    """Of an Item."""
    conditions: Conditions = [
        text(CLOSED),  # type: ignore[list-item]  # the words of the index
        Item.state.in_((ItemState.AGREED, ItemState.SETTLED)),
        Item.blind.is_(False),
    ]
    if project is not None:
        conditions.append(Item.project_id.in_(select(Project.id).where(Project.name == project)))
    return conditions


def _fresh(since: datetime | None) -> ColumnElement[bool]:
    """Of an Item: something was said of it after that moment."""
    if since is None:
        return Item.id.is_not(None)
    said = select(Response.item_id).where(Response.status == Status.SUBMITTED, Response.at > since)
    settled = select(Adjudication.item_id).where(Adjudication.at > since)
    return or_(Item.id.in_(said), Item.id.in_(settled))


def _count(work: Work, conditions: Conditions) -> int:
    return work.scalar(select(func.count()).select_from(Item).where(*conditions)) or 0


def _people(work: Work, conditions: Conditions) -> int:
    query = (
        select(func.count(Image.subject_id.distinct()))
        .select_from(Item)
        .join(FaceRow, FaceRow.id == Item.face_id)
        .join(Image, Image.id == FaceRow.image_id)
        .where(*conditions)
    )
    return work.scalar(query) or 0


def _units(work: Work, conditions: Conditions) -> tuple[UnitWaiting, ...]:
    """What people agree on where they do, what the reviewer laid down where one settled it."""
    counts = dict.fromkeys(AU_NUMBERS, (0, 0, 0))
    for number, *found in (*_agreed(work, conditions), *_settled(work, conditions)):
        before = counts[number]
        counts[number] = (before[0] + found[0], before[1] + found[1], before[2] + found[2])
    return tuple(UnitWaiting(number, *counts[number]) for number in AU_NUMBERS)


Counts = Iterable[tuple[int, int, int, int]]


def _agreed(work: Work, conditions: Conditions) -> Counts:
    said = AnswerRow.occurrence
    per_face = (
        select(AnswerRow.number, Item.id.label("item"), func.max(said).label("said"), Item.prediction_id)
        .select_from(Item)
        .join(Response, Response.item_id == Item.id)
        .join(AnswerRow, AnswerRow.response_id == Response.id)
        .where(*conditions, Item.state == ItemState.AGREED, Response.status == Status.SUBMITTED, stands())
        .where(said.in_((Occurrence.PRESENT, Occurrence.ABSENT)))
        .group_by(AnswerRow.number, Item.id, Item.prediction_id)
    ).subquery()
    return _counted(work, per_face.c.number, per_face.c.said, per_face.c.prediction_id)


def _settled(work: Work, conditions: Conditions) -> Counts:
    last = select(func.max(Adjudication.id)).group_by(Adjudication.item_id)
    said = AdjudicatedUnit.occurrence
    per_face = (
        select(AdjudicatedUnit.number, said.label("said"), Item.prediction_id)
        .select_from(Item)
        .join(Adjudication, Adjudication.item_id == Item.id)
        .join(AdjudicatedUnit, AdjudicatedUnit.adjudication_id == Adjudication.id)
        .where(*conditions, Item.state == ItemState.SETTLED, Adjudication.id.in_(last))
        .where(said.in_((Occurrence.PRESENT, Occurrence.ABSENT)))
    ).subquery()
    return _counted(work, per_face.c.number, per_face.c.said, per_face.c.prediction_id)


def _counted(
    work: Work, number: ColumnElement[int], said: ColumnElement[str], prediction: ColumnElement[int]
) -> Counts:
    """Rows of action unit, present, absent, against the model."""
    unit = PredictedUnitRow
    model = case(
        (unit.probability.is_(None), None),
        (unit.probability >= unit.threshold, str(Occurrence.PRESENT)),
        else_=str(Occurrence.ABSENT),
    )
    query = (
        select(
            number,
            func.count().filter(said == Occurrence.PRESENT),
            func.count().filter(said == Occurrence.ABSENT),
            func.count().filter(model != said),
        )
        .outerjoin(unit, (unit.prediction_id == prediction) & (unit.number == number))
        .group_by(number)
    )
    return [(row[0], row[1], row[2], row[3]) for row in work.execute(query)]
