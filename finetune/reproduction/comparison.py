"""Whether one variant is better than another: paired differences of a measure, with intervals over subjects.

Differences of one or two points between methods on these folds are within the noise of who is in which fold, so a
difference without its interval says nothing. Letters: n faces, P subjects, A action units, R draws, K pairs (seed,
division).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finetune.reproduction.measures import Verdicts, counts_by_subject, f1_of_counts
from finetune.reproduction.results import Result
from vlfau.errors import DataError
from vlfau.metrics import Interval

Array = NDArray[np.float64]

REPEATS = 1000
LEVELS = 1000
"""Of scores of an action unit; a thousand move average precision by less than a thousandth."""


@dataclass(frozen=True)
class Difference:
    """A measure (0-1, averaged over action units) of one variant less that of another."""

    measure: str
    """`f1` or `auprc`"""
    better: str
    than: str
    interval: Interval
    """Mean over seeds and divisions; 95 %, drawing the test subjects of each division, and its seeds, anew (Efron &
    Tibshirani 1993, ch. 13). Drawn from K seeds, their variance is (K - 1) / K of what it should be; of one, none."""
    pairs: tuple[float, ...]
    """The same for every seed and division, in the order of `names`."""
    names: tuple[str, ...]

    @property
    def wins(self) -> int:
        """In how many pairs the first was better."""
        return sum(pair > 0 for pair in self.pairs)

    @property
    def answer(self) -> str:
        """In words, only what the interval allows."""
        if self.interval.low > 0:
            return f"{self.better} is better than {self.than}"
        if self.interval.high < 0:
            return f"{self.better} is worse than {self.than}"
        return f"no difference between {self.better} and {self.than} can be told"


class DrawnF1:
    """F1 of a test fold whose subjects are drawn anew."""

    def __init__(self, tested: Verdicts) -> None:
        self.subjects, self.counts = counts_by_subject(tested)

    def __call__(self, times: Array) -> Array:
        """How often each subject was drawn (R, P) -> (R, A); NaN where nobody drawn shows the action unit."""
        counts = np.tensordot(times, self.counts, axes=1)
        shown = counts[..., 0] + counts[..., 2] > 0
        return np.where(shown, f1_of_counts(counts), np.nan)


class DrawnAUPRC:
    """Average precision of a test fold whose subjects are drawn anew, each face weighing as often as it was drawn.

    The same as `vlfau.metrics.auprc_per_au` of the drawn faces, up to `LEVELS` different scores of an action unit;
    beyond that, neighbouring scores count as equal. Faces are counted once, by subject and score.
    """

    def __init__(self, tested: Verdicts) -> None:
        self.subjects, subject = np.unique(tested.subject, return_inverse=True)
        self.units = [
            [self._counted(subject, level, labels == 1), self._counted(subject, level, ~np.isnan(labels))]
            for level, labels in zip(map(_levels, tested.probabilities.T), tested.labels.T, strict=True)
        ]

    def _counted(
        self, subject: NDArray[np.int64], level: NDArray[np.int64], which: NDArray[np.bool_]
    ) -> Array:
        """(P, levels) faces."""
        table = np.zeros((len(self.subjects), int(level.max()) + 1))
        np.add.at(table, (subject[which], level[which]), 1)
        return table

    def __call__(self, times: Array) -> Array:
        """How often each subject was drawn (R, P) -> (R, A); NaN where those drawn do not show both states."""
        return np.stack([self._unit(times, *tables) for tables in self.units], axis=-1)

    def _unit(self, times: Array, present: Array, known: Array) -> Array:
        here = times @ present
        found, asked = here.cumsum(axis=1), (times @ known).cumsum(axis=1)
        precision = np.divide(found, asked, out=np.zeros(found.shape), where=asked > 0)
        total = found[:, -1]
        both = (total > 0) & (asked[:, -1] > total)
        return np.divide((precision * here).sum(axis=1), total, out=np.full(total.shape, np.nan), where=both)


def _levels(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n,) rank among the different scores, the surest 0."""
    edges = np.unique(scores)
    if len(edges) > LEVELS:
        edges = np.unique(np.quantile(scores, np.linspace(0, 1, LEVELS)))
    level = np.searchsorted(edges, scores)
    return np.asarray(level.max() - level)


MEASURES: dict[str, type[DrawnF1] | type[DrawnAUPRC]] = {"f1": DrawnF1, "auprc": DrawnAUPRC}


def difference(results: Sequence[Result], better: str, than: str, measure: str = "f1") -> Difference | None:
    """Compare two variants on the seeds and divisions that both have; None when there is none.

    Raises `DataError` when the results of a division are of different subjects.
    """
    keyed = {(each.variant, each.seed, each.division): each for each in results}
    keys = sorted({(s, d) for v, s, d in keyed if v == better} & {(s, d) for v, s, d in keyed if v == than})
    if not keys:
        return None
    rng = np.random.default_rng(0)
    straight, drawn = [0.0] * len(keys), []
    for division in sorted({division for _, division in keys}):
        places = [place for place, (_, name) in enumerate(keys) if name == division]
        pairs = [[MEASURES[measure](keyed[v, *keys[k]].tested) for v in (better, than)] for k in places]
        people = _same_subjects(division, [each for pair in pairs for each in pair])
        times = rng.multinomial(people, [1 / people] * people, REPEATS).astype(np.float64)
        everybody = np.ones((1, people))
        for place, pair in zip(places, pairs, strict=True):
            straight[place] = float(_gain(pair, everybody)[0])
        gains = np.stack([_gain(pair, times) for pair in pairs], axis=1)  # (R, seeds)
        drawn.append(np.take_along_axis(gains, rng.integers(len(places), size=gains.shape), axis=1))
    low, high = np.nanquantile(_mean(np.concatenate(drawn, axis=1)), [0.025, 0.975]).tolist()
    names = tuple(f"{division}, seed {seed}" for seed, division in keys)
    mean = float(_mean(np.array([straight]))[0])
    return Difference(measure, better, than, Interval(mean, low, high), tuple(straight), names)


def _same_subjects(division: str, asked: Sequence[DrawnF1 | DrawnAUPRC]) -> int:
    """How many there are; what is paired has to be paired."""
    first = asked[0].subjects
    if any(each.subjects.tolist() != first.tolist() for each in asked):
        raise DataError(
            f"Two trainings cannot be compared. Their test subjects of {division} differ. Train both on the same faces."
        )
    return len(first)


def _gain(pair: Sequence[DrawnF1 | DrawnAUPRC], times: Array) -> Array:
    """(R,) first less second, over the action units that both have; which those are, the labels decide."""
    one, two = (each(times) for each in pair)
    return _mean(one - two)


def _mean(values: Array) -> Array:
    """(R, n) -> (R,) over what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
