"""What somebody says of a face, as a page sends it: looked at value by value before it becomes an answer."""

from collections.abc import Mapping
from typing import Any, cast

from db.values import Answer, Occurrence, Side, UnitAnswer
from ui.message import Message, whole, wrong
from vlfau.action_units import AU_NUMBERS

_UNIT_KEYS = {"number", "occurrence", "intensity", "side", "text"}
_ANSWER_KEYS = {"units", "description", "seconds", "blind"}


def answer_of(message: Message) -> Answer:
    """What the person says of the face. Raises `LabelError`, `TextError` or `StoreError` for what cannot be."""
    data = _only("answer", message.get("answer"), _ANSWER_KEYS)
    units = data.get("units", [])
    if not isinstance(units, list) or len(units) > len(AU_NUMBERS):
        raise wrong("units", units)
    seconds = data.get("seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise wrong("seconds", seconds)
    blind = data.get("blind", False)
    if not isinstance(blind, bool):
        raise wrong("blind", blind)
    return Answer(tuple(map(_unit, units)), _text("description", data), float(seconds), blind)


def _unit(given: object) -> UnitAnswer:
    data = _only("an action unit", given, _UNIT_KEYS)
    intensity = data.get("intensity")
    return UnitAnswer(
        whole("number", data.get("number")),
        # `UnitAnswer` says which names there are
        cast("Occurrence | None", _text("occurrence", data)),
        None if intensity is None else whole("intensity", intensity),
        cast("Side | None", _text("side", data)),
        _text("text", data),
    )


def _only(what: str, data: object, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping) or not set(data) <= known:
        raise wrong(what, data)
    return data


def _text(name: str, data: Mapping[str, Any]) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong(name, value)
    return value
