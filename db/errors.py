"""The errors of the store, so that a page can tell a mistake of the person from a fault of the machine.

    VLFAUError
    └── StoreError          something about the store
        ├── NotAllowed      this person may not do this
        ├── WrongPassword   name and password do not belong together
        │   └── LockedOut   too many tries; no password is looked at for a while
        ├── NotQualified    this person has to pass the qualification round first
        ├── NotFound        there is no such row, or no longer
        ├── TextError       a text that may not be stored
        ├── LeaseError      the face was not handed to this person, or not any more
        │   └── AlreadySubmitted    this answer has been stored before
        ├── Conflict        the row is not in a state that allows this
        ├── StoreBusy       others kept the database locked for too long
        └── SchemaError     the database is older or newer than this code

A label that does not exist (action unit 3, intensity 6) is a `vlfau.errors.LabelError`. Whichever is raised, nothing
of the transaction is stored.
"""

from vlfau.errors import VLFAUError


class StoreError(VLFAUError):
    """Base of the errors of the store."""


class NotAllowed(StoreError):
    """This person may not do this."""


class WrongPassword(StoreError):
    """Name and password do not belong together; which of the two is wrong is not said."""


class LockedOut(WrongPassword):
    """Too many tries; for `seconds` no password is looked at."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class NotQualified(StoreError):
    """This person has to pass the qualification round first."""


class NotFound(StoreError):
    """There is no such row, or no longer."""


class TextError(StoreError, ValueError):
    """A text that may not be stored."""


class LeaseError(StoreError):
    """The face was not handed to this person, or not any more."""


class AlreadySubmitted(LeaseError):
    """This answer has been stored before; `response_id` is where."""

    def __init__(self, message: str, response_id: int) -> None:
        super().__init__(message)
        self.response_id = response_id


class Conflict(StoreError):
    """The row is not in a state that allows this."""


class StoreBusy(StoreError):
    """Others kept the database locked for too long."""


class SchemaError(StoreError):
    """The database is older or newer than this code."""
