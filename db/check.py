"""Check: does the database hold together, and do its rows and the files agree."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import aliased

from db.answer_tables import Response
from db.answers import stands
from db.errors import StoreError
from db.events import state_at, state_now
from db.evidence import unpack
from db.roles import OPERATOR
from db.store import Store, Work
from db.tables import Event, Image, Item, Lease, PredictedUnitRow, PredictionRow, Tombstone
from db.values import ItemState, Status


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, and what to do."""

    kind: str
    message: str


def check(store: Store, deep: bool = False) -> list[Problem]:
    """Everything that is wrong; empty when all is well. `deep` decodes photos and maps, and replays every event."""
    with store.reading(OPERATOR, "stats") as work:
        problems = [problem for look in LOOKS for problem in look(work)]
        problems += _files(work, deep)
        problems += _maps(work) if deep else []
    return problems + (list(_past(store)) if deep else [])


def remove_orphans(store: Store) -> int:
    """Delete photo files that no row names; returns how many. Meant for when nobody is adding photos."""
    with store.reading(OPERATOR, "forget") as work:
        orphans = set(work.images.names()) - set(work.scalars(select(Image.sha256)))
        return sum(work.images.remove(sha256) for sha256 in orphans)


def _files(work: Work, deep: bool) -> Iterator[Problem]:
    named = set(work.scalars(select(Image.sha256)))
    there = set(work.images.names())
    for sha256 in sorted(named - there):
        yield Problem(
            "row without file", f"The photo {sha256} is named and missing. Restore it from a backup."
        )
    for sha256 in sorted(there - named):
        yield Problem(
            "file without row",
            f"No row names {work.images.path(sha256)}. Run: python -m db check --remove-orphans",
        )
    for sha256 in sorted(named & there) if deep else ():
        if not work.images.is_whole(sha256):
            yield Problem(
                "damaged file", f"{work.images.path(sha256)} is not its name. Restore it from a backup."
            )


def _maps(work: Work) -> Iterator[Problem]:
    """Evidence that no page could paint."""
    units = func.count(PredictedUnitRow.number)
    query = select(PredictionRow.id, PredictionRow.evidence, units).outerjoin(
        PredictedUnitRow, PredictedUnitRow.prediction_id == PredictionRow.id
    )
    kept = query.where(PredictionRow.evidence.is_not(None)).group_by(PredictionRow.id)
    for prediction, evidence, count in work.execute(kept):
        try:
            unpack(evidence or b"", count)
        except StoreError as error:
            yield Problem("damaged evidence", f"Prediction {prediction}: {error}")


def _engine(work: Work) -> Iterator[Problem]:
    """What SQLite itself finds."""
    if work.store.is_sqlite:
        for row in work.execute(text("PRAGMA quick_check")).scalars():
            if row != "ok":
                yield Problem("damaged database", f"SQLite says: {row}. Restore a backup.")
        for table, *_ in work.execute(text("PRAGMA foreign_key_check")).all():
            yield Problem("row that points nowhere", f"A row of {table} refers to one that is not there.")


def _chains(work: Work) -> Iterator[Problem]:
    """One chain for each person and item: one beginning, no gap, no branch, nobody else's rows."""
    earlier = aliased(Response)
    lost = select(Response.id).outerjoin(earlier, earlier.id == Response.supersedes)
    foreign = (earlier.annotator_id != Response.annotator_id) | (earlier.item_id != Response.item_id)
    for response in work.scalars(lost.where(Response.supersedes.is_not(None), earlier.id.is_(None))):
        yield Problem(
            "broken chain", f"Response {response} supersedes one that is not there. Restore a backup."
        )
    for response in work.scalars(lost.where(foreign)):
        yield Problem("broken chain", f"Response {response} supersedes somebody else's. Restore a backup.")
    heads = select(Response.annotator_id, Response.item_id).where(stands())
    pairs = heads.group_by(Response.annotator_id, Response.item_id).having(func.count() > 1)
    for annotator, item in work.execute(pairs):
        yield Problem(
            "broken chain", f"Annotator {annotator} has several answers that stand for item {item}."
        )


def _counts(work: Work) -> Iterator[Problem]:
    """The numbers that items keep of what hangs on them."""

    def of(status: Status) -> object:
        mine = (Response.item_id == Item.id, Response.status == status, stands())
        return select(func.count()).select_from(Response).where(*mine).correlate(Item).scalar_subquery()

    running = select(func.count()).select_from(Lease).where(Lease.item_id == Item.id, Lease.outcome.is_(None))
    truth = {
        "answers": of(Status.SUBMITTED),
        "skips": of(Status.DISCARDED),
        "held": running.correlate(Item).scalar_subquery(),
    }
    for name, count in truth.items():
        for item in work.scalars(select(Item.id).where(getattr(Item, name) != count)):
            yield Problem("wrong count", f"Item {item} keeps a wrong number of {name}. Restore a backup.")


def _states(work: Work) -> Iterator[Problem]:
    early = select(Item.id).where(Item.state == ItemState.AGREED, Item.answers < Item.wanted)
    late = select(Item.id).where(Item.state == ItemState.OPEN, Item.answers >= Item.wanted)
    for item in work.scalars(early.union(late)):
        yield Problem("wrong state", f"The state of item {item} does not fit its answers. Restore a backup.")
    for tombstone in work.scalars(select(Tombstone.id).where(Tombstone.done_at.is_(None))):
        yield Problem(
            "unfinished erasure", f"Tombstone {tombstone} is not done: rows are not guarded. Set done_at."
        )


def _past(store: Store) -> Iterator[Problem]:
    """What the events add up to is what is there."""
    with store.reading(OPERATOR, "stats") as work:
        last = work.scalar(select(func.max(Event.id))) or 0
    rebuilt, now = state_at(store, OPERATOR, last), state_now(store, OPERATOR)
    for table in sorted(rebuilt.keys() | now.keys()):
        before, after = rebuilt.get(table, {}), now.get(table, {})
        differ = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
        if differ:
            yield Problem(
                "change without event",
                f"{len(differ)} rows of {table} are not what the events say, like {differ[0]}.",
            )


LOOKS: tuple[Callable[[Work], Iterator[Problem]], ...] = (_engine, _chains, _counts, _states)
