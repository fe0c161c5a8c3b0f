"""One round of the running backup: what is new goes to its place, as a part of the log or as a new generation.

Beside the database lies `backup.json`: which generation this program writes, and up to which event. When it is lost, or
a round is broken off, events are sent again; restoring passes over what it has.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import select

from db.backup import unfinished_beside, unfinished_in
from db.errors import Conflict, StoreError
from db.event_log import Part, last_erasure, last_event, read_accounts, read_events, write_part
from db.generations import IMAGES, Generation, begin, branched, generations, photo_name, put_part
from db.kept_models import put_models, serving
from db.remote import Remote
from db.roles import OPERATOR
from db.store import Store
from db.tables import Image
from db.turn import Turn

STATE, LOCK, UNFINISHED = "backup.json", "backup.turn", ".backup-unfinished"
NEW_GENERATION = timedelta(hours=24)
KEPT_GENERATIONS = 2
"""Besides those with a branch."""


@dataclass(frozen=True)
class State:
    """How far the backup of this database is."""

    place: str
    generation: str | None = None
    """The one that is written to; None: the first round begins one."""
    follows: str | None = None
    """The generation from which this database was restored."""
    announced: str | None = None
    """The one that was about to be begun; it may be there, though nobody said so."""
    erasing: bool = False
    """Somebody's traces are being erased there, and it is not known whether that ended."""
    saved: int = 0
    """The last event that lies there."""
    accounts: str = ""
    """sha256 of the password hashes that lie there."""
    begun_at: str = ""
    models: tuple[str, ...] = ()
    """sha256 of the versions that lie there."""


@dataclass(frozen=True)
class Saved:
    """What a round did."""

    events: int
    """New ones that lie at the place now."""
    last: int
    """The last event there."""
    generation: str
    began: bool
    branched: int
    """Events at the place that another program wrote after this one, or another, took over."""
    superseded: bool
    """Another program took over: nothing more may be written here."""
    unsent: str | None = None
    """Why a version that serves is not at the place; what people stored is."""


def read_state(folder: Path, place: str) -> State:
    """Of that place; an empty one when there is none."""
    try:
        read = json.loads((folder / STATE).read_text("utf-8"))
        found = State(**(read | {"models": tuple(read.get("models", ()))}))
    except FileNotFoundError:
        return State(place)
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(
            f"It is not known how far the backup is. {folder / STATE} cannot be read: {error}. Remove that file and "
            "run: python -m db backup PLACE --take-over"
        ) from error
    return found if found.place == place else State(place)


def write_state(folder: Path, state: State) -> None:
    """Whole or not at all."""
    with unfinished_beside(folder) as unfinished:
        (unfinished / STATE).write_text(json.dumps(asdict(state)), "utf-8")
        (unfinished / STATE).replace(folder / STATE)


def save(store: Store, remote: Remote, take_over: bool = False) -> Saved:
    """Bring the place up to date; one program of a machine at a time.

    Begins a generation when there is none of this program's own, once a day, when somebody was forgotten, and with
    `take_over`. Raises `Conflict` when backups of another database lie there, and `StoreError` when the place does not
    answer; then nothing is lost, the next round sends it again.
    """
    if not store.is_sqlite:
        raise StoreError(
            "Only a SQLite database is kept by these backups. This is PostgreSQL. Use its own archive, or "
            "python -m db backup FILE."
        )
    with Turn(store.folder / LOCK).taken(), unfinished_in(store.folder / UNFINISHED) as folder:
        return _Round(store, remote, folder).run(take_over)


