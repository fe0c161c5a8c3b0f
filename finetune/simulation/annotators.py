"""Simulated annotators: each sees a face as the store hands it out, and answers as people of their kind do.

Letters: A action units.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from db.values import Answer, Occurrence, Prediction, UnitAnswer
from vlfau.action_units import AU_NUMBERS

Peak = NDArray[np.float32]
"""(A,) true intensities 0-5 of the stronger side; NaN where nobody can tell."""


class Annotator:
    """Somebody who answers; the store only knows their name."""

    seconds: float
    """For a face."""

    def answer(self, peak: Peak, prediction: Prediction | None, rng: np.random.Generator) -> Answer:
        """What they say of a face whose true intensities are `peak` (A,), 0-5 or NaN where nobody can tell."""
        return Answer(tuple(self.units(peak, prediction, rng)), seconds=self.seconds)

    def units(
        self, peak: Peak, prediction: Prediction | None, rng: np.random.Generator
    ) -> Iterable[UnitAnswer]:
        raise NotImplementedError


@dataclass
class Careful(Annotator):
    """Sees what is there, and errs on `flips` of the action units."""

    flips: float = 0.1
    seconds: float = 40.0

    def units(
        self, peak: Peak, prediction: Prediction | None, rng: np.random.Generator
    ) -> Iterable[UnitAnswer]:
        for number, true in zip(AU_NUMBERS, peak.tolist(), strict=True):
            if np.isnan(true):
                yield UnitAnswer(number, Occurrence.UNSURE)
                continue
            present = (true >= PRESENT_FROM) != (rng.random() < self.flips)
            rated = int(np.clip(np.round(true + rng.normal(0, 0.5)), 1, 5))
            yield _unit(number, present, rated)


class Lazy(Annotator):
    """Accepts every prediction."""

    seconds = 4.0

    def units(
        self, peak: Peak, prediction: Prediction | None, rng: np.random.Generator
    ) -> Iterable[UnitAnswer]:
        shown = {unit.number: unit for unit in prediction.units} if prediction else {}
        units = [
            _unit(number, unit.active, int(np.clip(round(unit.intensity or 1), 1, 5)))
            for number in AU_NUMBERS
            if (unit := shown.get(number))
        ]
        # without a prediction there is nothing to accept: everything is called absent
        return units or [_unit(n, False) for n in AU_NUMBERS]


class Spammer(Annotator):
    """Clicks at random."""

    seconds = 2.0

    def units(
        self, peak: Peak, prediction: Prediction | None, rng: np.random.Generator
    ) -> Iterable[UnitAnswer]:
        return [_unit(n, bool(rng.random() < 0.5), int(rng.integers(1, 6))) for n in AU_NUMBERS]


PRESENT_FROM = 1.0
"""Intensity (A) from which the simulated people call an action unit present."""


def _unit(number: int, present: bool, intensity: int | None = None) -> UnitAnswer:
    if present:
        return UnitAnswer(number, Occurrence.PRESENT, intensity=intensity)
    return UnitAnswer(number, Occurrence.ABSENT)


def crew(careful: int, flips: float) -> dict[str, Annotator]:
    """Name -> annotator: some careful ones, one lazy, one spammer."""
    people: dict[str, Annotator] = {f"careful-{number}": Careful(flips) for number in range(careful)}
    return people | {"lazy": Lazy(), "spammer": Spammer()}
