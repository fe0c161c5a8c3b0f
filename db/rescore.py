"""Works out anew how rare each action unit is in a project, and the priority of everything that is still open."""

from sqlalchemy import Integer, cast, func, select

from db.answer_tables import AnswerRow, Response
from db.answers import answers_of, predicted_units, standing, votes
from db.priority import priority, rarity_weights
from db.projects import project_row
from db.roles import Actor
from db.store import Store, Work
from db.tables import Item, PredictedUnitRow
from db.values import ItemState, Occurrence, Status
from vlfau.action_units import AU_NUMBERS

_AT_ONCE = 500
"""Items per transaction, so that annotators do not wait."""


def rescore(store: Store, actor: Actor, project_id: int) -> int:
    """Do so; returns how many items were looked at. Worth it after many new photos or answers."""
    with store.unit_of_work(actor, "rescore") as work:
        project = project_row(work, project_id)
        rarity = rarity_weights(_counts(work, project_id))
        project.rarity = {str(number): weight for number, weight in rarity.items()}
    done, last = 0, 0
    while True:
        with store.unit_of_work(actor, "rescore") as work:
            here = select(Item).where(
                Item.project_id == project_id, Item.state == ItemState.OPEN, Item.id > last
            )
            items = work.scalars(here.order_by(Item.id).limit(_AT_ONCE).with_for_update()).all()
            for item in items:
                if item.prediction_id is not None:
                    units = predicted_units(work, item.prediction_id)
                    said = answers_of(work, standing(work, item.id)).values() if item.answers else ()
                    item.priority = priority(units, votes(said), rarity)
        if not items:
            return done
        done, last = done + len(items), items[-1].id


def _counts(work: Work, project_id: int) -> dict[int, tuple[int, int]]:
    """Number -> how often it is present and absent, to models and people."""
    unit = PredictedUnitRow
    active = func.sum(cast(unit.probability >= unit.threshold, Integer))
    predicted = (
        select(unit.number, active, func.count())
        .join(Item, Item.prediction_id == unit.prediction_id)
        .where(Item.project_id == project_id)
        .group_by(unit.number)
    )
    present = func.sum(cast(AnswerRow.occurrence == Occurrence.PRESENT, Integer))
    said = (
        select(AnswerRow.number, present, func.count())
        .join(Response, Response.id == AnswerRow.response_id)
        .where(Response.project_id == project_id, Response.status == Status.SUBMITTED)
        .where(AnswerRow.occurrence.in_((Occurrence.PRESENT, Occurrence.ABSENT)))
        .group_by(AnswerRow.number)
    )
    counts = dict.fromkeys(AU_NUMBERS, (0, 0))
    for query in (predicted, said):
        for number, there, of in work.execute(query):
            before = counts[number]
            counts[number] = (before[0] + int(there), before[1] + int(of - there))
    return counts
