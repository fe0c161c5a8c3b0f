"""Whom to believe: Dawid and Skene's estimate of each annotator's error rates and of what is true, together.

Dawid, A. P. & Skene, A. M. (1979). Maximum likelihood estimation of observer error-rates using the EM algorithm.
Applied Statistics 28, 20-28. A prior on the error rates keeps it sane with few answers, and pulls what is known of a
person on one action unit towards what is known of them on all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRUST = np.array([[4.0, 1.0], [1.0, 4.0]])
"""Pseudo-answers everybody begins with, true class x answer: right four times in five."""
BASE_ITEMS = 2.0
"""Pseudo-items of each class in each stratum: one face alone does not make an action unit common or rare."""
POOLED_ANSWERS = 10.0
"""How many answers per true class the record on all action units counts for one of them."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """What Dawid and Skene's procedure finds; K classes, R annotators, I items."""

    posterior: Floats
    """(I, K): how likely each class is the true one; rows sum to 1."""
    confusion: Floats
    """(R, K, K): how likely an annotator answers the third when the second is true; rows sum to 1."""
    shares: Floats
    """(S, K): how common each class is in each stratum."""


@dataclass(frozen=True, eq=False)
class Votes:
    """Single answers: annotator, item and class of each, counted from 0."""

    annotator: Ints
    item: Ints
    label: Ints
    annotators: int
    items: int
    classes: int = 2


def dawid_skene(
    votes: Votes,
    prior: Floats | float = 0.0,
    known: Ints | None = None,
    strata: Ints | None = None,
    base: float = 0.0,
    learn_from: NDArray[np.bool_] | None = None,
    iterations: int = 500,
    tolerance: float = 1e-7,
) -> Estimate:
    """The classes of items and the error rates of annotators that explain the votes best.

    `prior` pseudo-answers, (K, K) or (R, K, K), added to the counts; 0 is the published procedure. `known` (I,) true
    classes, -1 where unknown. `strata` (I,) groups of items with base rates of their own, one group without it; `base`
    pseudo-items of each class in each. `learn_from` (I,) items that error rates and base rates are learnt from, all
    without it. An item that nobody voted on gets the base rates. Begins with the votes' shares, as published.
    """
    tells = np.ones((votes.items, 1)) if learn_from is None else learn_from[:, None].astype(float)
    groups = np.zeros(votes.items, int) if strata is None else strata
    prior_counts = np.broadcast_to(np.asarray(prior, float), (votes.annotators, votes.classes, votes.classes))
    posterior = _clamp(_shares_of_votes(votes), known)
    for _ in range(iterations):
        shares = _base_rates(posterior * tells, groups, base)
        confusion = _confusion(votes, posterior * tells, prior_counts)
        updated = _clamp(_expect(votes, confusion, shares[groups]), known)
        moved = np.abs(updated - posterior).max(initial=0.0)
        posterior = updated
        if moved < tolerance:
            break
    learnt = posterior * tells
    return Estimate(posterior, _confusion(votes, learnt, prior_counts), _base_rates(learnt, groups, base))


def per_unit(votes: Votes, unit: Ints, known: Ints) -> tuple[Floats, Floats]:
    """Dawid and Skene for each action unit, every annotator's record on all units as the prior of each.

    `votes` on items that are pairs of face and action unit, classes absent and present; `unit` (I,) the action unit of
    each such item, counted from 0. Returns the posterior of "present" (I,) and confusions (U, R, 2, 2).

    Nothing is learnt from an item with one vote and no known truth: there the vote would only confirm what is believed
    of the annotator already, and round by round what is rare would become rarer, until votes for it were overruled.
    """
    several = (np.bincount(votes.item, minlength=votes.items) > 1) | (known >= 0)
    pooled = dawid_skene(votes, TRUST, known, unit, BASE_ITEMS, several)
    units = int(unit.max(initial=-1)) + 1
    posterior: Floats = np.empty(votes.items)
    confusion = np.empty((units, votes.annotators, 2, 2))
    for number in range(units):
        items = np.flatnonzero(unit == number)
        place = np.full(votes.items, -1)
        place[items] = np.arange(len(items))
        mine = place[votes.item] >= 0
        part = Votes(
            votes.annotator[mine],
            place[votes.item[mine]],
            votes.label[mine],
            votes.annotators,
            len(items),
        )
        found = dawid_skene(
            part, pooled.confusion * POOLED_ANSWERS, known[items], None, BASE_ITEMS, several[items]
        )
        posterior[items], confusion[number] = found.posterior[:, 1], found.confusion
    return posterior, confusion


def informedness(confusion: Floats) -> Floats:
    """(..., 2, 2) -> how much an annotator's answer says: sensitivity + specificity - 1; 1 perfect, 0 a coin."""
    known: Floats = confusion[..., 1, 1] + confusion[..., 0, 0] - 1.0
    return known


def _shares_of_votes(votes: Votes) -> Floats:
    counts = np.zeros((votes.items, votes.classes))
    np.add.at(counts, (votes.item, votes.label), 1.0)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), 1 / votes.classes)


def _base_rates(posterior: Floats, strata: Ints, base: float) -> Floats:
    totals = np.full((int(strata.max(initial=0)) + 1, posterior.shape[1]), base)
    np.add.at(totals, strata, posterior)
    rates: Floats = totals / np.maximum(totals.sum(axis=1, keepdims=True), 1e-12)
    return rates


def _confusion(votes: Votes, posterior: Floats, prior: Floats) -> Floats:
    """An annotator without votes and without prior answers anything with the same chance."""
    counts = prior.copy()
    for true in range(votes.classes):
        np.add.at(counts[:, true], (votes.annotator, votes.label), posterior[votes.item, true])
    total = counts.sum(axis=2, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1e-300), 1 / votes.classes)


def _expect(votes: Votes, confusion: Floats, shares: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logs = np.log(shares)
        np.add.at(logs, votes.item, np.log(confusion)[votes.annotator, :, votes.label])
    logs = logs - logs.max(axis=1, keepdims=True)
    likely = np.exp(logs)
    return likely / likely.sum(axis=1, keepdims=True)


def _clamp(posterior: Floats, known: Ints | None) -> Floats:
    if known is None:
        return posterior
    sure = known >= 0
    posterior[sure] = np.eye(posterior.shape[1])[known[sure]]
    return posterior
