"""What happens on a face: random but plausible sets of action units, their intensities and sides.

Letters: B faces, A 22 action units. Sides are the person's own, left first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from finetune.synthetic.actions import INDEX, NEVER_TOGETHER
from vlfau.action_units import ACTION_UNITS, AU_NUMBERS

LOWEST_INTENSITY, HIGHEST_INTENSITY = 0.5, 5.0
PROJECTIONS = 200
"""After which the correlations of a population have settled."""

COMBINATIONS: tuple[tuple[int, ...], ...] = (
    # Smiles: with and without the cheeks, lips closed and parted, with other mouth movements.
    *(
        (6, 12),
        (12,),
        (6, 12, 25),
        (12, 25),
        (6, 7, 12, 25, 26),
        (12, 25, 26),
        (12, 14),
        (6, 7, 12),
        (10, 12, 25),
    ),
    # Cheeks and lids without a smile.
    *((6,), (6,), (6, 25), (1, 6), (6, 17), (7, 12), (2, 12), (4, 12)),
    *((6,), (6, 7), (6, 9), (6, 10), (6, 15), (4, 6, 7), (6, 7, 9, 10), (6, 20, 25), (4, 6, 43)),
    # Brows.
    *(
        (1, 2),
        (1, 2, 5),
        (1, 2, 5, 26),
        (1, 2, 5, 25, 27),
        (1, 4),
        (1, 4, 15),
        (1, 2, 4),
        (1, 2, 4, 5, 20, 25),
    ),
    *((4, 7), (4, 5, 7, 23), (4, 7, 24), (4, 7, 9), (4, 9), (4, 17), (2, 5), (4, 7, 10, 25)),
    # Nose, upper lip and chin.
    *(
        (9, 10),
        (9, 10, 17),
        (9, 17),
        (10, 25),
        (9, 25),
        (15, 17),
        (1, 4, 15, 17),
        (17, 24),
        (17, 23),
        (10, 14),
    ),
    # Speech.
    *(
        (25,),
        (25, 26),
        (18, 25),
        (22, 25),
        (20, 25),
        (25, 27),
        (18, 22),
        (10, 25, 26),
        (20, 25, 26),
        (23,),
        (28,),
    ),
    *((12, 25, 26), (14, 17), (14, 24), (18,), (24,)),
    # Lids.
    *((43,), (43,), (43, 25), (12, 43), (4, 43), (1, 2, 43), (7,), (5,)),
)
"""Sets of units that people show together; frequent pairs follow the published co-occurrences."""


@dataclass(frozen=True)
class Mixture:
    """How often each kind of face is drawn (the rest is random sets of units) and how uneven faces are."""

    neutral: float = 0.27
    single: float = 0.25
    combination: float = 0.36
    extra_unit: float = 0.02
    random_units: float = 2.5
    uneven: float = 0.15
    lowest: float = LOWEST_INTENSITY

    def draw(self, rng: np.random.Generator) -> list[int]:
        """The action units of one face."""
        kind = rng.random()
        if kind < self.neutral:
            return []
        if kind < self.neutral + self.single:
            return [int(rng.choice(AU_NUMBERS))]
        chances = np.full(len(AU_NUMBERS), self.random_units / len(AU_NUMBERS))
        units: set[int] = set()
        if kind < self.neutral + self.single + self.combination:
            units = set(COMBINATIONS[rng.integers(len(COMBINATIONS))])
            chances[:] = self.extra_unit
        drawn = np.array(AU_NUMBERS)[rng.random(len(AU_NUMBERS)) < chances]
        return with_allowed(units, rng.permutation(drawn).tolist())


@dataclass(frozen=True)
class Population:
    """Faces of which each action unit is on a given share, alone and together with others.

    Units are thresholds on normal variables, whose correlation is the one that gives a pair its phi (tetrachoric;
    Pearson 1900); pairs that a face cannot show are pushed apart. What a face must leave out (see `allowed`) lowers
    rates and pairs a little.
    """

    rates: Mapping[int, float]
    """0-1 for some action units; all others have the rate `other`."""
    together: Mapping[tuple[int, int], float] = field(default_factory=dict)
    """phi, -1 to 1, of pairs of those"""
    other: float = 0.03
    apart: float = -0.8
    uneven: float = 0.15
    lowest: float = LOWEST_INTENSITY

    @cached_property
    def _root(self) -> NDArray[np.float64]:
        """A square root of the correlations of `rates`.

        Pairs that are not named are whatever lets the named ones be as they should: projections onto both in turn
        (Higham 2002).
        """
        units = list(self.rates)
        wanted = np.full((len(units), len(units)), np.nan)
        np.fill_diagonal(wanted, 1.0)
        for i, one in enumerate(units):
            for j, two in enumerate(units[:i]):
                phi = self.together.get((one, two), self.together.get((two, one)))
                if frozenset((one, two)) in NEVER_TOGETHER:
                    wanted[i, j] = wanted[j, i] = self.apart
                elif phi is not None:
                    wanted[i, j] = wanted[j, i] = tetrachoric(phi, self.rates[one], self.rates[two])
        found = np.nan_to_num(wanted)
        for _ in range(PROJECTIONS):
            values, vectors = np.linalg.eigh(found)
            found = np.where(np.isnan(wanted), (vectors * values.clip(1e-3)) @ vectors.T, wanted)
        values, vectors = np.linalg.eigh(found)
        root = vectors * np.sqrt(values.clip(1e-3))
        return np.asarray(root / np.linalg.norm(root, axis=1, keepdims=True))

    def draw(self, rng: np.random.Generator) -> list[int]:
        """The action units of one face."""
        below = norm.cdf(self._root @ rng.standard_normal(len(self.rates)))
        drawn = [unit for unit, share in zip(self.rates, below, strict=True) if share < self.rates[unit]]
        others = [u for u in AU_NUMBERS if u not in self.rates and rng.random() < self.other]
        return with_allowed(set(), [*rng.permutation(drawn).tolist(), *others])


def tetrachoric(phi: float, one: float, two: float) -> float:
    """Correlation of two normal variables that fall below the quantiles `one` and `two` with correlation phi."""
    both = phi * np.sqrt(one * (1 - one) * two * (1 - two)) + one * two
    cuts = norm.ppf([one, two])

    def excess(correlation: float) -> float:
        shape = [[1.0, correlation], [correlation, 1.0]]
        return float(multivariate_normal.cdf(cuts, cov=shape) - both)

    return float(brentq(excess, -0.99, 0.99, xtol=1e-3))


Expressions = Mixture | Population
"""What faces are drawn from."""


def sample_intensities(
    rng: np.random.Generator, count: int, expressions: Expressions | None = None
) -> NDArray[np.float32]:
    """Draw intensities (B, 2, A) in 0-5 for `count` faces; units of the midline are the same on both sides.

    The value of AU25 here is how far the lips are driven apart; its label is measured on the rendered lips.
    """
    expressions = expressions or Mixture()
    intensity = np.zeros((count, 2, len(AU_NUMBERS)), np.float32)
    for face in range(count):
        for number in expressions.draw(rng):
            level = rng.uniform(expressions.lowest, HIGHEST_INTENSITY)
            intensity[face, :, INDEX[number]] = level
            if ACTION_UNITS[INDEX[number]].has_sides and rng.random() < expressions.uneven:
                weaker = rng.integers(2)
                intensity[face, weaker, INDEX[number]] = level * rng.random() if rng.random() < 0.7 else 0.0
    return intensity


def allowed(units: set[int]) -> bool:
    """True when no two of the units exclude each other."""
    return not any(pair <= units for pair in NEVER_TOGETHER)


def with_allowed(units: set[int], more: list[int]) -> list[int]:
    """The units and, one after the other, those of `more` that none of them excludes."""
    for number in more:
        if allowed(units | {number}):
            units = units | {number}
    return sorted(units)
