"""Reading answers back: rows of scored action units as values, and which responses stand now."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from db.answer_tables import AnswerRow, Response
from db.rows import in_parts
from db.store import Work
from db.tables import Item, PredictedUnitRow, PredictionRow
from db.values import Answer, Occurrence, PredictedUnit, Prediction, Status, UnitAnswer

_AT_ONCE = 500
"""Ids per query; SQLite and PostgreSQL both take more."""


def stands() -> ColumnElement[bool]:
    """Of a Response: nothing supersedes it."""
    later = aliased(Response)
    return ~select(later.id).where(later.supersedes == Response.id).exists()


# Statements of the busiest paths are made once: making one costs more than running it.
_STANDING = (
    select(Response)
    .where(Response.item_id == bindparam("item"), Response.status == Status.SUBMITTED, stands())
    .order_by(Response.id)
)
_HEAD = (
    select(Response)
    .where(Response.item_id == bindparam("item"), Response.annotator_id == bindparam("annotator"))
    .order_by(Response.id.desc())
    .limit(1)
)
_PREDICTED = (
    select(
        PredictedUnitRow.number,
        PredictedUnitRow.probability,
        PredictedUnitRow.threshold,
        PredictedUnitRow.intensity,
        PredictedUnitRow.text,
    )
    .where(PredictedUnitRow.prediction_id == bindparam("prediction"))
    .order_by(PredictedUnitRow.number)
)


_VOTES = (
    select(
        AnswerRow.number,
        func.count().filter(AnswerRow.occurrence == Occurrence.PRESENT),
        func.count().filter(AnswerRow.occurrence == Occurrence.ABSENT),
    )
    .join(Response, Response.id == AnswerRow.response_id)
    .where(Response.item_id == bindparam("item"), Response.status == Status.SUBMITTED, stands())
    .group_by(AnswerRow.number)
)


def standing(work: Work, item_id: int) -> list[Response]:
    """The submitted responses of an item that count now, oldest first."""
    return list(work.scalars(_STANDING, {"item": item_id}))


def head(work: Work, item_id: int, annotator_id: int) -> Response | None:
    """The latest response of one person to one item."""
    return work.scalars(_HEAD, {"item": item_id, "annotator": annotator_id}).first()


def answers_of(work: Work, responses: Sequence[Response]) -> dict[int, Answer]:
    """Response id -> what it says."""
    units = scored(work, AnswerRow.response_id, [response.id for response in responses])
    return {
        response.id: Answer(units[response.id], response.description, response.seconds, response.blind)
        for response in responses
    }


def scored(
    work: Work, owner: InstrumentedAttribute[int], ids: Iterable[int]
) -> defaultdict[int, tuple[UnitAnswer, ...]]:
    """Owner id -> scored action units, of the table of scored units that has this owner column."""
    found: defaultdict[int, list[UnitAnswer]] = defaultdict(list)
    for part in in_parts(sorted(ids), _AT_ONCE):
        for owner_id, number, *said in work.plain(_scored(owner), {"owners": part}):
            found[owner_id].append(UnitAnswer(number, *said))
    return defaultdict(tuple, {owner_id: tuple(units) for owner_id, units in found.items()})


@cache
def _scored(owner: InstrumentedAttribute[int]) -> Select[*tuple[Any, ...]]:
    unit = owner.parent.columns
    columns = (owner, unit.number, unit.occurrence, unit.intensity, unit.side, unit.text)
    return select(*columns).where(owner.in_(bindparam("owners", expanding=True))).order_by(owner, unit.number)


def votes(answers: Iterable[Answer]) -> dict[int, tuple[int, int]]:
    """Number -> how many said present and absent."""
    counts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for answer in answers:
        for number, occurrence in answer.occurrences.items():
            if occurrence in (Occurrence.PRESENT, Occurrence.ABSENT):
                counts[number][occurrence == Occurrence.ABSENT] += 1
    return {number: (present, absent) for number, (present, absent) in counts.items()}


def votes_on(work: Work, item_id: int) -> dict[int, tuple[int, int]]:
    """The same of what is said of an item, counted by the database."""
    return {row[0]: (row[1], row[2]) for row in work.plain(_VOTES, {"item": item_id}, flush=False)}


def prediction_of(work: Work, item: Item) -> Prediction | None:
    """The prediction that an item has."""
    row = work.get(PredictionRow, item.prediction_id) if item.prediction_id else None
    if row is None:
        return None
    units = predicted_units(work, row.id)
    return Prediction(row.id, row.model_version, row.description, units, row.evidence is not None)


def predicted_units(work: Work, prediction_id: int) -> tuple[PredictedUnit, ...]:
    """What a prediction says, in the table's order."""
    rows = work.plain(_PREDICTED, {"prediction": prediction_id}, flush=False)
    return tuple(PredictedUnit(*row) for row in rows)
