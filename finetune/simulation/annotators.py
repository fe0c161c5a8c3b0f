"""Simulated annotators: each sees a face as the store hands it out, and answers as people of their kind do.

Letters: A action units.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from db.values import Answer, Occurrence, Prediction, UnitAnswer
from vlfau.action_units import AU_NUMBERS

SECONDS = {"careful": 40.0, "lazy": 4.0, "spammer": 2.0}


class Annotator(Protocol):
    """Somebody who answers; `kind` says what they are, the store only knows their name."""

    kind: str

    def answer(
        self, peak: NDArray[np.float32], prediction: Prediction | None, rng: np.random.Generator
    ) -> Answer:
        """What they say of a face whose true intensities are `peak` (A,), 0-5 or NaN where nobody can tell."""
        ...


@dataclass
class Careful:
    """Sees what is there, and errs on `flips` of the action units."""

    flips: float = 0.1
    kind: str = "careful"

    def answer(
        self, peak: NDArray[np.float32], prediction: Prediction | None, rng: np.random.Generator
    ) -> Answer:
        units = []
        for number, true in zip(AU_NUMBERS, peak.tolist(), strict=True):
            if np.isnan(true):
                units.append(UnitAnswer(number, Occurrence.UNSURE))
                continue
            present = (true >= PRESENT_FROM) != (rng.random() < self.flips)
            rated = int(np.clip(np.round(true + rng.normal(0, 0.5)), 1, 5))
            units.append(_unit(number, present, rated))
        return Answer(tuple(units), seconds=SECONDS[self.kind])


@dataclass
class Lazy:
    """Accepts every prediction."""

    kind: str = "lazy"

    def answer(
        self, peak: NDArray[np.float32], prediction: Prediction | None, rng: np.random.Generator
    ) -> Answer:
        shown = {unit.number: unit for unit in prediction.units} if prediction else {}
        units = [
            _unit(number, unit.active, int(np.clip(round(unit.intensity or 1), 1, 5)))
            for number in AU_NUMBERS
            if (unit := shown.get(number))
        ]
        # without a prediction there is nothing to accept: everything is called absent
        return Answer(tuple(units or [_unit(n, False) for n in AU_NUMBERS]), seconds=SECONDS[self.kind])


@dataclass
class Spammer:
    """Clicks at random."""

    kind: str = "spammer"

    def answer(
        self, peak: NDArray[np.float32], prediction: Prediction | None, rng: np.random.Generator
    ) -> Answer:
        units = [_unit(n, bool(rng.random() < 0.5), int(rng.integers(1, 6))) for n in AU_NUMBERS]
        return Answer(tuple(units), seconds=SECONDS[self.kind])


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
