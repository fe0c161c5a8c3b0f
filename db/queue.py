"""The queue: which face a person gets next. docs/store.md explains the indexes that keep this quick."""

from sqlalchemy import BindParameter, Select, bindparam, func, or_, select, text

from db.answer_tables import Response
from db.answers import stands
from db.errors import NotQualified
from db.leases import locked_item, running, take, take_back_expired, task_of
from db.projects import project_row
from db.roles import Actor
from db.store import Store, Work
from db.tables import CLOSED, OPEN, UNFINISHED, Item, Lease, Membership, Project
from db.values import ChosenBy, ItemState, Status, Task

_NEAR = 256
"""Candidates that are looked at before the rest of the queue is."""
_PATIENCE = 3
"""How often PostgreSQL is asked to wait for the last items."""


# Statements are made once: making one costs more than running it. Parameters: project, me, near, key.
_ME: BindParameter[int] = bindparam("me")
_KEY: BindParameter[float] = bindparam("key")
_HERE = Item.project_id == bindparam("project")
_BEGUN = select(Response.id).where(Response.item_id == Item.id, Response.annotator_id == _ME)
_UNSEEN = ~_BEGUN.where(text("response.supersedes IS NULL")).exists()
"""The actor has neither answered nor skipped nor begun the item; every chain begins with one row per person."""


def _one(query: Select[int]) -> Select[int]:
    """The first of these, locked; what others have locked is as good as taken."""
    return query.limit(1).with_for_update(of=Item, skip_locked=True)


def _near(query: Select[int]) -> Select[int]:
    """The first of these that the actor has not seen, if it is among the next few."""
    return _one(query.where(Item.id.in_(query.limit(bindparam("near")).scalar_subquery()), _UNSEEN))


_STANDS_HERE = (
    select(Project, Membership)
    .outerjoin(Membership, (Membership.project_id == Project.id) & (Membership.annotator_id == _ME))
    .where(Project.id == bindparam("project"))
)
_OPEN = select(Item.id).where(_HERE, text(OPEN))
_BEST_FIRST = _OPEN.order_by(Item.priority.desc(), Item.id.desc())
_BEST_NEAR = _near(_BEST_FIRST)
_LIKELY = _BEST_FIRST.where(
    Item.id.in_(_BEST_FIRST.limit(bindparam("near")).scalar_subquery()), _UNSEEN
).limit(bindparam("count"))
_BEST_UNTOUCHED = _one(_BEST_FIRST.where(text("answers = 0"), _UNSEEN))
_BEST = _one(_BEST_FIRST.where(_UNSEEN))
_BEST_WAITING = _BEST_FIRST.where(_UNSEEN).limit(1).with_for_update(of=Item)
_RANDOM_ABOVE = _near(_OPEN.where(Item.random_key >= _KEY).order_by(Item.random_key))
_RANDOM_BELOW = _near(_OPEN.where(Item.random_key < _KEY).order_by(Item.random_key))
_KNOWN = _one(
    select(Item.id)
    .where(_HERE, text(CLOSED), Item.state == ItemState.GOLD, _UNSEEN)
    .order_by(func.abs(Item.random_key - _KEY))
)
_FINISHED = select(Response.id).where(
    Response.item_id == Lease.item_id, Response.annotator_id == _ME, Response.status != Status.DRAFT, stands()
)
_UNFINISHED = _one(
    select(Item.id)
    .join(Lease, Lease.item_id == Item.id)
    .where(Lease.annotator_id == _ME, Lease.project_id == bindparam("project"), text(UNFINISHED))
    .where(or_(text(f"({OPEN})"), Item.state == ItemState.GOLD), ~_FINISHED.exists())
    .order_by(Lease.id.desc())
)


def next_item(store: Store, actor: Actor, project_id: int) -> Task | None:
    """The face that this person is to answer now; None when there is none for them at the moment.

    Who has a face in hand gets that one again (a reload loses nothing), and who left one unfinished comes back to it
    while it has a place. Otherwise, by chance and in the project's shares: a known face, a random one, or the one of
    highest priority. Nobody gets a face that they answered or skipped. Raises `NotQualified` when the qualification
    round is over and was not passed.
    """
    with store.unit_of_work(actor, "next_item") as work:
        work.execute(
            _STANDS_HERE, {"project": project_id, "me": work.annotator_id}
        ).first()  # both in one question
        project = project_row(work, project_id)
        take_back_expired(work)
        lease = running(work, project_id) or _resume(work, project_id) or _hand_out(work, project)
    if lease is None:
        return None
    with store.reading(actor, "next_item") as work:  # outside of the transaction that others wait for
        return task_of(work, lease)


