"""Every single "present" or "absent" that counts in a project, as arrays: what agreement and consensus are made of."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import aliased

from db.answer_tables import AnswerRow, Gold, GoldUnit, Response
from db.answers import stands
from db.store import Work
from db.tables import Item, PredictedUnitRow
from db.values import ItemState, Occurrence, Status
from vlfau.action_units import AU_NUMBERS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEFT_OUT = (ItemState.WITHDRAWN, ItemState.SET_ASIDE)
"""Items that no statistic and no export has."""


@dataclass(frozen=True, eq=False)
class Judgements:
    """J judgements; all arrays (J,). Unsure, not visible and unanswered are not among them."""

    item: Ints
    annotator: Ints
    response: Ints
    unit: Ints
    """Index into AU_NUMBERS."""
    present: Bools
    intensity: NDArray[np.float64]
    """1-5; NaN when absent or not rated."""
    item_blind: Bools
    """The item was drawn to be shown without the prediction."""
    blind: Bools
    """No prediction was seen: drawn, by choice, or a known face."""
    known: Bools
    """The item is a known (gold) one; what is right need not be laid down for this action unit."""
    model: NDArray[np.float64]
    """1 the model said present, 0 absent, NaN there was no prediction."""
    truth: NDArray[np.float64]
    """Gold: 1 present, 0 absent; NaN not known."""

    def __len__(self) -> int:
        return len(self.item)

    def where(self, chosen: Bools) -> "Judgements":
        """Only those that are `chosen` (J,)."""
        return Judgements(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def ratings(self, unit: int, values: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """(annotators, items) of one action unit: 1 present, 0 absent, or other `values` (J,); NaN: not judged."""
        mine = np.flatnonzero(self.unit == unit)
        annotators, rows = np.unique(self.annotator[mine], return_inverse=True)
        items, columns = np.unique(self.item[mine], return_inverse=True)
        table = np.full((len(annotators), len(items)), np.nan)
        table[rows, columns] = (self.present if values is None else values)[mine]
        return table


def judgements(work: Work, project_id: int) -> Judgements:
    """All of a project that stand now."""
    place = {number: index for index, number in enumerate(AU_NUMBERS)}
    known = truths(work, project_id)
    said = (AnswerRow.number, AnswerRow.occurrence, AnswerRow.intensity)
    predicted = (PredictedUnitRow.probability, PredictedUnitRow.threshold)
    query = (
        select(
            Response.item_id,
            Response.annotator_id,
            Response.id,
            Item.blind,
            Response.blind,
            Item.state,
            *said,
            *predicted,
        )
        .join(AnswerRow, AnswerRow.response_id == Response.id)
        .join(Item, Item.id == Response.item_id)
        .outerjoin(
            PredictedUnitRow,
            (PredictedUnitRow.prediction_id == Response.prediction_id)
            & (PredictedUnitRow.number == AnswerRow.number),
        )
        .where(Response.project_id == project_id, Response.status == Status.SUBMITTED, stands())
        .where(AnswerRow.occurrence.in_((Occurrence.PRESENT, Occurrence.ABSENT)), Item.state.not_in(LEFT_OUT))
        .order_by(Response.id, AnswerRow.number)
    )
    rows = work.execute(query).all()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 11
    item, annotator, response, item_blind, blind, state, *units = columns
    number, occurrence, intensity, probability, threshold = units
    return Judgements(
        item=np.array(item, dtype=np.int64),
        annotator=np.array(annotator, dtype=np.int64),
        response=np.array(response, dtype=np.int64),
        unit=np.array([place[n] for n in number], dtype=np.int64),
        present=np.array([o == Occurrence.PRESENT for o in occurrence], dtype=bool),
        intensity=np.array(intensity, dtype=np.float64),
        item_blind=np.array(item_blind, dtype=bool),
        blind=np.array(blind, dtype=bool),
        known=np.array([one == ItemState.GOLD for one in state], dtype=bool),
        model=np.array(
            [np.nan if p is None else float(p >= t) for p, t in zip(probability, threshold, strict=True)],
            dtype=np.float64,
        ),
        truth=np.array(
            [known.get(pair, np.nan) for pair in zip(item, number, strict=True)], dtype=np.float64
        ),
    )


def truths(work: Work, project_id: int) -> dict[tuple[int, int], float]:
    """(item id, action unit) -> 1 present or 0 absent, of the known items."""
    later = aliased(Gold)
    latest = ~select(later.id).where(later.supersedes == Gold.id).exists()
    query = (
        select(Gold.item_id, GoldUnit.number, GoldUnit.occurrence)
        .join(Gold, Gold.id == GoldUnit.gold_id)
        .join(Item, Item.id == Gold.item_id)
        .where(Item.project_id == project_id, Item.state == ItemState.GOLD, latest)
        .where(GoldUnit.occurrence.in_((Occurrence.PRESENT, Occurrence.ABSENT)))
    )
    return {(item, number): float(said == Occurrence.PRESENT) for item, number, said in work.execute(query)}
