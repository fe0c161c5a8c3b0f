"""Whether one variant is better than another: paired differences of a measure, with intervals over subjects.

Differences of one or two points between methods on these folds are within the noise of who is in which fold, so a
difference without its interval says nothing. Letters: n faces, P subjects, A action units, K pairs (seed, division).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finetune.reproduction.measures import Verdicts, counts_by_subject, f1_of_counts
from finetune.reproduction.results import Result
from vlfau.metrics import Interval

REPEATS = 2000


@dataclass(frozen=True)
class Difference:
    """A measure (0-1, averaged over action units) of one variant less that of another."""

    measure: str
    """`f1` or `auprc`"""
    better: str
    than: str
    interval: Interval
    """Mean over seeds and divisions; 95 %, drawing seeds, and the test subjects of each division, anew (Efron &
    Tibshirani 1993, ch. 13)."""
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
    """Average F1 of a test fold whose subjects are drawn anew."""

    def __init__(self, tested: Verdicts) -> None:
        self.subjects, self.counts = counts_by_subject(tested)

    def __call__(self, rows: NDArray[np.int64]) -> float:
        """`rows` are places in `subjects`, repeated as drawn; NaN when no action unit has an F1."""
        return _average(f1_of_counts(self.counts[rows].sum(axis=0)))


class DrawnAUPRC:
    """Average precision of a test fold whose subjects are drawn anew, each face weighing as often as it was drawn.

    The same as `vlfau.metrics.auprc_per_au` of the drawn faces; sorted once, since it is asked for thousands of times.
    """

    def __init__(self, tested: Verdicts) -> None:
        self.subjects, self.subject = np.unique(tested.subject, return_inverse=True)
        self.order = np.argsort(-tested.probabilities, axis=0, kind="stable")  # (n, A), surest first
        scores = np.take_along_axis(tested.probabilities, self.order, axis=0)
        labels = np.take_along_axis(tested.labels, self.order, axis=0)
        self.present, self.known = labels == 1, ~np.isnan(labels)
        faces = np.arange(len(scores))
        ends = np.where(np.diff(scores, axis=0, append=-1) != 0, faces[:, None], len(scores))
        self.level = np.minimum.accumulate(ends[::-1], axis=0)[
            ::-1
        ]  # (n, A) last of the faces with this score

    def __call__(self, rows: NDArray[np.int64]) -> float:
        """`rows` are places in `subjects`, repeated as drawn; NaN when no action unit has both states."""
        times = np.bincount(rows, minlength=len(self.subjects))[self.subject][self.order]
        found, asked = np.cumsum(times * self.present, axis=0), np.cumsum(times * self.known, axis=0)
        right, called = (np.take_along_axis(sums, self.level, axis=0) for sums in (found, asked))
        precision = np.divide(right, called, out=np.zeros(right.shape), where=called > 0)
        total = found[-1].astype(np.float64)
        both = (total > 0) & (asked[-1] > total)
        summed = (precision * times * self.present).sum(axis=0)
        return _average(np.divide(summed, total, out=np.full(total.shape, np.nan), where=both))


MEASURES: dict[str, type[DrawnF1] | type[DrawnAUPRC]] = {"f1": DrawnF1, "auprc": DrawnAUPRC}


def difference(results: Sequence[Result], better: str, than: str, measure: str = "f1") -> Difference | None:
    """Compare two variants on the seeds and divisions that both have; None when there is none."""
    keyed = {(each.variant, each.seed, each.division): each for each in results}
    keys = sorted({(s, d) for v, s, d in keyed if v == better} & {(s, d) for v, s, d in keyed if v == than})
    if not keys:
        return None
    drawn = MEASURES[measure]
    pairs = [(drawn(keyed[better, *key].tested), drawn(keyed[than, *key].tested)) for key in keys]
    folds: dict[str, list[int]] = {}
    for place, (_, division) in enumerate(keys):
        folds.setdefault(division, []).append(place)

    def gain(place: int, rows: NDArray[np.int64]) -> float:
        one, two = pairs[place]
        return one(rows) - two(rows)

    each = [gain(place, np.arange(len(one.subjects))) for place, (one, _) in enumerate(pairs)]
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(REPEATS):
        gains = []
        for places in folds.values():
            subjects = len(pairs[places[0]][0].subjects)
            rows = rng.integers(subjects, size=subjects)
            gains += [gain(places[k], rows) for k in rng.integers(len(places), size=len(places))]
        draws.append(np.nanmean(gains))
    low, high = np.nanquantile(draws, [0.025, 0.975]).tolist()
    names = tuple(f"{division}, seed {seed}" for seed, division in keys)
    return Difference(measure, better, than, Interval(float(np.nanmean(each)), low, high), tuple(each), names)


def _average(values: NDArray[np.float64]) -> float:
    """Mean over the action units that have a value; NaN without any."""
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
