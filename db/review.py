"""What reviewers do: see the answers to a face side by side, settle it, send it back, or lay down a known answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Select, func, select

from db.answer_tables import AdjudicatedUnit, Adjudication, Gold, GoldUnit, Response
from db.answers import answers_of, prediction_of, scored, standing, stands, votes
from db.errors import Conflict, StoreError
from db.leases import item_of, locked_item
from db.photos import face_of
from db.responses import gold_answers, unit_columns
from db.roles import Actor
from db.store import Store, Work
from db.tables import Annotator, FaceRow, Image, Item
from db.text import MAX_NOTE, clean_text, required_text
from db.typed import typed
from db.values import Answer, ItemState, Prediction, Status
from vlfau.faces import Face


@dataclass(frozen=True)
class GivenAnswer:
    """One person's answer as a reviewer sees it: without the name."""

    response_id: int
    pseudonym: str
    at: datetime
    answer: Answer
    blind: bool
    own: bool
    """The reviewer gave it."""


@dataclass(frozen=True, eq=False)
class Review:
    """A face with everything that was said of it."""

    item_id: int
    state: ItemState
    image: Path
    face: Face
    chip_transform: np.ndarray
    """(2, 3), photo px -> chip px."""
    prediction: Prediction | None
    answers: tuple[GivenAnswer, ...]
    skipped: tuple[str, ...]
    """Why people skipped it."""
    contradicted: tuple[int, ...]
    """Action units that are present for one and absent for another."""
    adjudication: Answer | None
    gold: Answer | None
    note: str | None
    """Of the last verdict, why an item was set aside among them."""
    mark: str
    """Stands for all of this: give it back with a verdict, which is refused when something changed meanwhile."""


def review(store: Store, actor: Actor, item_id: int) -> Review:
    """Everything that was said of a face."""
    with store.reading(actor, "review") as work:
        item = item_of(work, item_id)
        face = work.get_one(FaceRow, item.face_id)
        given = _given(work, item_id)
        skips = (Response.item_id == item_id, Response.status == Status.DISCARDED, stands())
        counts = votes(one.answer for one in given)
        return Review(
            item_id=item_id,
            state=ItemState(item.state),
            image=work.images.path(work.get_one(Image, face.image_id).sha256),
            face=face_of(face),
            chip_transform=np.array(face.chip_transform, dtype=np.float64),
            prediction=prediction_of(work, item),
            answers=given,
            skipped=tuple(work.scalars(select(Response.reason).where(*skips))),
            contradicted=tuple(sorted(n for n, (present, absent) in counts.items() if present and absent)),
            adjudication=adjudications(work, [item_id]).get(item_id),
            gold=gold_answers(work, [item_id]).get(item_id),
            note=_note(work, item),
            mark=_mark(work, item),
        )


def adjudicate(
    store: Store, actor: Actor, item_id: int, answer: Answer, note: str | None = None, mark: str | None = None
) -> int:
    """Settle an item: what is answered here holds, the rest stays with the people's answers; returns its id.

    Doing so again supersedes the first time. `mark` is that of the `Review` on which this is founded; None does not
    look. Raises `StoreError` for an answer that says nothing and `Conflict` for an item that is gold or taken out, or
    has changed since it was reviewed.
    """
    with store.unit_of_work(actor, "adjudicate") as work:
        item = _unchanged_item(work, item_id, mark)
        _check_open_to_verdicts(item, answer)
        verdict = _lay_down(work, Adjudication, AdjudicatedUnit, "adjudication_id", item, answer, note)
        item.state = ItemState.SETTLED
        return verdict


def set_gold(
    store: Store, actor: Actor, item_id: int, answer: Answer, note: str | None = None, mark: str | None = None
) -> int:
    """Make an item a known one, against which people are measured; returns the id of the gold answer.

    From then on everybody may get it once, it never trains a network, and what people say of it changes nothing.
    `mark` as of `adjudicate`.
    """
    with store.unit_of_work(actor, "set_gold") as work:
        item = _unchanged_item(work, item_id, mark)
        if item.state != ItemState.GOLD:
            _check_open_to_verdicts(item, answer)
        verdict = _lay_down(work, Gold, GoldUnit, "gold_id", item, answer, note)
        item.state = ItemState.GOLD
        return verdict


