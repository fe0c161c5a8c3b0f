"""The people in the photos: withdrawing consent at once, and being forgotten without a trace."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from db.answer_tables import Adjudication, Gold, Response
from db.errors import NotFound
from db.leases import end
from db.roles import PERMISSIONS, Actor, Role
from db.store import Store, Work
from db.tables import (
    Annotator,
    Event,
    Export,
    FaceRow,
    Image,
    Item,
    Lease,
    PredictionRow,
    Subject,
    Tombstone,
)
from db.values import ItemState, Outcome

PARTS = {
    "answer": "response",
    "predicted_unit": "prediction",
    "adjudicated_unit": "adjudication",
    "gold_unit": "gold",
}
"""Table -> the table of its owner, whose id is the first part of its key."""


@dataclass(frozen=True)
class Forgotten:
    """What was erased, and what could not be reached."""

    images: int
    faces: int
    responses: int
    events: int
    """Events from which changes were cut out."""
    exports: int
    """Exports made while the person was in the store: copies of these are out of reach; make them anew."""


def withdraw(store: Store, actor: Actor, code: str) -> int:
    """Consent is withdrawn: from now on no queue and no export has this person; returns the number of their items.

    Nothing is erased yet, see `forget`.
    """
    with store.unit_of_work(actor, "withdraw") as work:
        return _withdraw(work, _subject(work, code))


def withdraw_own(store: Store, actor: Actor, code: str) -> int:
    """The same by who kept a photo of that person, or an admin; raises `NotFound` for a code of others' photos too."""
    with store.unit_of_work(actor, "withdraw_own") as work:
        subject = work.scalars(select(Subject).where(Subject.code == code)).first()
        if subject is None or not (_is_admin(work) or _kept_by_actor(work, subject)):
            raise NotFound(
                "You kept no photo of that person. The code is another one, or somebody else kept the photos. "
                "Check the code, or ask whoever runs this page."
            )
        return _withdraw(work, subject)


def _is_admin(work: Work) -> bool:
    who = work.get(Annotator, work.annotator_id)
    return who is not None and Role(who.role).includes(PERMISSIONS["withdraw"])


def _kept_by_actor(work: Work, subject: Subject) -> bool:
    """By the events: they tell who brought which photo."""
    images = set(work.scalars(select(Image.id).where(Image.subject_id == subject.id)))
    own = select(Event.changes).where(Event.actor_id == work.annotator_id, Event.kind == "keep_photo")
    return any(
        change["table"] == "image" and change["key"][0] in images
        for changes in work.scalars(own)
        for change in changes
    )


def _withdraw(work: Work, subject: Subject) -> int:
    subject.withdrawn_at = subject.withdrawn_at or work.now
    items = work.scalars(
        select(Item).where(Item.id.in_(_items(subject.id))).order_by(Item.id).with_for_update()
    ).all()
    held = select(Lease).where(Lease.item_id.in_(_items(subject.id)), Lease.outcome.is_(None))
    for lease in work.scalars(held).all():
        end(work, lease, Outcome.PUT_BACK)
    for item in items:
        item.state = ItemState.WITHDRAWN
    return len(items)


def forget(store: Store, actor: Actor, code: str) -> Forgotten:
    """Erase a person: photos, faces, predictions, every answer about them, and all of it from the events too.

    A tombstone stays that says how much went, not who. Raises `NotFound` for an unknown code. Backups and copies of
    exports are out of reach: the report says how many exports there are.
    """
    with store.unit_of_work(actor, "forget") as work:
        subject = _subject(work, code)
        ids = _ids(work, subject.id)
        files = list(work.scalars(select(Image.sha256).where(Image.subject_id == subject.id)))
        since = work.scalar(
            select(Image.added_at).where(Image.subject_id == subject.id).order_by(Image.added_at)
        )
        counts = {name: len(ids[name]) for name in ("image", "face", "response")}
        tombstone = Tombstone(
            subject_id=subject.id,
            **{f"{name}s": number for name, number in counts.items()},
            begun_at=work.now,
            done_at=None,
        )
        work.add(tombstone)
        work.flush()
        work.execute(delete(Subject).where(Subject.id == subject.id))
        work.expunge(subject)
        events = _cut_out(work, ids)
        for sha256 in files:
            work.images.remove(sha256)
        tombstone.done_at = work.now
        exports = 0 if since is None else len(work.scalars(select(Export.id).where(Export.at >= since)).all())
        report = Forgotten(counts["image"], counts["face"], counts["response"], events, exports)
    if store.is_sqlite:
        store.truncate_log()
    return report


def _subject(work: Work, code: str) -> Subject:
    found = work.scalars(select(Subject).where(Subject.code == code)).first()
    if found is None:
        raise NotFound(
            f"There is no such person. The code '{code}' is not known, or was forgotten. Check the code."
        )
    return found


def _items(subject_id: int) -> Any:
    return select(Item.id).join(FaceRow).join(Image).where(Image.subject_id == subject_id)


def _ids(work: Work, subject_id: int) -> dict[str, set[int]]:
    """Table -> ids of the rows that hang on a person."""
    faces = select(FaceRow.id).join(Image).where(Image.subject_id == subject_id)
    items = _items(subject_id)
    queries = {
        "image": select(Image.id).where(Image.subject_id == subject_id),
        "face": faces,
        "item": items,
        "prediction": select(PredictionRow.id).where(PredictionRow.face_id.in_(faces)),
        "response": select(Response.id).where(Response.item_id.in_(items)),
        "lease": select(Lease.id).where(Lease.item_id.in_(items)),
        "adjudication": select(Adjudication.id).where(Adjudication.item_id.in_(items)),
        "gold": select(Gold.id).where(Gold.item_id.in_(items)),
    }
    return {"subject": {subject_id}} | {name: set(work.scalars(query)) for name, query in queries.items()}


def _cut_out(work: Work, ids: dict[str, set[int]]) -> int:
    """Take the changes of erased rows out of all events; returns how many events lost some."""
    cut = 0
    for event_id, changes in work.execute(select(Event.id, Event.changes)).all():
        kept = [change for change in changes if not _is_erased(change, ids)]
        if len(kept) < len(changes):
            work.execute(update(Event).where(Event.id == event_id).values(changes=kept))
            cut += 1
    return cut


def _is_erased(change: dict[str, Any], ids: dict[str, set[int]]) -> bool:
    table = change["table"]
    return change["key"][0] in ids.get(PARTS.get(table, table), ())