class _Round:
    def __init__(self, store: Store, remote: Remote, folder: Path) -> None:
        self.store, self.remote, self.folder = store, remote, folder
        self.state = read_state(store.folder, remote.place)
        self.found = generations(remote)
        self.before = self.state.saved

    def run(self, take_over: bool) -> Saved:
        newest = self.found[-1] if self.found else None
        if newest and newest.name == self.state.announced:
            self._note_begun(newest)
        if self.state.erasing:
            self._erase([])
        own = next((one for one in self.found if one.name == self.state.generation), None)
        if newest and newest is not own and newest.name != self.state.follows and not take_over:
            return self._superseded(own, newest)
        erased = last_erasure(self.store)
        if own is not None and own.base >= erased and self._append(own):
            now = generations(self.remote)[-1]
            if now.name != own.name and not take_over:  # while this was sent, another program took over
                return self._done(own, began=False, superseded=True)
        if own is None or take_over or own.base < erased or self._is_old(own):
            own = self._begin(newest)
        unsent = self._put_models()
        self._remove_old(own, erased)
        return replace(self._done(own, began=own not in self.found), unsent=unsent)

    def _superseded(self, own: Generation | None, newest: Generation) -> Saved:
        """What was still answered here goes to the own generation, so that it is not lost; then no more."""
        if own is None:
            raise Conflict(
                f"The backups there are of another database. The newest in {self.remote.place} is {newest.name}, and "
                "this database does not come from it. Restore it into an empty folder, or name another place; "
                "python -m db backup PLACE --take-over puts this database in its stead."
            )
        if own.base >= last_erasure(self.store):
            self._append(own)
        return self._done(own, began=False, superseded=True)

    def _append(self, own: Generation) -> bool:
        """Whether there was something new."""
        before = self.state
        accounts = read_accounts(self.store)
        digest = _digest(accounts)
        while True:
            events = read_events(self.store, self.state.saved)
            if not events and digest == self.state.accounts:
                return self.state != before
            part = Part(events, [] if digest == self.state.accounts else accounts)
            file = self.folder / "part.jsonl"
            write_part(part, file)
            put_part(self.store, self.remote, own, part, file)
            saved = events[-1]["id"] if events else self.state.saved
            self._note(replace(self.state, saved=saved, accounts=digest))

    def _begin(self, newest: Generation | None) -> Generation:
        def announce(coming: Generation) -> None:
            self._note(replace(self.state, announced=coming.name))

        number = newest.number + 1 if newest else 1
        accounts = _digest(
            read_accounts(self.store)
        )  # before the snapshot: changed meanwhile, they are sent again
        made = begin(self.store, self.remote, number, self.folder, announce)
        self._note_begun(made, accounts)
        return made

    def _note_begun(self, own: Generation, accounts: str = "") -> None:
        now = self.store.clock().isoformat()
        erasing = self.state.erasing
        self._note(
            State(
                self.remote.place,
                own.name,
                erasing=erasing,
                saved=own.last,
                accounts=accounts,
                begun_at=now,
                models=self.state.models,
            )
        )

    def _put_models(self) -> str | None:
        """Asks the place only when production moved; returns why a version could not be sent."""
        named = tuple(serving(self.store))
        if named == self.state.models:
            return None
        try:
            put_models(self.store, self.remote)
        except StoreError as error:
            return str(error)
        self._note(replace(self.state, models=named))
        return None

    def _is_old(self, own: Generation) -> bool:
        """A day, and something happened in it."""
        begun = datetime.fromisoformat(self.state.begun_at)
        return self.store.clock() - begun >= NEW_GENERATION and last_event(self.store) > own.base

    def _remove_old(self, own: Generation, erased: int) -> None:
        """Generations that are not needed any more; and for good those that know somebody who was forgotten."""
        known = [one for one in self.found if one.base < erased and one is not own]
        if known:
            named = self._named()
            photos = [name for name in self.remote.names(IMAGES) if name not in named]
            files = [name for one in known for name in one.files]
            self._erase([*photos, *files])
            self.found = [one for one in self.found if one not in known]
        line = [*(one for one in self.found if one is not own), own]
        branches = [one for one, following in pairwise(line) if one.last > following.start]
        spare = [one for one in line[:-KEPT_GENERATIONS] if one not in branches]
        if spare:
            self.remote.erase([name for one in spare for name in one.files])

    def _erase(self, names: list[str]) -> None:
        self._note(replace(self.state, erasing=True))
        self.remote.erase(names, for_good=True)
        self._note(replace(self.state, erasing=False))

    def _named(self) -> set[str]:
        with self.store.reading(OPERATOR, "export") as work:
            return {photo_name(sha256) for sha256 in work.scalars(select(Image.sha256))}

    def _note(self, state: State) -> None:
        write_state(self.store.folder, state)
        self.state = state

    def _done(self, own: Generation, began: bool, superseded: bool = False) -> Saved:
        new = max(0, self.state.saved - self.before)
        line = self.found if own in self.found else [*self.found, own]
        return Saved(new, self.state.saved, own.name, began, branched(line), superseded)


def _digest(accounts: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(accounts, sort_keys=True).encode()).hexdigest()