def send_back(store: Store, actor: Actor, item_id: int, mark: str | None = None) -> None:
    """Ask one more person, who sees none of the answers so far; the item is open again. `mark` as of `adjudicate`."""
    with store.unit_of_work(actor, "send_back") as work:
        item = _unchanged_item(work, item_id, mark)
        if item.state not in (ItemState.AGREED, ItemState.DISPUTED, ItemState.SETTLED):
            raise Conflict(
                f"This item cannot be sent back. It is {item.state}. Choose one that has its answers."
            )
        item.wanted = max(item.wanted, item.answers, item.skips) + 1
        item.state = ItemState.OPEN


def set_aside(store: Store, actor: Actor, item_id: int, reason: str, mark: str | None = None) -> None:
    """Take an item out: no face, too blurred, not usable. The reason stands in the adjudication's note.

    A verdict brings it back. `mark` as of `adjudicate`. Raises `Conflict` for a person who withdrew consent.
    """
    with store.unit_of_work(actor, "set_aside") as work:
        item = _unchanged_item(work, item_id, mark)
        if item.state == ItemState.WITHDRAWN:
            raise Conflict("This item stays as it is. It is withdrawn. Choose another.")
        note = required_text(reason, MAX_NOTE, "The reason")
        _lay_down(work, Adjudication, AdjudicatedUnit, "adjudication_id", item, Answer(), note)
        item.state = ItemState.SET_ASIDE


def adjudications(work: Work, item_ids: Sequence[int]) -> dict[int, Answer]:
    """Item id -> what a reviewer decided, as it stands."""
    latest = select(func.max(Adjudication.id)).where(Adjudication.item_id.in_(item_ids))
    rows = work.scalars(
        select(Adjudication).where(Adjudication.id.in_(latest.group_by(Adjudication.item_id)))
    ).all()
    units = scored(work, AdjudicatedUnit.adjudication_id, [row.id for row in rows])
    return {row.item_id: Answer(units[row.id], row.description) for row in rows}


def _given(work: Work, item_id: int) -> tuple[GivenAnswer, ...]:
    responses = standing(work, item_id)
    answers = answers_of(work, responses)
    return tuple(
        GivenAnswer(
            response.id,
            work.get_one(Annotator, response.annotator_id).pseudonym,
            response.at,
            answers[response.id],
            response.blind,
            response.annotator_id == work.actor.annotator_id,
        )
        for response in responses
    )


def _unchanged_item(work: Work, item_id: int, mark: str | None) -> Item:
    """The item, locked, on which the reviewer's eyes were."""
    item = locked_item(work, item_id)
    if mark is not None and mark != _mark(work, item):
        raise Conflict(
            f"This face has changed since you opened it. It is {item.state.replace('_', ' ')} now, with "
            f"{item.answers} answers. Nothing was stored; open it again and look once more."
        )
    return item


def _mark(work: Work, item: Item) -> str:
    """Where an item stands, and the last of each kind of thing that was said of it."""
    said = ",".join(str(response.id) for response in standing(work, item.id))
    laid_down = (work.scalar(_last_of(table, item.id)) or 0 for table in (Adjudication, Gold))
    return "/".join(map(str, (item.state, said, *laid_down)))


def _note(work: Work, item: Item) -> str | None:
    """The note of the verdict that holds."""
    table: type[Adjudication] | type[Gold] = Gold if item.state == ItemState.GOLD else Adjudication
    return work.scalar(select(table.note).where(table.id == _last_of(table, item.id).scalar_subquery()))


def _last_of(table: type[Adjudication] | type[Gold], item_id: int) -> Select[int]:
    return select(func.max(table.id)).where(table.item_id == item_id)


def _check_open_to_verdicts(item: Item, answer: Answer) -> None:
    if item.state in (ItemState.GOLD, ItemState.WITHDRAWN):
        raise Conflict(f"This item takes no verdict. It is {item.state}. Choose another.")
    if not answer.occurrences:
        raise StoreError("There is no verdict in this. No action unit is marked. Mark at least one.")


def _lay_down(
    work: Work,
    table: type[Adjudication] | type[Gold],
    units: type[AdjudicatedUnit] | type[GoldUnit],
    owner: str,
    item: Item,
    answer: Answer,
    note: str | None,
) -> int:
    """One more verdict of an item, superseding the one before; of its sentences those that somebody typed."""
    answer = typed(answer, prediction_of(work, item))
    last: Any = work.scalar(_last_of(table, item.id))
    verdict = table(
        item_id=item.id,
        reviewer_id=work.actor.annotator_id,
        supersedes=last,
        description=answer.description,
        note=clean_text(note, MAX_NOTE, "The note"),
        at=work.now,
    )
    work.add(verdict)
    work.flush()
    work.add_all(units(**{owner: verdict.id}, **columns) for columns in unit_columns(answer))
    work.flush()
    return verdict.id
