"""Whose marks differed from what the model had said, and on which action units: what people brought to a version."""

from collections.abc import Collection

from sqlalchemy import func, select, text

from db.answer_tables import AnswerRow, Response
from db.answers import stands
from db.roles import Actor
from db.rows import in_parts
from db.store import Store
from db.tables import CLOSED, Annotator, FaceRow, Image, Item, PredictedUnitRow
from db.values import ItemState, Occurrence, Status

_AT_ONCE = 500


def contributions(store: Store, actor: Actor, people: Collection[str]) -> dict[str, dict[int, int]]:
    """Pseudonym -> number of the action unit -> marks that differ from the model's.

    Counted are the answers that stand, on agreed and settled faces of `people` (codes like `P12`) that were not blind:
    with the people a version was trained on, what it learnt from.
    """
    subjects = sorted(int(code.removeprefix("P")) for code in people)
    said, unit = AnswerRow.occurrence, PredictedUnitRow
    model_says_so = unit.probability >= unit.threshold
    query = (
        select(Annotator.pseudonym, AnswerRow.number, func.count())
        .join(Response, Response.id == AnswerRow.response_id)
        .join(Annotator, Annotator.id == Response.annotator_id)
        .join(Item, Item.id == Response.item_id)
        .join(FaceRow, FaceRow.id == Item.face_id)
        .join(Image, Image.id == FaceRow.image_id)
        .join(unit, (unit.prediction_id == Response.prediction_id) & (unit.number == AnswerRow.number))
        .where(text(CLOSED), Item.state.in_((ItemState.AGREED, ItemState.SETTLED)), Item.blind.is_(False))
        .where(Response.status == Status.SUBMITTED, stands())
        .where(
            ((said == Occurrence.PRESENT) & ~model_says_so) | ((said == Occurrence.ABSENT) & model_says_so)
        )
        .group_by(Annotator.pseudonym, AnswerRow.number)
    )
    found: dict[str, dict[int, int]] = {}
    with store.reading(actor, "models") as work:
        for part in in_parts(subjects, _AT_ONCE):
            for pseudonym, number, count in work.execute(query.where(Image.subject_id.in_(part))):
                units = found.setdefault(pseudonym, {})
                units[number] = units.get(number, 0) + count
    return found
