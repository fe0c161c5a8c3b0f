"""How well people agree, as pure functions on arrays, each after its published formula.

Ratings are (R, I) arrays: R raters, I items, NaN where a rater did not rate. A coefficient is NaN where it is not
defined: no item with two ratings, or chance alone explains everything because only one value was ever given.
"""

from collections.abc import Callable, Set
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ratings = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]


def facs_index(a: Set[int], b: Set[int]) -> float:
    """Agreement of two coders on one face: twice the action units both scored, over all that either scored, 0-1.

    Ekman, Friesen & Hager 2002, Investigator's Guide. Where both scored none the formula says 0/0; here they agree, 1.
    """
    return 1.0 if not a and not b else 2 * len(a & b) / (len(a) + len(b))


def raw_agreement(ratings: Ratings) -> float:
    """Share of agreeing pairs of ratings, averaged over items with at least two; Fleiss' observed agreement."""
    counts = _counts(ratings)
    return float(_pair_agreement(counts).mean()) if len(counts) else float("nan")


def prevalence(ratings: Ratings) -> float:
    """Mean of all ratings: of 0 and 1, the share of "present"."""
    return float(np.nanmean(ratings)) if np.isfinite(ratings).any() else float("nan")


def cohen_kappa(ratings: Ratings) -> float:
    """Two raters, chance from each one's own habits (Cohen 1960).

    `ratings` (2, I); items that only one rated are left out. By hand and not by scikit-learn, whose checks of its input
    take a hundred times as long as the sum itself: a report needs one for each pair of people and each action unit.
    """
    a, b = ratings[:, np.isfinite(ratings).all(axis=0)]
    if len(a) == 0:
        return float("nan")
    values = np.union1d(a, b)
    habits_a, habits_b = (a[:, None] == values).mean(axis=0), (b[:, None] == values).mean(axis=0)
    return _beyond_chance(float((a == b).mean()), float(habits_a @ habits_b))


def mean_cohen_kappa(ratings: Ratings) -> float:
    """Cohen's kappa of each pair of raters, averaged with the number of items they share as weight."""
    rated = np.isfinite(ratings).astype(float)
    shared = np.triu(rated @ rated.T, 1)  # of two hundred people most pairs never met
    pairs = np.argwhere(shared)
    kappas = np.array([cohen_kappa(ratings[pair]) for pair in pairs])
    defined = np.isfinite(kappas)
    if not defined.any():
        return float("nan")
    return float(np.average(kappas[defined], weights=shared[tuple(pairs[defined].T)]))


def fleiss_kappa(ratings: Ratings) -> float:
    """Any raters, chance from how often each value is given overall (Fleiss 1971).

    Items may have different numbers of ratings, at least two; with equal numbers this is the published formula.
    """
    counts = _counts(ratings)
    if not len(counts):
        return float("nan")
    shares = counts.sum(axis=0) / counts.sum()
    return _beyond_chance(_pair_agreement(counts).mean(), float((shares**2).sum()))


def randolph_kappa(ratings: Ratings, values: int = 2) -> float:
    """Like Fleiss' kappa, chance being the same for each of the possible values (Randolph 2005).

    It does not collapse when an action unit is rare. `values` is how many there are to choose from.
    """
    counts = _counts(ratings)
    return _beyond_chance(_pair_agreement(counts).mean(), 1 / values) if len(counts) else float("nan")


def krippendorff_alpha(ratings: Ratings, level: Level = "nominal") -> float:
    """Any raters, any number of them per item (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").

    1 is perfect, 0 is chance. `level` says what a difference of two values means.
    """
    coincidences, values = _coincidences(ratings)
    return float(_alpha(coincidences.sum(axis=0)[None], values, level)[0])


def krippendorff_interval(
    ratings: Ratings, level: Level = "nominal", samples: int = 1000, coverage: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap over items of `krippendorff_alpha`: low and high end."""
    coincidences, values = _coincidences(ratings)
    items = len(coincidences)
    if items == 0:
        return float("nan"), float("nan")
    draws = np.random.default_rng(seed).multinomial(items, np.full(items, 1 / items), size=samples)
    alphas = _alpha(np.tensordot(draws.astype(float), coincidences, 1), values, level)
    alphas = alphas[np.isfinite(alphas)]
    return _ends(alphas, coverage)


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    groups: int,
    samples: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap: `statistic` gets the indices of the groups that were drawn, with repetition."""
    rng = np.random.default_rng(seed)
    drawn = np.array([statistic(rng.integers(0, groups, groups)) for _ in range(samples if groups else 0)])
    return _ends(drawn[np.isfinite(drawn)] if len(drawn) else drawn, coverage)


def _ends(values: NDArray[np.float64], coverage: float) -> tuple[float, float]:
    if len(values) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)


def _counts(ratings: Ratings) -> NDArray[np.float64]:
    """(items with at least two ratings, values): how often each value was given."""
    values = np.unique(ratings[np.isfinite(ratings)])
    counts = (ratings[:, :, None] == values).sum(axis=0).astype(float)
    return counts[counts.sum(axis=1) >= 2]


def _pair_agreement(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per item, the share of its pairs of ratings that agree."""
    total = counts.sum(axis=1)
    return (counts * (counts - 1)).sum(axis=1) / (total * (total - 1))


def _beyond_chance(observed: float, expected: float) -> float:
    return float("nan") if expected >= 1 else float((observed - expected) / (1 - expected))


def _coincidences(ratings: Ratings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(items with at least two ratings, K, K) pairs of values, weighing an item by its ratings; and (K,) values."""
    values = np.unique(ratings[np.isfinite(ratings)])
    counts = _counts(ratings)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(values))
    return pairs / (counts.sum(axis=1) - 1)[:, None, None], values


def _alpha(
    coincidences: NDArray[np.float64], values: NDArray[np.float64], level: Level
) -> NDArray[np.float64]:
    """(S, K, K) summed coincidences -> (S,) alphas."""
    totals = coincidences.sum(axis=2)
    everything = totals.sum(axis=1)
    distance = _distance(totals, values, level)
    observed = (coincidences * distance).sum(axis=(1, 2))
    expected = (totals[:, :, None] * totals[:, None, :] * distance).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (everything - 1) * observed / expected, np.nan)


def _distance(totals: NDArray[np.float64], values: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """(S, K, K) squared differences of values; ordinal ones depend on how often the values between occur."""
    if level == "nominal":
        return np.broadcast_to(1.0 - np.eye(len(values)), (len(totals), len(values), len(values)))
    if level == "interval":
        return np.broadcast_to((values[:, None] - values) ** 2, (len(totals), len(values), len(values)))
    middle = np.cumsum(totals, axis=1) - totals / 2
    return (middle[:, :, None] - middle[:, None, :]) ** 2
