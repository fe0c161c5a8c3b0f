"""Numbers about the store: how much there is, how far a project is, and how far one person."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select, text

from db.projects import no_project
from db.roles import Actor
from db.rows import TABLES
from db.store import Store, Work
from db.tables import CLOSED, Item, Membership, Project
from db.values import ItemState


@dataclass(frozen=True)
class OwnProgress:
    """How far one person is in a project."""

    submitted: int
    """By this person."""
    gold_items: int
    """Known faces this person answered; how well is for reviewers."""
    qualified: bool
    qualification_items: int
    """Known faces that everybody answers first; 0 for no qualification round."""


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


_OWN = (
    select(Project.qualification_items, Membership.submitted, Membership.gold_items, Membership.qualified_at)
    .outerjoin(
        Membership, (Membership.project_id == Project.id) & (Membership.annotator_id == bindparam("me"))
    )
    .where(Project.id == bindparam("project"))
)

DONE = (ItemState.AGREED, ItemState.DISPUTED, ItemState.SETTLED)


def progress(store: Store, actor: Actor, project_id: int) -> Progress:
    """How far a project is, and oneself in it."""
    own = own_progress(store, actor, project_id)
    with store.reading(actor, "progress") as work:
        return Progress(**vars(own), items=_by_state(work, project_id))


def own_progress(store: Store, actor: Actor, project_id: int) -> OwnProgress:
    """Oneself in a project: quick, however large the project is."""
    with store.reading(actor, "progress") as work:
        found = work.plain(_OWN, {"project": project_id, "me": actor.annotator_id}).first()
        if found is None:
            raise no_project(project_id)
        needed, submitted, gold_items, qualified_at = found
        return OwnProgress(submitted or 0, gold_items or 0, qualified_at is not None, needed)


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
