"""A store comes back from the place of its backups: the newest snapshot, and every event of the log after it."""

import gzip
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from db.backup import unfinished_in
from db.content import ContentStore
from db.errors import Conflict, StoreError
from db.event_log import Part, last_event, read_part, replay
from db.generations import IMAGES, Generation, branched, generations, note_joined, photo_name
from db.kept_models import fetch_models
from db.remote import Remote
from db.saving import State, write_state
from db.store import Store, where

UNFINISHED = ".restore-unfinished"


@dataclass(frozen=True)
class Restored:
    """What came back."""

    generation: str
    events: int
    """Replayed on top of the snapshot."""
    images: int
    missing: tuple[str, ...]
    """sha256 of photos that should be there and were not, or were damaged."""
    branched: int
    """Events of a program that went on after another took over; they are at the place, not in the store."""
    skipped: tuple[str, ...]
    """Generations whose snapshot could not be read; an older one was taken."""
    missing_models: tuple[str, ...]
    """sha256 of versions that production stood at and that did not come back."""


def restore_from(remote: Remote, url: str | None = None, folder: str | Path | None = None) -> Restored | None:
    """Make a new store from the newest generation and all that happened since; None when nothing is there.

    The database file appears last: whatever interrupts this, the next try begins anew. Raises `Conflict` when there is
    a store already and `StoreError` when no snapshot can be read, or the log has a gap.
    """
    location, target = where(url, folder)
    if location.get_backend_name() != "sqlite":
        raise StoreError(
            "Only a SQLite database is kept by these backups. This is PostgreSQL. Use its own archive, or "
            "python -m db backup FILE."
        )
    database = Path(location.database or "")
    if database.exists():
        raise Conflict(f"There is a database already. It is {database}. Move it away, or name another place.")
    found = generations(remote)
    if not found:
        return None
    with unfinished_in(target / UNFINISHED) as unfinished:
        used, skipped = _unpack_newest(remote, found, unfinished / "vlfau.db", unfinished)
        events = replay(unfinished / "vlfau.db", _log(remote, found[found.index(used) :], unfinished))
        with closing(
            Store.open(f"sqlite:///{unfinished / 'vlfau.db'}")
        ) as store:  # migrated, when it is older
            store.truncate_log()
            models = fetch_models(store, remote, unfinished, target)
        images, missing = _photos(remote, unfinished, ContentStore(target / "images"))
        write_state(target, State(remote.place, follows=found[-1].name))
        (unfinished / "vlfau.db").replace(database)
    return Restored(found[-1].name, events, images, missing, branched(found), skipped, models)


def join(store: Store, remote: Remote) -> int:
    """Take in what the program before this one still saved while this one was being restored; returns the events.

    To be called when this program has begun its generation and changed nothing yet: from then on the other may write no
    more, see `db.saving`. What is after an own event stays a branch.
    """
    found = generations(remote)
    if len(found) < 2 or last_event(store) > found[-1].base:
        return 0
    late = [(first, last, name) for first, last, name in sorted(found[-2].parts) if last > found[-1].start]
    if not late:
        return 0
    with unfinished_in(store.folder / UNFINISHED) as folder:
        added = replay(
            Path(store.url.database or ""), (read_part(remote.fetch(name, folder)) for *_, name in late)
        )
        names = {photo_name(sha256) for *_, name in late for sha256 in read_part(folder / name).photos}
        for name in sorted(names):
            store.images.add_file(Path(name).stem, remote.fetch(name, folder).read_bytes())
        note_joined(remote, found[-1], last_event(store), folder)
    return added


def _unpack_newest(
    remote: Remote, found: Sequence[Generation], database: Path, folder: Path
) -> tuple[Generation, tuple[str, ...]]:
    skipped: list[str] = []
    for one in reversed(found):
        packed = remote.fetch(one.snapshot, folder)
        try:
            with gzip.open(packed) as source, database.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            with closing(sqlite3.connect(database)) as connection:
                verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
        except (EOFError, gzip.BadGzipFile, sqlite3.DatabaseError, OSError) as error:
            verdict = str(error)
        if verdict == "ok":
            return one, tuple(skipped)
        skipped.append(one.name)
        database.unlink(missing_ok=True)
    raise StoreError(
        f"No snapshot of the backup can be read. {len(skipped)} were tried in {remote.place}. "
        "Look for an older state in the history of the place."
    )


def _log(remote: Remote, found: Sequence[Generation], folder: Path) -> Iterator[Part]:
    """The parts that count, in order: of a generation what was before the next one began."""
    for one, following in zip(found, [*found[1:], None], strict=True):
        for first, _, name in sorted(one.parts):
            if following is None:
                yield read_part(remote.fetch(name, folder))
            elif first <= following.start:
                part = read_part(remote.fetch(name, folder))
                events = [event for event in part.events if event["id"] <= following.start]
                yield Part(events, part.credentials)


def _photos(remote: Remote, folder: Path, target: ContentStore) -> tuple[int, tuple[str, ...]]:
    with closing(sqlite3.connect(folder / "vlfau.db")) as connection:
        wanted = [sha256 for (sha256,) in connection.execute("SELECT sha256 FROM image ORDER BY id")]
    if wanted:
        remote.fetch_all(IMAGES, folder)
    missing = []
    for sha256 in wanted:
        try:
            target.add_file(sha256, (folder / photo_name(sha256)).read_bytes())
        except (FileNotFoundError, StoreError):
            missing.append(sha256)
    return len(wanted) - len(missing), tuple(missing)
