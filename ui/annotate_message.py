"""What the Annotate page sends: JSON of anybody's making, looked at value by value before it becomes an answer."""

from collections.abc import Mapping
from typing import Any, cast

from db.values import Answer, Occurrence, Side, UnitAnswer
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import VLFAUError

_UNIT_KEYS = {"number", "occurrence", "intensity", "side", "text"}
_ANSWER_KEYS = {"units", "description", "seconds", "blind"}
MAX_SHOWN = 60
"""Characters of a wrong value that are repeated in the message about it."""


class MessageError(VLFAUError):
    """The page sent something that it never sends: another program, or a page that was loaded long ago."""


class Message:
    """One message; every value is fetched with the type it must have."""

    def __init__(self, data: object) -> None:
        if not isinstance(data, Mapping):
            raise _wrong("a message", data)
        self._data: Mapping[str, Any] = data

    def word(self, name: str) -> str:
        """A text that must be there; what may be in it is the store's to say."""
        value = self._data.get(name)
        if not isinstance(value, str):
            raise _wrong(name, value)
        return value

    def number(self, name: str) -> int:
        """A whole number that must be there."""
        return _whole(name, self._data.get(name))

    def number_or_none(self, name: str) -> int | None:
        """A whole number, None when it is not given."""
        return None if self._data.get(name) is None else self.number(name)

    def flag(self, name: str) -> bool:
        """Whether something is set; not given is no."""
        value = self._data.get(name, False)
        if not isinstance(value, bool):
            raise _wrong(name, value)
        return value

    def answer(self) -> Answer:
        """What the person says of the face. Raises `LabelError`, `TextError` or `StoreError` for what cannot be."""
        data = _only("answer", self._data.get("answer"), _ANSWER_KEYS)
        units = data.get("units", [])
        if not isinstance(units, list) or len(units) > len(AU_NUMBERS):
            raise _wrong("units", units)
        seconds = data.get("seconds", 0)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise _wrong("seconds", seconds)
        blind = data.get("blind", False)
        if not isinstance(blind, bool):
            raise _wrong("blind", blind)
        return Answer(tuple(map(_unit, units)), _text("description", data), float(seconds), blind)


def _unit(given: object) -> UnitAnswer:
    data = _only("an action unit", given, _UNIT_KEYS)
    intensity = data.get("intensity")
    return UnitAnswer(
        _whole("number", data.get("number")),
        # `UnitAnswer` says which names there are
        cast("Occurrence | None", _text("occurrence", data)),
        None if intensity is None else _whole("intensity", intensity),
        cast("Side | None", _text("side", data)),
        _text("text", data),
    )


def _only(what: str, data: object, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping) or not set(data) <= known:
        raise _wrong(what, data)
    return data


def _text(name: str, data: Mapping[str, Any]) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong(name, value)
    return value


def _whole(name: str, value: object) -> int:
    """A whole number that a database takes."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**31:
        raise _wrong(name, value)
    return value


def _wrong(what: str, found: object) -> MessageError:
    shown = repr(found)
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
    return MessageError(
        f"The page sent something unknown. For {what} it sent {shown}. Nothing was stored; load the page again."
    )
