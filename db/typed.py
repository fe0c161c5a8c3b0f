"""Which sentences of an answer a person typed: one that the page had offered is nobody's writing, and is not kept."""

from dataclasses import replace
from math import nan
from typing import cast

from db.values import Answer, Occurrence, PredictedUnit, Prediction, UnitAnswer
from vlfau import sentences
from vlfau.action_units import by_number
from vlfau.sentences import UnitLabel, describe_face, describe_unit, read_description, read_side


def typed(answer: Answer, offered: Prediction | None) -> Answer:
    """The answer without sentences that say, word for word, what the model wrote or what a rule writes for the marks.

    `offered` is what was shown to the person; where nothing was, every sentence is their own.
    """
    if offered is None:
        return answer
    model = {unit.number: unit for unit in offered.units}
    units = tuple(
        replace(unit, text=None) if _is_offered(unit, model.get(unit.number)) else unit
        for unit in answer.units
    )
    own = answer.description
    if own is not None and own in (offered.description, _described(answer, offered)):
        own = None
    return replace(answer, units=units, description=own)


def _is_offered(unit: UnitAnswer, model: PredictedUnit | None) -> bool:
    if unit.text is None or model is None or model.text is None:
        return False
    return unit.text in (model.text, sentence_of_marks(unit))


def sentence_of_marks(unit: UnitAnswer) -> str | None:
    """The rule's sentence that says just what is marked; None for what is neither present nor absent."""
    if unit.occurrence == Occurrence.ABSENT:
        return describe_unit(unit.number, None)
    if unit.occurrence != Occurrence.PRESENT:
        return None
    return describe_unit(unit.number, UnitLabel(unit.intensity or nan, _side(unit.side or "both")))


def _described(answer: Answer, offered: Prediction) -> str | None:
    """The rule's description of what the model named, with the marks put in; none where the model's cannot be read."""
    named = read_description(offered.description) if offered.description else None
    if named is None:
        return None
    model = {unit.number: unit for unit in offered.units}
    present = {number: _side_seen(model.get(number)) for number in named}
    for unit in answer.units:
        if unit.occurrence == Occurrence.PRESENT:
            present[unit.number] = _side(unit.side or present.get(unit.number, "both"))
        elif unit.occurrence == Occurrence.ABSENT:
            present.pop(unit.number, None)
    return describe_face({number: UnitLabel(side=side) for number, side in present.items()})


def _side_seen(unit: PredictedUnit | None) -> sentences.Side:
    if unit is None or not unit.active or not unit.text or not by_number(unit.number).has_sides:
        return "both"
    return read_side(unit.text)


def _side(value: str) -> sentences.Side:
    return cast("sentences.Side", str(value))
