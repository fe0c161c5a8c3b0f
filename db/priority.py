"""Which face is worth most to look at next: uncertainty x disagreement x rarity, summed over its action units."""

import math
from collections.abc import Iterable, Mapping

from db.values import PredictedUnit

PRIOR_PRESENT, PRIOR_ABSENT = 1.0, 4.0
"""Counts every action unit begins with when its rarity is worked out."""


def priority(
    units: Iterable[PredictedUnit], votes: Mapping[int, tuple[int, int]], rarity: Mapping[int, float]
) -> float:
    """Priority of an item, 0 or more; the highest goes first.

    Mean over its predicted action units of

        uncertainty    entropy of the probability in bits, 0-1, a little added so that contradicted certainty counts
      x disagreement   1 + 4 q (1 - q), q the share of "present" among people and model: 1 in unison, 2 half and half
      x rarity         1 / sqrt(prevalence), 1 on average; see `rarity_weights`

    `votes` number -> (how many people said present, absent); 0 for an item without a prediction.
    """
    terms = [
        (0.05 + _entropy_bits(unit.probability))
        * (1 + _contradiction(votes.get(unit.number, (0, 0)), unit.active))
        * rarity.get(unit.number, 1.0)
        for unit in units
    ]
    return sum(terms) / len(terms) if terms else 0.0


def rarity_weights(counts: Mapping[int, tuple[int, int]]) -> dict[int, float]:
    """Number -> (present, absent) counts, to weights with mean 1: 1 / sqrt(smoothed prevalence)."""
    raw = {
        number: math.sqrt((present + absent + PRIOR_PRESENT + PRIOR_ABSENT) / (present + PRIOR_PRESENT))
        for number, (present, absent) in counts.items()
    }
    mean = sum(raw.values()) / len(raw) if raw else 1.0
    return {number: weight / mean for number, weight in raw.items()}


def _entropy_bits(p: float) -> float:
    return 0.0 if p <= 0 or p >= 1 else -(p * math.log2(p) + (1 - p) * math.log2(1 - p))


def _contradiction(votes: tuple[int, int], model_says_present: bool) -> float:
    """0 when all say the same, 1 when half say present; nobody but the model, 0."""
    present, absent = votes
    share = (present + model_says_present) / (present + absent + 1)
    return 4 * share * (1 - share)
