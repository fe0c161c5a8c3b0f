"""Whether one variant is better than another: paired differences of average F1, with intervals over subjects.

Differences of one or two points between methods on these folds are within the noise of who is in which fold, so a
difference without its interval says nothing. Letters: P subjects, A action units, K pairs (seed, division).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finetune.reproduction.measures import counts_by_subject, f1_of_counts
from finetune.reproduction.results import Result
from vlfau.metrics import Interval, bootstrap_by_person

REPEATS = 2000


@dataclass(frozen=True)
class Difference:
    """Average F1 (0-1) of one variant less that of another."""

    better: str
    than: str
    interval: Interval
    """Mean over seeds and divisions; 95 %, drawing test subjects anew."""
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


def difference(results: Sequence[Result], better: str, than: str) -> Difference | None:
    """Compare two variants on the seeds and divisions that both have; None when there is none."""
    keyed = {(each.variant, each.seed, each.division): each for each in results}
    keys = sorted({(s, d) for v, s, d in keyed if v == better} & {(s, d) for v, s, d in keyed if v == than})
    if not keys:
        return None
    pairs = [(keyed[better, *key], keyed[than, *key]) for key in keys]
    counts, subjects = zip(*(_paired_counts(one, two) for one, two in pairs), strict=True)
    divisions = [division for _, division in keys]

    def each(rows_of: dict[str, NDArray[np.int64]]) -> list[float]:
        """(K,) difference of average F1 with the test subjects of each division drawn."""
        drawn = [table[:, rows_of[d]].sum(axis=1) for table, d in zip(counts, divisions, strict=True)]
        return [_average(one) - _average(two) for one, two in drawn]

    people = dict(zip(divisions, subjects, strict=True))
    start, everyone = {}, 0
    for division, names in people.items():
        start[division], everyone = everyone, everyone + len(names)

    def statistic(rows: NDArray[np.int64]) -> float:
        """Mean over pairs; `rows` draws subjects, numbered through all divisions."""
        inside = {d: rows[(rows >= start[d]) & (rows < start[d] + len(people[d]))] - start[d] for d in people}
        return float(np.nanmean(each(inside)))

    interval = bootstrap_by_person(statistic, np.arange(everyone), REPEATS)
    straight = {division: np.arange(len(names)) for division, names in people.items()}
    names = tuple(f"{division}, seed {seed}" for seed, division in keys)
    return Difference(better, than, interval, tuple(each(straight)), names)


def _paired_counts(one: Result, two: Result) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Counts (2, P, A, 3) of both on the same subjects, and the subjects (P,)."""
    names, first = counts_by_subject(one.tested)
    others, second = counts_by_subject(two.tested)
    assert (names == others).all()
    return np.stack([first, second]), names


def _average(counts: NDArray[np.int64]) -> float:
    """(A, 3) -> average F1 over the action units that have one; NaN without any."""
    f1 = f1_of_counts(counts)
    return float(np.nanmean(f1)) if not np.isnan(f1).all() else float("nan")
