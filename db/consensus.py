"""What holds of each face: a reviewer's word where there is one, else what the annotators say, by whom to believe."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from db.judgements import Judgements
from db.reliability import Votes, per_unit
from db.values import Answer, Occurrence
from vlfau.action_units import AU_NUMBERS


@dataclass(frozen=True)
class UnitConsensus:
    """What holds of one action unit on one face."""

    number: int
    probability: float
    """Soft label, 0-1, that it is present; 0 or 1 when it was laid down."""
    n: int
    """Annotators who said present or absent."""
    agreement: float | None
    """Share of them that say what most say, 0.5-1; None without any."""
    intensity: float | None
    """0 when it is more likely absent; else the mean of who rated it, weighted by whom to believe, or None."""
    laid_down: bool
    """By adjudication or gold, not by votes."""


Consensus = dict[int, dict[int, UnitConsensus]]
"""Item id -> number -> what holds; action units nobody judged are not in there: their label is masked."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """What is known of each annotator."""

    annotators: NDArray[np.int64]
    """(R,) ids."""
    confusion: NDArray[np.float64]
    """(A, R, 2, 2): action unit in the table's order, annotator, true absent/present, answered absent/present."""


def consensus(judgements: Judgements, laid_down: dict[int, Answer]) -> tuple[Consensus, Reliability]:
    """What holds of every face that was judged or settled.

    `laid_down` item id -> adjudication or gold. What a reviewer marks as unsure or not visible is masked, whatever
    others said. Answers on known faces teach whom to believe.
    """
    votes, pairs, reliability_ids = _votes(judgements)
    known = np.array([_truth(laid_down, *pair) for pair in pairs], dtype=np.int64)
    unit = np.array([place for _, place in pairs], dtype=np.int64)
    posterior, confusion = per_unit(votes, unit, known)
    confusion = _for_all_units(confusion, len(reliability_ids))
    result: Consensus = defaultdict(dict)
    trust = confusion[..., 1, 1] + confusion[..., 0, 0] - 1
    order = np.argsort(votes.item, kind="stable")
    ends = np.searchsorted(votes.item[order], np.arange(len(pairs) + 1))
    for index, (item, place) in enumerate(pairs):
        mine = order[ends[index] : ends[index + 1]]
        weights = np.clip(trust[place, votes.annotator[mine]], 1e-3, None)
        probability = float(posterior[index])
        present = judgements.present[mine]
        result[item][AU_NUMBERS[place]] = UnitConsensus(
            AU_NUMBERS[place],
            probability,
            len(mine),
            float(max(present.mean(), 1 - present.mean())) if len(mine) else None,
            _intensity(probability, judgements.intensity[mine], weights),
            laid_down=False,
        )
    for item, answer in laid_down.items():
        _lay_down(result[item], answer)
    return dict(result), Reliability(reliability_ids, confusion)


def _votes(judgements: Judgements) -> tuple[Votes, list[tuple[int, int]], NDArray[np.int64]]:
    """Judgements as votes on (item, action unit) pairs; those pairs; and the annotators' ids."""
    keys = judgements.item * len(AU_NUMBERS) + judgements.unit
    unique, place = np.unique(keys, return_inverse=True)
    annotators, who = np.unique(judgements.annotator, return_inverse=True)
    pairs = [(int(key // len(AU_NUMBERS)), int(key % len(AU_NUMBERS))) for key in unique]
    label = judgements.present.astype(np.int64)
    return Votes(who, place, label, len(annotators), len(pairs)), pairs, annotators


def _for_all_units(confusion: NDArray[np.float64], annotators: int) -> NDArray[np.float64]:
    """Action units that nobody judged yet are added at the end, with nothing known of anybody."""
    missing = len(AU_NUMBERS) - len(confusion)
    return np.concatenate([confusion, np.full((missing, annotators, 2, 2), 0.5)])


def _truth(laid_down: dict[int, Answer], item: int, place: int) -> int:
    said = laid_down[item].occurrences.get(AU_NUMBERS[place]) if item in laid_down else None
    return {Occurrence.PRESENT: 1, Occurrence.ABSENT: 0}.get(said, -1) if said else -1


def _intensity(
    probability: float, intensities: NDArray[np.float64], weights: NDArray[np.float64]
) -> float | None:
    if probability < 0.5:
        return 0.0
    rated = np.isfinite(intensities)
    return float(np.average(intensities[rated], weights=weights[rated])) if rated.any() else None


def _lay_down(units: dict[int, UnitConsensus], answer: Answer) -> None:
    """What a reviewer said takes the place of what the votes say."""
    for unit in answer.units:
        if unit.occurrence is None:
            continue
        voted = units.pop(unit.number, None)
        if unit.occurrence not in (Occurrence.PRESENT, Occurrence.ABSENT):
            continue
        present = unit.occurrence == Occurrence.PRESENT
        intensity: float | None = 0.0
        if present:
            intensity = (
                float(unit.intensity) if unit.intensity else (voted.intensity or None if voted else None)
            )
        units[unit.number] = UnitConsensus(
            unit.number,
            float(present),
            voted.n if voted else 0,
            voted.agreement if voted else None,
            intensity,
            laid_down=True,
        )
