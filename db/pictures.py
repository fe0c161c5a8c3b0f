"""Who may see a face: the photo and the place of the face in it, for those who work on it."""

from dataclasses import dataclass

from sqlalchemy import select, text

from db.errors import NotAllowed
from db.leases import item_of
from db.photos import face_of
from db.queue import likely_items
from db.roles import Actor, Role
from db.store import Store, Work
from db.tables import Annotator, FaceRow, Image, Item, Lease, Response
from db.values import ItemState
from vlfau.faces import Face


@dataclass(frozen=True, eq=False)
class FacePicture:
    """Where a face is to be found."""

    sha256: str
    """Of the photo, its name in `store.images`."""
    face: Face


def face_picture(store: Store, actor: Actor, item_id: int) -> FacePicture:
    """The picture of an item, for who has it in hand, has answered or begun it, or reviews.

    Raises `NotFound` for an item that is not there or no longer, and `NotAllowed` for everybody else and for everybody
    once the person in the photo withdrew.
    """
    with store.reading(actor, "look") as work:
        item = item_of(work, item_id)
        if item.state == ItemState.WITHDRAWN or not _works_on(work, item):
            raise NotAllowed(
                f"This face is not yours to see. Item {item_id} was not handed to you, or consent was withdrawn. "
                "Take the next face of the queue."
            )
        return _picture(work, item)


def likely_pictures(store: Store, actor: Actor, project_id: int, count: int = 3) -> list[FacePicture]:
    """The pictures of the faces that this person is likely to get next, for getting ready; not to be shown yet."""
    with store.reading(actor, "next_item") as work:
        return [_picture(work, item_of(work, item_id)) for item_id in likely_items(work, project_id, count)]


def _picture(work: Work, item: Item) -> FacePicture:
    face = work.get_one(FaceRow, item.face_id)
    return FacePicture(work.get_one(Image, face.image_id).sha256, face_of(face))


def _works_on(work: Work, item: Item) -> bool:
    mine = (Response.annotator_id == work.annotator_id, Response.item_id == item.id)
    begun = select(Response.id).where(*mine, text("response.supersedes IS NULL"))
    held = (Lease.annotator_id == work.annotator_id, Lease.item_id == item.id, Lease.outcome.is_(None))
    if work.scalar(begun) or work.scalar(select(Lease.id).where(*held)):
        return True
    return Role(work.get_one(Annotator, work.annotator_id).role).includes(Role.REVIEWER)
