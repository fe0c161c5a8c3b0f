"""What waits for a reviewer: the items of one state, each with the reason why it is there."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text

from db.answer_tables import AnswerRow, Response
from db.answers import stands
from db.projects import project_row
from db.roles import Actor
from db.store import Store, Work
from db.tables import CLOSED, Item
from db.values import ItemState, Occurrence, Status

REVIEWED = (ItemState.DISPUTED, ItemState.AGREED, ItemState.SETTLED, ItemState.GOLD, ItemState.SET_ASIDE)
"""States that a reviewer can look through, the most urgent first."""

MANY = 1000
"""Counting stops here: nobody needs to know how much more it is, and counting a million rows takes its time."""


@dataclass(frozen=True)
class ListedItem:
    """One line of a reviewer's list."""

    item_id: int
    answers: int
    """That stand now."""
    wanted: int
    skips: int
    contradicted: tuple[int, ...]
    """Action units that are present for one and absent for another."""


def listed_items(
    store: Store, actor: Actor, project_id: int, state: ItemState = ItemState.DISPUTED, limit: int = 50
) -> list[ListedItem]:
    """The items of a state other than open, those worth most first."""
    with store.reading(actor, "review") as work:
        project_row(work, project_id)
        query = select(Item).where(Item.project_id == project_id, text(CLOSED), Item.state == state)
        items = work.scalars(query.order_by(Item.priority.desc(), Item.id.desc()).limit(limit)).all()
        contradicted = _contradicted(work, [item.id for item in items])
        return [
            ListedItem(item.id, item.answers, item.wanted, item.skips, tuple(contradicted[item.id]))
            for item in items
        ]


def count_items(store: Store, actor: Actor, project_id: int) -> dict[ItemState, int]:
    """How many items there are of each state that is reviewed, at most `MANY`."""
    with store.reading(actor, "review") as work:
        project_row(work, project_id)
        counts = {}
        for state in REVIEWED:
            some = select(Item.id).where(Item.project_id == project_id, text(CLOSED), Item.state == state)
            counts[state] = work.scalar(select(func.count()).select_from(some.limit(MANY).subquery())) or 0
        return counts


def _contradicted(work: Work, item_ids: Sequence[int]) -> defaultdict[int, list[int]]:
    """Item id -> action units that are present for one and absent for another."""
    query = (
        select(Response.item_id, AnswerRow.number)
        .join(AnswerRow, AnswerRow.response_id == Response.id)
        .where(Response.item_id.in_(item_ids), Response.status == Status.SUBMITTED, stands())
        .where(AnswerRow.occurrence.in_((Occurrence.PRESENT, Occurrence.ABSENT)))
        .group_by(Response.item_id, AnswerRow.number)
        .having(func.count(AnswerRow.occurrence.distinct()) > 1)
        .order_by(Response.item_id, AnswerRow.number)
    )
    found: defaultdict[int, list[int]] = defaultdict(list)
    for item_id, number in work.execute(query):
        found[item_id].append(number)
    return found
