"""How good the annotations of a project are: agreement per action unit, each annotator, and the pull of the model."""

import math
from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select, text

from db import agreement
from db.answer_tables import Response
from db.answers import stands
from db.consensus import consensus
from db.judgements import Judgements, judgements
from db.projects import project_row
from db.reliability import informedness
from db.responses import gold_answers
from db.review import adjudications
from db.roles import Actor
from db.store import Store, Work
from db.tables import CLOSED, Annotator, Item, Lease
from db.values import Answer, ItemState, Outcome, Status
from vlfau.action_units import AU_NUMBERS

SAMPLES = 500
"""Bootstrap samples of the intervals."""


@dataclass(frozen=True)
class UnitAgreement:
    """How well people agree on one action unit, known faces left out; NaN where a coefficient is not defined."""

    number: int
    items: int
    """With at least two answers."""
    prevalence: float
    raw_agreement: float
    cohen_kappa: float
    """Mean over pairs of annotators, weighted by the items they share."""
    fleiss_kappa: float
    randolph_kappa: float
    alpha_nominal: float
    alpha_nominal_low: float
    alpha_nominal_high: float
    alpha_ordinal: float
    """Of intensities, absent being 0."""
    alpha_ordinal_low: float
    alpha_ordinal_high: float


@dataclass(frozen=True)
class AnnotatorRecord:
    """How one annotator does; rates are NaN without a case."""

    pseudonym: str
    responses: int
    sensitivity: float
    """Mean over action units they judged, by Dawid and Skene."""
    specificity: float
    informedness: float
    """Sensitivity + specificity - 1: 0 is what a coin would do."""
    gold_judgements: int
    gold_accuracy: float
    seconds: float
    """Median time on a face."""
    leases: int
    """Faces handed out to them."""
    expired: int
    """Of these, how many the clock took back."""
    per_unit: dict[int, tuple[float, float]]
    """Number -> sensitivity and specificity."""


@dataclass(frozen=True)
class Anchoring:
    """How much more often people say what the model says when they see it.

    Which items are blind was drawn by chance, so the difference is the effect of showing the prediction. Answers that
    were blind by choice are left out, and so are known faces, which nobody sees with the prediction.
    """

    agreement_shown: float
    agreement_blind: float
    effect: float
    effect_low: float
    effect_high: float
    """95 % bootstrap over items."""
    judgements_shown: int
    judgements_blind: int
    errors_taken_over_shown: float
    """Of the model's errors on faces that are known by now, the share that people repeated who saw them before."""
    errors_taken_over_blind: float
    """The same of faces that were drawn to be blind."""


@dataclass(frozen=True)
class Agreement:
    """The whole report on a project."""

    facs_index: float
    """Mean over faces of the mean over pairs of annotators; both-empty counts as 1. Known faces are left out."""
    facs_index_low: float
    facs_index_high: float
    faces: int
    """With at least two answers, known ones left out."""
    units: tuple[UnitAgreement, ...]
    annotators: tuple[AnnotatorRecord, ...]
    anchoring: Anchoring


def measure(store: Store, actor: Actor, project_id: int) -> Agreement:
    """Agreement, reliability and anchoring of everything that was submitted and stands."""
    with store.reading(actor, "measure") as work:
        project_row(work, project_id)
        found = judgements(work, project_id)
        laid_down = verdicts(work, project_id)
        names = {row.id: row.pseudonym for row in work.scalars(select(Annotator))}
        habits = _habits(work, project_id)
    among_people = found.where(~found.known)
    indices = _facs_indices(among_people)
    low, high = _mean_interval(indices)
    return Agreement(
        facs_index=float(indices.mean()) if len(indices) else math.nan,
        facs_index_low=low,
        facs_index_high=high,
        faces=len(indices),
        units=tuple(_unit(among_people, place) for place in range(len(AU_NUMBERS))),
        annotators=_annotators(found, laid_down, names, habits),
        anchoring=anchoring(found),
    )


def count_answers(store: Store, actor: Actor, project_id: int, limit: int) -> int:
    """How much there is to measure: submissions of a project that stand, counted up to `limit`."""
    with store.reading(actor, "measure") as work:
        submitted = (Response.project_id == project_id, Response.status == Status.SUBMITTED, stands())
        some = select(Response.id).where(*submitted).limit(limit)
        return work.scalar(select(func.count()).select_from(some.subquery())) or 0


def verdicts(work: Work, project_id: int) -> dict[int, Answer]:
    """Item id -> what was laid down about it: gold, or adjudication."""

    closed = select(Item.id).where(Item.project_id == project_id, text(CLOSED))

    def those(state: ItemState) -> list[int]:
        return list(work.scalars(closed.where(Item.state == state)))

    return adjudications(work, those(ItemState.SETTLED)) | gold_answers(work, those(ItemState.GOLD))


