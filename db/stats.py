"""Numbers about the store: how much there is, how far a project is, and how far one person."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text

from db.projects import project_row
from db.queue import membership_or_none
from db.roles import Actor
from db.rows import TABLES
from db.store import Store, Work
from db.tables import CLOSED, Item, Project
from db.values import ItemState


@dataclass(frozen=True)
class OwnProgress:
    """How far one person is in a project."""

    submitted: int
    """By this person."""
    gold_items: int
    """Known faces this person answered; how well is for reviewers."""
    qualified: bool


@dataclass(frozen=True)
class Progress(OwnProgress):
    """How far a project is, and the person who asks."""

    items: dict[str, int]
    """State -> items; every state is there."""

    @property
    def total(self) -> int:
        """Items that are meant to be finished."""
        return sum(self.items[state] for state in (*DONE, ItemState.OPEN))

    @property
    def done(self) -> int:
        """Of these, with all the answers they want."""
        return sum(self.items[state] for state in DONE)


DONE = (ItemState.AGREED, ItemState.DISPUTED, ItemState.SETTLED)


def progress(store: Store, actor: Actor, project_id: int) -> Progress:
    """How far a project is, and oneself in it."""
    own = own_progress(store, actor, project_id)
    with store.reading(actor, "progress") as work:
        return Progress(own.submitted, own.gold_items, own.qualified, _by_state(work, project_id))


def own_progress(store: Store, actor: Actor, project_id: int) -> OwnProgress:
    """Oneself in a project: quick, however large the project is."""
    with store.reading(actor, "progress") as work:
        project_row(work, project_id)
        member = membership_or_none(work, project_id)
        if member is None:
            return OwnProgress(0, 0, False)
        return OwnProgress(member.submitted, member.gold_items, member.qualified_at is not None)


def stats(store: Store, actor: Actor) -> dict[str, Any]:
    """Rows per table, and items per state of each project; admins only."""
    with store.reading(actor, "stats") as work:
        rows = {name: _count(work, name) for name in TABLES}
        names = work.execute(select(Project.id, Project.name).order_by(Project.id)).all()
        projects = {name: _by_state(work, project) for project, name in names}
    return {"rows": rows, "projects": projects}


def _count(work: Work, name: str) -> int:
    return work.scalar(select(func.count()).select_from(TABLES[name])) or 0


def _by_state(work: Work, project_id: int) -> dict[str, int]:
    here = Item.project_id == project_id
    total = work.scalar(select(func.count()).select_from(Item).where(here)) or 0
    closed = select(Item.state, func.count()).where(here, text(CLOSED)).group_by(Item.state)
    found: dict[str, int] = {row[0]: row[1] for row in work.execute(closed)}
    found[ItemState.OPEN] = total - sum(found.values())
    return {str(state): found.get(state, 0) for state in ItemState}
