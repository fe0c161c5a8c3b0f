"""How the answers to one face compare: for each action unit who said what, and what kind of difference there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from db.review import Review
from db.typed import sentence_of_marks
from db.values import Answer, Occurrence, PredictedUnit, UnitAnswer
from vlfau.action_units import ACTION_UNITS, ActionUnit


class Difference(IntEnum):
    """How far apart the answers to one action unit are; the worst first."""

    CONTRADICTED = 0
    """Present for one, absent for another."""
    UNDECIDED = 1
    """Some cannot tell, or did not answer."""
    DEGREE = 2
    """All say present, but not of the same intensity or side."""
    NONE = 3
    """All say the same."""
    UNANSWERED = 4
    """Nobody answered it."""


@dataclass(frozen=True)
class ComparedUnit:
    """One action unit, as everybody answered it."""

    unit: ActionUnit
    answers: tuple[UnitAnswer | None, ...]
    """One per person, in the order of the review; None where that person did not answer."""
    predicted: PredictedUnit | None
    laid_down: UnitAnswer | None
    """The verdict that holds."""

    @property
    def said(self) -> list[UnitAnswer]:
        """The answers that say something of it; a sentence alone does not."""
        return [answer for answer in self.answers if answer and answer.occurrence]

    @property
    def difference(self) -> Difference:
        return difference(self.said, len(self.answers))

    @property
    def common(self) -> UnitAnswer | None:
        """What all of them say of it; sentences may differ and are left out."""
        if self.difference != Difference.NONE:
            return None
        first = self.said[0]
        return UnitAnswer(first.number, first.occurrence, first.intensity, first.side)

    @property
    def sentences(self) -> tuple[tuple[int, str], ...]:
        """(place of the person from 0, what they wrote); without what the page wrote by itself to fit the marks."""
        return tuple(
            (place, answer.text)
            for place, answer in enumerate(self.answers)
            if answer and answer.text and answer.text != sentence_of_marks(answer)
        )


def difference(said: Sequence[UnitAnswer], people: int) -> Difference:
    """Of the answers that were given by so many people."""
    occurrences = {answer.occurrence for answer in said}
    if not occurrences:
        return Difference.UNANSWERED
    if {Occurrence.PRESENT, Occurrence.ABSENT} <= occurrences:
        return Difference.CONTRADICTED
    if len(said) < people or not occurrences <= {Occurrence.PRESENT, Occurrence.ABSENT}:
        return Difference.UNDECIDED
    same = len({(answer.intensity, answer.side) for answer in said}) == 1
    return Difference.NONE if same else Difference.DEGREE


def compared_units(seen: Review) -> list[ComparedUnit]:
    """All action units of the table, those on which people differ most first, in the table's order within each kind."""
    holds = seen.gold or seen.adjudication or Answer()
    laid_down = {answer.number: answer for answer in holds.units}
    predicted = {unit.number: unit for unit in seen.prediction.units} if seen.prediction else {}
    given = [{answer.number: answer for answer in one.answer.units} for one in seen.answers]
    rows = [
        ComparedUnit(
            unit,
            tuple(answers.get(unit.number) for answers in given),
            predicted.get(unit.number),
            laid_down.get(unit.number),
        )
        for unit in ACTION_UNITS
    ]
    return sorted(rows, key=lambda row: row.difference)
