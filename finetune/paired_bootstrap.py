"""F1 and calibration error of two networks on the same faces, and how sure the difference is: a bootstrap over people.

Letters: n faces, P people, A action units, R draws, B bins of probability. Labels are 1 present, 0 absent, NaN unknown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlfau.metrics import CALIBRATION_BINS, Interval

Floats = NDArray[np.float64]
Weights = NDArray[np.float32]

REPEATS = 4000
"""Enough for a drop to be told from chance among some fifty figures; see `Pair.by_chance`."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Pair:
    """One figure of both networks and the gain from the first to the second; NaN where it is not defined."""

    champion: Interval
    candidate: Interval
    gain: Interval
    by_chance: float
    """Share of draws in which the candidate is not worse: one-sided, how likely a loss like this is chance."""


@dataclass(frozen=True)
class PairedF1:
    """F1 of two networks that were asked about the same faces."""

    macro: Pair
    """Mean over the action units that somebody shows."""
    units: tuple[Pair, ...]
    """(A,)"""
    present: tuple[int, ...]
    """(A,) faces that show it."""
    known: tuple[int, ...]
    """(A,) faces of which it is known."""
    people: int


def paired_f1(
    labels: Floats,
    champion: NDArray[np.bool_],
    candidate: NDArray[np.bool_],
    person: NDArray[np.str_],
    repeats: int = REPEATS,
    seed: int = 0,
) -> PairedF1:
    """Compare decisions (n, A) about faces of `person` (n,).

    Each draw takes as many people as there are, with all their faces, some more than once, and asks both networks: the
    difference is taken within the draw (Efron & Tibshirani 1993, ch. 13). An action unit that nobody of a draw shows is
    left out of its mean, for both.
    """
    row_person, weights = _draws(person, repeats, seed)
    first, second = (_f1(labels, said, row_person, weights) for said in (champion, candidate))
    known = ~np.isnan(labels)
    return PairedF1(
        _pair(_row_means(first), _row_means(second)),
        tuple(_pair(first[:, unit], second[:, unit]) for unit in range(labels.shape[1])),
        tuple(int(found) for found in (labels == 1).sum(axis=0)),
        tuple(int(found) for found in known.sum(axis=0)),
        weights.shape[1],
    )


def paired_ece(
    labels: Floats,
    champion: Floats,
    candidate: Floats,
    person: NDArray[np.str_],
    repeats: int = REPEATS,
    seed: int = 0,
) -> Pair:
    """Expected calibration errors of probabilities (n, A), over all known labels together; `gain` is how far it rises.

    Single action units have too few faces for bins. NaN without any label. Draws as in `paired_f1`.
    """
    row_person, weights = _draws(person, repeats, seed)
    first, second = (_ece(labels, said, row_person, weights) for said in (champion, candidate))
    return _pair(first, second, lower_is_better=True)


def _draws(person: NDArray[np.str_], repeats: int, seed: int) -> tuple[NDArray[np.intp], Weights]:
    """Whose each face is (n,), and how often each draw takes each person (1 + R, P); the first takes everybody once."""
    names, row_person = np.unique(person, return_inverse=True)
    count = len(names)
    weights = np.ones((repeats + 1, count), np.float32)
    if count:
        weights[1:] = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), repeats)
    return row_person, weights


def _ece(labels: Floats, said: Floats, row_person: NDArray[np.intp], weights: Weights) -> Floats:
    """(1 + R,) as `vlfau.metrics.ece_per_au` has it; NaN where nothing is known."""
    rows, units = np.nonzero(~np.isnan(labels))
    present, probability = labels[rows, units], said[rows, units]
    place = np.clip(np.ceil(probability * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    gaps = np.zeros((weights.shape[1], CALIBRATION_BINS))
    np.add.at(gaps, (row_person[rows], place), present - probability)
    count = weights @ np.bincount(row_person[rows], minlength=weights.shape[1]).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.abs(weights @ gaps).sum(axis=1) / count)


def _f1(labels: Floats, said: NDArray[np.bool_], row_person: NDArray[np.intp], weights: Weights) -> Floats:
    """(1 + R, A); the first row is everybody once. NaN where nobody shows it."""
    present, absent = labels == 1, labels == 0
    tables = (present & said, absent & said, present & ~said)
    sums = [_by_person(table, row_person, weights.shape[1]) for table in tables]
    hits, alarms, misses = (weights @ table for table in sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = 2 * hits / (2 * hits + alarms + misses)
    return np.where(hits + misses > 0, score, np.nan)


def _by_person(table: NDArray[np.bool_], row_person: NDArray[np.intp], people: int) -> Floats:
    """(n, A) -> (P, A) counts."""
    counts = np.zeros((people, table.shape[1]))
    np.add.at(counts, row_person, table)
    return counts


def _row_means(scores: Floats) -> Floats:
    known = ~np.isnan(scores)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, scores, 0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _pair(champion: Floats, candidate: Floats, lower_is_better: bool = False) -> Pair:
    """(1 + R,) each: the figure and its draws."""
    gain = candidate - champion
    draws = _known_draws(gain)
    not_worse = (draws <= 0 if lower_is_better else draws >= 0).sum()
    by_chance = float((1 + not_worse) / (1 + len(draws))) if len(draws) else float("nan")
    return Pair(_interval(champion), _interval(candidate), _interval(gain), by_chance)


def _interval(scores: Floats) -> Interval:
    """Figure and percentile bounds."""
    draws = _known_draws(scores)
    if not len(draws):
        return Interval(float(scores[0]), float("nan"), float("nan"))
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return Interval(float(scores[0]), low, high)


def _known_draws(scores: Floats) -> Floats:
    """Draws that have a figure; none when more than half of them have none."""
    draws = scores[1:]
    known = draws[~np.isnan(draws)]
    return known if not np.isnan(scores[0]) and 2 * len(known) > len(draws) else known[:0]
