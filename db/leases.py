"""Leases: a face in one person's hands, until they answer, skip, or the clock takes it back."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from sqlalchemy import bindparam, select

from db.answer_tables import Response
from db.answers import answers_of, head, prediction_of
from db.errors import AlreadySubmitted, Conflict, LeaseError, NotFound
from db.photos import face_of
from db.store import Work
from db.tables import FaceRow, Image, Item, Lease, Membership, PredictionRow, Project
from db.values import ChosenBy, ItemState, Outcome, Status, Task

_MAX_EXPIRED = 100
"""Leases that one call takes back; nobody pays for a long silence with a slow page."""

ANSWERABLE = (ItemState.OPEN, ItemState.GOLD, ItemState.AGREED, ItemState.DISPUTED)
"""A late answer to a face that others finished meanwhile is welcome; a settled one takes none."""


_RUNNING = select(Lease).where(
    Lease.annotator_id == bindparam("me"),
    Lease.project_id == bindparam("project"),
    Lease.outcome.is_(None),
)
_EXPIRED = (
    select(Lease)
    .where(Lease.outcome.is_(None), Lease.expires_at <= bindparam("now"))
    .order_by(Lease.expires_at)
    .limit(_MAX_EXPIRED)
    .with_for_update(skip_locked=True)
)


# Joined, because one question costs less than three: the session then has the rows when they are asked for one by one.
_IN_HAND = (
    select(Lease, Item, Project, Membership)
    .join(Item, Item.id == Lease.item_id)
    .join(Project, Project.id == Lease.project_id)
    .outerjoin(
        Membership,
        (Membership.project_id == Lease.project_id) & (Membership.annotator_id == Lease.annotator_id),
    )
    .where(Lease.id == bindparam("lease"), Lease.annotator_id == bindparam("me"))
    .with_for_update(of=(Lease, Item))
    .execution_options(populate_existing=True)
)
_SHOWN = (
    select(Item, FaceRow, Image, PredictionRow)
    .join(FaceRow, FaceRow.id == Item.face_id)
    .join(Image, Image.id == FaceRow.image_id)
    .outerjoin(PredictionRow, PredictionRow.id == Item.prediction_id)
    .where(Item.id == bindparam("item"))
)


@dataclass(frozen=True)
class InHand:
    """A face in the actor's hands, locked."""

    lease: Lease
    item: Item
    last: Response | None
    """What they said of it so far."""


def item_of(work: Work, item_id: int) -> Item:
    """The item, to look at; raises `NotFound`."""
    item = work.get(Item, item_id)
    if item is None:
        raise no_item(item_id)
    return item


def no_item(item_id: int) -> NotFound:
    """The error for a number that no item has."""
    return NotFound(f"There is no such item. Number {item_id} was asked for. Its photo may be erased.")


def locked_item(work: Work, item_id: int) -> Item:
    """The item, nobody else's to change until the end of the transaction; raises `NotFound`."""
    work.locked(Item, item_id)
    return item_of(work, item_id)


def take(work: Work, item: Item, chosen_by: ChosenBy) -> Lease:
    """Hand an item to the actor. What comes back is to be read; the session does not know it."""
    project = work.get_one(Project, item.project_id)
    columns = {
        "item_id": item.id,
        "project_id": item.project_id,
        "annotator_id": work.annotator_id,
        "chosen_by": chosen_by,
        "leased_at": work.now,
        "expires_at": work.now + timedelta(minutes=project.lease_minutes),
        "ended_at": None,
        "outcome": None,
    }
    item.held += 1
    return Lease(id=work.write_row(Lease, columns), **columns)


def renew(work: Work, lease: Lease) -> None:
    """A sign of life: the clock starts anew."""
    if lease.outcome is None:
        minutes = work.get_one(Project, lease.project_id).lease_minutes
        lease.expires_at = max(lease.expires_at, work.now + timedelta(minutes=minutes))


def end(work: Work, lease: Lease, outcome: Outcome) -> None:
    """Give an item back, and its place with it."""
    if lease.outcome is None:
        locked_item(work, lease.item_id).held -= 1
    lease.outcome = outcome
    lease.ended_at = work.now


def take_back_expired(work: Work) -> None:
    """End the leases whose time is over. Every `next_item` does so: a crash holds nothing for longer than a lease."""
    # in the items' order, so that two who do this at once do not wait for each other in a circle
    for lease in sorted(work.scalars(_EXPIRED, {"now": work.now}), key=lambda lease: lease.item_id):
        end(work, lease, Outcome.EXPIRED)


def running(work: Work, project_id: int) -> Lease | None:
    """The lease that the actor has in a project; the database allows one."""
    return work.scalars(_RUNNING, {"me": work.annotator_id, "project": project_id}).first()


def own_lease(work: Work, lease_id: int) -> InHand:
    """The lease under which the actor may write now.

    A lease that expired still carries an answer, as long as the person has not finished the face: what they typed
    is not lost because they were slow. Raises `LeaseError` for somebody else's lease or an erased one,
    `AlreadySubmitted` for one that was used, `Conflict` when a reviewer has closed the item.
    """
    found = work.execute(_IN_HAND, {"lease": lease_id, "me": work.annotator_id}).first()
    if found is None:
        raise LeaseError(
            f"This face is not in your hands. Lease {lease_id} is somebody else's, or its photo was erased. "
            "Nothing was stored; take the next face."
        )
    lease, item = found.Lease, found.Item
    last = head(work, item.id, work.annotator_id)
    _refuse_finished(lease, last)
    if item.state not in ANSWERABLE:
        raise Conflict(
            f"This face takes no more answers. A reviewer closed it meanwhile; it is {item.state.replace('_', ' ')}. "
            "Nothing was stored; take the next face."
        )
    if lease.outcome is not None:
        now = running(work, item.project_id)
        lease = now if now and now.item_id == item.id else lease
    return InHand(lease, item, last)


def _refuse_finished(lease: Lease, last: Response | None) -> None:
    used = lease.outcome in (Outcome.SUBMITTED, Outcome.SKIPPED)
    if last is not None and (used or last.status != Status.DRAFT):
        raise AlreadySubmitted(
            f"This answer is stored already. It came at {last.at:%H:%M:%S} UTC as response {last.id}. "
            "Nothing was stored twice; take the next face, or undo.",
            last.id,
        )


def task_of(work: Work, lease: Lease) -> Task:
    """What a page needs to show the face of a lease."""
    item, face, image, _ = work.execute(_SHOWN, {"item": lease.item_id}).one()
    last = head(work, item.id, lease.annotator_id)
    return Task(
        lease_id=lease.id,
        item_id=item.id,
        project_id=item.project_id,
        expires_at=lease.expires_at,
        image=work.images.path(image.sha256),
        face=face_of(face),
        chip_transform=np.array(face.chip_transform, dtype=np.float64),
        prediction=None if item.without_model else prediction_of(work, item),
        blind=item.without_model,
        draft=answers_of(work, [last])[last.id] if last else None,
    )
