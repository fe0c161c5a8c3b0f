"""What a person does with the face in their hands: save, submit, skip, undo, and look back."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from db.answer_tables import AnswerRow, Gold, GoldUnit, Response
from db.answers import answers_of, head, predicted_units, prediction_of, scored, stands, votes_on
from db.errors import Conflict, NotFound, StoreError
from db.leases import ANSWERABLE, InHand, end, locked_item, own_lease, renew, running, take, task_of
from db.priority import priority
from db.projects import project_row
from db.queue import is_qualified, membership
from db.roles import Actor
from db.store import Store, Work
from db.tables import Item, Project
from db.text import MAX_NOTE, required_text
from db.typed import typed
from db.values import Answer, ChosenBy, ItemState, Occurrence, Outcome, PastResponse, Status, Task


def save_draft(store: Store, actor: Actor, lease_id: int, answer: Answer) -> int:
    """Keep what was done so far, and the face for as long again; returns the id of the response.

    Every draft is a row of its own. The same draft twice is one. Sentences and errors as of `submit`.
    """
    with store.unit_of_work(actor, "save_draft") as work:
        held = own_lease(work, lease_id)
        renew(work, held.lease)
        answer = _typed(work, held.item, answer)
        if held.last is not None and _same(answers_of(work, [held.last])[held.last.id], answer):
            return held.last.id
        return _append(work, held, answer, Status.DRAFT)


def submit(store: Store, actor: Actor, lease_id: int, answer: Answer) -> int:
    """Store an answer for good; returns the id of the response.

    A lease takes one answer. Of its sentences those are kept that the person typed. Raises `LeaseError` for somebody
    else's lease or an erased face, `AlreadySubmitted` for a replay, `Conflict` when a reviewer closed the face,
    `StoreError` for an answer that says nothing.
    """
    with store.unit_of_work(actor, "submit") as work:
        held = own_lease(work, lease_id)
        if not answer.occurrences:
            raise StoreError(
                "There is no answer in this. No action unit is marked. Mark at least one, or skip the face."
            )
        response = _append(work, held, _typed(work, held.item, answer), Status.SUBMITTED)
        end(work, held.lease, Outcome.SUBMITTED)
        held.item.answers += 1
        _count(work, held.item, 1)
        refresh(work, held.item)
        return response


def skip(store: Store, actor: Actor, lease_id: int, reason: str) -> int:
    """Put the face aside for oneself, with a reason; returns the id of the response."""
    with store.unit_of_work(actor, "skip") as work:
        held = own_lease(work, lease_id)
        reason = required_text(reason, MAX_NOTE, "The reason")
        response = _append(work, held, Answer(), Status.DISCARDED, reason)
        end(work, held.lease, Outcome.SKIPPED)
        held.item.skips += 1
        refresh(work, held.item)
        return response


def undo(store: Store, actor: Actor, project_id: int) -> Task:
    """Take back one's last submission or skip and have the face in hand again, as it was answered.

    Done again, it takes back the one before. A face that was in hand goes back and comes again later, with its draft.
    Raises `NotFound` when there is nothing to undo and `Conflict` when a reviewer has closed the face.
    """
    with store.unit_of_work(actor, "undo") as work:
        own = (Response.annotator_id == work.annotator_id, Response.project_id == project_id)
        finished = select(Response).where(*own, Response.status != Status.DRAFT, stands())
        last = work.scalars(finished.order_by(Response.id.desc()).limit(1)).first()
        if last is None:
            raise NotFound("There is nothing to undo. You have not submitted or skipped a face here. Go on.")
        return _reopen(work, last)


def reopen(store: Store, actor: Actor, item_id: int) -> Task:
    """Have a face of one's own history in hand again, to change the answer. Errors as of `undo`."""
    with store.unit_of_work(actor, "reopen") as work:
        last = head(work, item_id, work.annotator_id)
        if last is None:
            raise NotFound(
                f"You have not answered this face. Item {item_id} is not in your history. Choose from it."
            )
        return _reopen(work, last)


def history(
    store: Store, actor: Actor, project_id: int, limit: int = 50, before: int | None = None
) -> list[PastResponse]:
    """One's own answers as they stand, newest first; `before` is the response id to continue from."""
    with store.reading(actor, "history") as work:
        own = [Response.annotator_id == work.annotator_id, Response.project_id == project_id, stands()]
        if before is not None:
            own.append(Response.id < before)
        found = work.execute(
            select(Response, Item.state)
            .join(Item, Item.id == Response.item_id)
            .where(*own)
            .order_by(Response.id.desc())
            .limit(limit)
        ).all()
        answers = answers_of(work, [response for response, _ in found])
        return [_past(response, ItemState(state), answers[response.id]) for response, state in found]


def refresh(work: Work, item: Item) -> None:
    """Work out where an item stands after its answers changed, and how much the next one is worth."""
    if item.state not in (ItemState.OPEN, ItemState.AGREED, ItemState.DISPUTED):
        return
    counts = votes_on(work, item.id)
    if item.answers >= item.wanted:
        contradicted = any(present and absent for present, absent in counts.values())
        item.state = ItemState.DISPUTED if contradicted else ItemState.AGREED
    else:
        item.state = ItemState.DISPUTED if item.skips >= item.wanted else ItemState.OPEN
    if item.prediction_id is not None:
        rarity = work.get_one(Project, item.project_id).rarity
        weights = {int(number): weight for number, weight in rarity.items()}
        item.priority = priority(predicted_units(work, item.prediction_id), counts, weights)


