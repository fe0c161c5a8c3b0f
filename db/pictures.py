"""Who may see a face: the photo and the place of the face in it, for those who work on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, bindparam, select, text

from db.answer_tables import Response
from db.answers import predicted_units
from db.errors import NotAllowed, NotFound
from db.evidence import unpack
from db.leases import item_of, no_item
from db.photos import face_of
from db.queue import likely_items
from db.roles import Actor, Role
from db.store import Store, Work
from db.tables import Annotator, FaceRow, Image, Item, Lease, PredictionRow
from db.values import ItemState, Task
from vlfau.faces import Face


@dataclass(frozen=True, eq=False)
class FacePicture:
    """Where a face is to be found."""

    sha256: str
    """Of the photo, its name in `store.images`."""
    face: Face


_PLACES = (
    select(Item.id, Item.state, Image.sha256, FaceRow)
    .join(FaceRow, FaceRow.id == Item.face_id)
    .join(Image, Image.id == FaceRow.image_id)
    .where(Item.id.in_(bindparam("items", expanding=True)))
)
_BEGUN = select(Response.id).where(
    Response.annotator_id == bindparam("me"),
    Response.item_id == bindparam("item"),
    text("response.supersedes IS NULL"),
)
_HELD = select(Lease.id).where(
    Lease.annotator_id == bindparam("me"), Lease.item_id == bindparam("item"), Lease.outcome.is_(None)
)


def face_picture(store: Store, actor: Actor, item_id: int) -> FacePicture:
    """The picture of an item, for who has it in hand, has answered or begun it, or reviews.

    Raises `NotFound` for an item that is not there or no longer, and `NotAllowed` for everybody else and for everybody
    once the person in the photo withdrew.
    """
    with store.reading(actor, "look") as work:
        place = _place(work, item_id)
        return FacePicture(place.sha256, face_of(place.FaceRow))


def face_evidence(store: Store, actor: Actor, item_id: int) -> NDArray[np.uint8]:
    """Where the network looked, (A, G, G) uint8 with the peak of each map at 255, in the order of the action units.

    For who may see the face, unless it is one that people judge without the model: raises `NotAllowed`. `NotFound` when
    there are no maps.
    """
    with store.reading(actor, "look") as work:
        _place(work, item_id)
        item = item_of(work, item_id)
        if item.without_model:
            raise NotAllowed(
                f"This face is judged without the model. Item {item_id} is one of those. Look at the face itself."
            )
        prediction = work.get(PredictionRow, item.prediction_id) if item.prediction_id else None
        if prediction is None or prediction.evidence is None:
            raise NotFound(
                f"There are no maps of this face. Item {item_id} was added before they were kept. Go on without."
            )
        return unpack(prediction.evidence, len(predicted_units(work, prediction.id)))


def picture_of(task: Task) -> FacePicture:
    """The picture of a face that was just handed out."""
    return FacePicture(task.image.stem, task.face)


def likely_pictures(store: Store, actor: Actor, project_id: int, count: int = 3) -> list[FacePicture]:
    """The pictures of the faces that this person is likely to get next, for getting ready; not to be shown yet."""
    with store.reading(actor, "next_item") as work:
        items = likely_items(work, project_id, count)
        places = {place.id: place for place in work.execute(_PLACES, {"items": items})}
        return [FacePicture(places[item].sha256, face_of(places[item].FaceRow)) for item in items]


def _place(work: Work, item_id: int) -> Row[*tuple[Any, ...]]:
    place = work.execute(_PLACES, {"items": [item_id]}).first()
    if place is None:
        raise no_item(item_id)
    if place.state == ItemState.WITHDRAWN or not _works_on(work, item_id):
        raise NotAllowed(
            f"This face is not yours to see. Item {item_id} was not handed to you, or consent was withdrawn. "
            "Take the next face of the queue."
        )
    return place


def _works_on(work: Work, item_id: int) -> bool:
    this = {"me": work.annotator_id, "item": item_id}
    if work.scalar(_HELD, this) or work.scalar(_BEGUN, this):
        return True
    return Role(work.get_one(Annotator, work.annotator_id).role).includes(Role.REVIEWER)
