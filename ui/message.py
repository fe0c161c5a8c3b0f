"""What a page with a script of its own sends: JSON of anybody's making, looked at value by value."""

from collections.abc import Mapping
from typing import Any

from vlfau.errors import VLFAUError

MAX_SHOWN = 60
"""Characters of a wrong value that are repeated in the message about it."""


class MessageError(VLFAUError):
    """The page sent something that it never sends: another program, or a page that was loaded long ago."""


class Message:
    """One message; every value is fetched with the type it must have."""

    def __init__(self, data: object) -> None:
        if not isinstance(data, Mapping):
            raise wrong("a message", data)
        self._data: Mapping[str, Any] = data

    def get(self, name: str) -> object:
        """Whatever was sent under this name, of whatever type; None when nothing was."""
        return self._data.get(name)

    def word(self, name: str) -> str:
        """A text that must be there; what may be in it is the store's to say."""
        value = self.get(name)
        if not isinstance(value, str):
            raise wrong(name, value)
        return value

    def number(self, name: str) -> int:
        """A whole number that must be there."""
        return whole(name, self.get(name))

    def number_or_none(self, name: str) -> int | None:
        """A whole number, None when it is not given."""
        return None if self.get(name) is None else self.number(name)

    def flag(self, name: str) -> bool:
        """Whether something is set; not given is no."""
        value = self._data.get(name, False)
        if not isinstance(value, bool):
            raise wrong(name, value)
        return value


def whole(name: str, value: object) -> int:
    """A whole number that a database takes."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**31:
        raise wrong(name, value)
    return value


def wrong(what: str, found: object) -> MessageError:
    """The error about a value that no page sends."""
    shown = repr(found)
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
    return MessageError(
        f"The page sent something unknown. For {what} it sent {shown}. Nothing was stored; load the page again."
    )