def likely_items(work: Work, project_id: int, count: int) -> list[int]:
    """The open items of highest priority that the actor has not seen, for getting ready; nothing is handed out."""
    return list(
        work.scalars(_LIKELY, {"project": project_id, "me": work.annotator_id, "near": _NEAR, "count": count})
    )


def membership(work: Work, project_id: int) -> Membership:
    """How the actor stands in a project; begins with nothing."""
    member = membership_or_none(work, project_id)
    if member is None:
        member = Membership(
            project_id=project_id,
            annotator_id=work.annotator_id,
            submitted=0,
            gold_items=0,
            gold_scored=0,
            gold_right=0,
            qualified_at=None,
        )
        work.add(member)
        work.flush()
    return member


def membership_or_none(work: Work, project_id: int) -> Membership | None:
    """The same, None for a person who has not begun, and for the operator."""
    key = {"project_id": project_id, "annotator_id": work.actor.annotator_id}
    return None if work.actor.annotator_id is None else work.get(Membership, key)


def is_qualified(work: Work, project: Project, member: Membership) -> bool:
    """Whether the qualification round is passed, or there is none."""
    if member.qualified_at is None:
        needed = project.qualification_items and min(
            project.qualification_items, _gold_count(work, project.id)
        )
        right_enough = member.gold_right >= project.qualification_accuracy * member.gold_scored
        if needed == 0 or (member.gold_items >= needed and right_enough):
            member.qualified_at = work.now
    return member.qualified_at is not None


def _hand_out(work: Work, project: Project) -> Lease | None:
    member = membership(work, project.id)
    if not is_qualified(work, project, member):
        return _qualify(work, project, member)
    choices = []
    if work.random.random() < project.gold_share:
        choices.append((_gold, ChosenBy.GOLD))
    if work.random.random() < project.random_share:
        choices.append((_random, ChosenBy.RANDOM))
    choices.append((_most_wanted, ChosenBy.PRIORITY))
    for choose, reason in choices:
        item_id = choose(work, project.id)
        if item_id is not None:
            return take(work, locked_item(work, item_id), reason)
    return None


def _qualify(work: Work, project: Project, member: Membership) -> Lease:
    item_id = _gold(work, project.id)
    if item_id is None:
        raise NotQualified(
            f"The qualification round is over. {member.gold_right} of {member.gold_scored} action units were right; "
            f"{project.qualification_accuracy:.0%} are needed. Read the guidelines and talk to a reviewer."
        )
    return take(work, locked_item(work, item_id), ChosenBy.GOLD)


def _resume(work: Work, project_id: int) -> Lease | None:
    """A face that this person had, did not finish, and that still has a place."""
    item_id = _first(work, _UNFINISHED, project_id)
    return None if item_id is None else take(work, locked_item(work, item_id), ChosenBy.OWN)


def _most_wanted(work: Work, project_id: int) -> int | None:
    """The open item of highest priority that the actor has not seen.

    The first candidates decide nearly always. When a person is far ahead of the others, the top of the queue is full of
    what they answered and others have not: then an item that nobody answered. Only when there is none, all.
    """
    # on PostgreSQL the last ones may be locked by others for a moment: then wait, and look again
    patient = () if work.store.is_sqlite else (_BEST_WAITING,) * _PATIENCE
    for query in (_BEST_NEAR, _BEST_UNTOUCHED, _BEST, *patient):
        if (item_id := _first(work, query, project_id)) is not None:
            return item_id
    return None


def _random(work: Work, project_id: int) -> int | None:
    """An open item that the actor has not seen, each with the same chance: the next one up from a random key."""
    key = work.random.random()
    for query in (_RANDOM_ABOVE, _RANDOM_BELOW):
        if (item_id := _first(work, query, project_id, key=key)) is not None:
            return item_id
    return None


def _gold(work: Work, project_id: int) -> int | None:
    """A known item that the actor has not seen, by chance."""
    return _first(work, _KNOWN, project_id, key=work.random.random())


def _first(work: Work, query: Select[int], project_id: int, key: float = 0.0) -> int | None:
    values = {"project": project_id, "me": work.annotator_id, "near": _NEAR, "key": key}
    return work.plain(query, values).scalar()


def _gold_count(work: Work, project_id: int) -> int:
    gold = (Item.project_id == project_id, text(CLOSED), Item.state == ItemState.GOLD)
    return work.scalar(select(func.count()).select_from(Item).where(*gold)) or 0