def _typed(work: Work, item: Item, answer: Answer) -> Answer:
    """The answer with the sentences that the person typed; asks for the prediction only where there are words."""
    has_words = bool(answer.description) or any(unit.text for unit in answer.units)
    if item.blind or answer.blind or not has_words:
        return answer
    return typed(answer, prediction_of(work, item))


def _append(work: Work, held: InHand, answer: Answer, status: Status, reason: str | None = None) -> int:
    """One more row of this person's chain; returns its id."""
    item, last = held.item, held.last
    columns = {
        "item_id": item.id,
        "project_id": item.project_id,
        "annotator_id": work.annotator_id,
        "supersedes": last and last.id,
        "status": status,
        "prediction_id": item.prediction_id,
        "blind": answer.blind or _unseen(item, last),
        # coming back to a face does not change how it was drawn from the pool
        "chosen_by": last.chosen_by if last else held.lease.chosen_by,
        "seconds": answer.seconds,
        "guideline_version": project_row(work, item.project_id).guideline_version,
        "description": answer.description,
        "reason": reason,
        "at": work.now,
    }
    response = work.write_row(Response, columns)
    work.write_rows(AnswerRow, [{"response_id": response} | unit for unit in unit_columns(answer)])
    return response


def _unseen(item: Item, last: Response | None) -> bool:
    """Whether the model was hidden from who answers; who saw it before the face became a known one has seen it."""
    return item.blind or (item.without_model and (last is None or last.blind))


def unit_columns(answer: Answer) -> Sequence[dict[str, Any]]:
    """The columns of each scored action unit."""
    names = ("number", "occurrence", "intensity", "side", "text")
    return [{name: getattr(unit, name) for name in names} for unit in answer.units]


def _reopen(work: Work, last: Response) -> Task:
    item = locked_item(work, last.item_id)
    if item.state not in ANSWERABLE:
        raise Conflict(
            f"This answer stands. A reviewer closed the face; it is {item.state.replace('_', ' ')}. Ask the reviewer."
        )
    in_hand = running(work, item.project_id)
    if in_hand is not None and in_hand.item_id == item.id:
        return task_of(work, in_hand)
    if in_hand is not None:
        end(work, in_hand, Outcome.PUT_BACK)
    lease = take(work, item, ChosenBy.OWN)
    if last.status != Status.DRAFT:
        _append(work, InHand(lease, item, last), answers_of(work, [last])[last.id], Status.DRAFT)
    if last.status == Status.SUBMITTED:
        item.answers -= 1
        _count(work, item, -1)
    elif last.status == Status.DISCARDED:
        item.skips -= 1
    refresh(work, item)
    return task_of(work, lease)


def _count(work: Work, item: Item, change: int) -> None:
    """One submission more or less of the actor in this project, and how they do on known faces."""
    member = membership(work, item.project_id)
    member.submitted += change
    if item.state == ItemState.GOLD:
        member.gold_items, member.gold_scored, member.gold_right = gold_record(
            work, item.project_id, work.annotator_id
        )
        is_qualified(work, project_row(work, item.project_id), member)


def gold_record(work: Work, project_id: int, annotator_id: int) -> tuple[int, int, int]:
    """Known items a person answered, their known action units, and how many of these they got right.

    Present and absent count as known; an unanswered or unsure action unit is not right.
    """
    own = (Response.annotator_id == annotator_id, Response.project_id == project_id)
    query = select(Response).join(Item).where(*own, Item.state == ItemState.GOLD)
    responses = work.scalars(query.where(Response.status == Status.SUBMITTED, stands())).all()
    said = answers_of(work, responses)
    known = gold_answers(work, [response.item_id for response in responses])
    scored_units = right = 0
    for response in responses:
        for number, occurrence in known[response.item_id].occurrences.items():
            if occurrence in (Occurrence.PRESENT, Occurrence.ABSENT):
                scored_units += 1
                right += said[response.id].occurrences.get(number) == occurrence
    return len(responses), scored_units, right


def gold_answers(work: Work, item_ids: Sequence[int]) -> dict[int, Answer]:
    """Item id -> its known answer as it stands."""
    latest = select(func.max(Gold.id)).where(Gold.item_id.in_(item_ids)).group_by(Gold.item_id)
    rows = work.scalars(select(Gold).where(Gold.id.in_(latest))).all()
    units = scored(work, GoldUnit.gold_id, [row.id for row in rows])
    return {row.item_id: Answer(units[row.id], row.description) for row in rows}


def _same(a: Answer, b: Answer) -> bool:
    """Whether two drafts say the same; the time spent alone is no reason for a row."""
    return (a.units, a.description) == (b.units, b.description)


def _past(response: Response, state: ItemState, answer: Answer) -> PastResponse:
    return PastResponse(
        response_id=response.id,
        item_id=response.item_id,
        status=Status(response.status),
        at=response.at,
        reason=response.reason,
        answer=answer,
        can_reopen=state in ANSWERABLE,
    )