def anchoring(found: Judgements) -> Anchoring:
    """The effect of showing the prediction; see `Anchoring`."""
    as_drawn = np.isfinite(found.model) & (found.item_blind | ~found.blind)
    compared = as_drawn & ~found.known
    same = found.present == (found.model == 1)
    items, place = np.unique(found.item[compared], return_inverse=True)
    cells = np.zeros((2, 2, len(items)))  # agreed or all, shown or blind, item
    blind = found.item_blind[compared].astype(int)
    np.add.at(cells[0], (blind, place), same[compared].astype(float))
    np.add.at(cells[1], (blind, place), 1.0)

    def rates(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        agreed, all_of_them = cells[:, :, drawn].sum(axis=2)
        with np.errstate(invalid="ignore"):
            return np.where(all_of_them > 0, agreed / all_of_them, np.nan)

    shown, hidden = rates(np.arange(len(items)))
    low, high = agreement.bootstrap_interval(
        lambda drawn: float(np.subtract(*rates(drawn))), len(items), SAMPLES
    )
    wrong = np.isfinite(found.truth) & as_drawn & (found.truth != found.model)
    return Anchoring(
        float(shown),
        float(hidden),
        float(shown - hidden),
        low,
        high,
        int((blind == 0).sum()),
        int((blind == 1).sum()),
        _mean(same[wrong & ~found.item_blind]),
        _mean(same[wrong & found.item_blind]),
    )


def as_json(value: Any) -> Any:
    """A report as plain JSON values: None where a number is not defined."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): as_json(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(part) for part in value]
    return as_json(asdict(value)) if hasattr(type(value), "__dataclass_fields__") else value


def columns_of(table: type) -> list[str]:
    """The field names of a report's table."""
    return [field.name for field in fields(table)]


def _unit(found: Judgements, place: int) -> UnitAgreement:
    ratings = found.ratings(place)
    graded = found.ratings(place, np.where(found.present, found.intensity, 0.0))
    low, high = agreement.krippendorff_interval(ratings, "nominal", SAMPLES)
    ordinal_low, ordinal_high = agreement.krippendorff_interval(graded, "ordinal", SAMPLES)
    return UnitAgreement(
        AU_NUMBERS[place],
        int((np.isfinite(ratings).sum(axis=0) >= 2).sum()),
        agreement.prevalence(ratings),
        agreement.raw_agreement(ratings),
        agreement.mean_cohen_kappa(ratings),
        agreement.fleiss_kappa(ratings),
        agreement.randolph_kappa(ratings),
        agreement.krippendorff_alpha(ratings, "nominal"),
        low,
        high,
        agreement.krippendorff_alpha(graded, "ordinal"),
        ordinal_low,
        ordinal_high,
    )


def _facs_indices(found: Judgements) -> NDArray[np.float64]:
    """Per face with at least two answers, the mean index over pairs of them."""
    scored: defaultdict[int, dict[int, set[int]]] = defaultdict(dict)
    for item, response, unit, present in zip(
        found.item.tolist(), found.response.tolist(), found.unit.tolist(), found.present.tolist(), strict=True
    ):
        scored[item].setdefault(response, set()).update({unit} if present else ())
    return np.array(
        [
            np.mean([agreement.facs_index(a, b) for a, b in combinations(answers.values(), 2)])
            for answers in scored.values()
            if len(answers) > 1
        ]
    )


def _habits(work: Work, project_id: int) -> dict[int, tuple[float, int, int]]:
    """Annotator id -> median seconds on a face, leases, and how many of these expired."""
    seconds: defaultdict[int, list[float]] = defaultdict(list)
    submitted = (Response.project_id == project_id, Response.status == Status.SUBMITTED, stands())
    for annotator, spent in work.execute(select(Response.annotator_id, Response.seconds).where(*submitted)):
        seconds[annotator].append(spent)
    expired = func.count().filter(Lease.outcome == Outcome.EXPIRED)
    query = select(Lease.annotator_id, func.count(), expired).where(Lease.project_id == project_id)
    leases = {row[0]: (row[1], row[2]) for row in work.execute(query.group_by(Lease.annotator_id))}
    return {who: (float(np.median(spent)), *leases.get(who, (0, 0))) for who, spent in seconds.items()}


def _annotators(
    found: Judgements,
    laid_down: dict[int, Answer],
    names: dict[int, str],
    habits: dict[int, tuple[float, int, int]],
) -> tuple[AnnotatorRecord, ...]:
    _, known = consensus(found, laid_down)
    records = []
    for row, annotator in enumerate(known.annotators.tolist()):
        mine = found.annotator == annotator
        units = np.unique(found.unit[mine])
        confusion = known.confusion[units, row]
        tested = mine & np.isfinite(found.truth)
        records.append(
            AnnotatorRecord(
                names[annotator],
                len(np.unique(found.response[mine])),
                float(confusion[:, 1, 1].mean()),
                float(confusion[:, 0, 0].mean()),
                float(informedness(confusion).mean()),
                int(tested.sum()),
                _mean(found.present[tested] == (found.truth[tested] == 1)),
                *habits[annotator],
                {
                    AU_NUMBERS[unit]: (float(matrix[1, 1]), float(matrix[0, 0]))
                    for unit, matrix in zip(units, confusion, strict=True)
                },
            )
        )
    return tuple(records)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    return agreement.bootstrap_interval(lambda drawn: float(values[drawn].mean()), len(values), SAMPLES)
