"""Opens the store of an app whose disk may be lost: brought back when it is empty, and kept elsewhere from then on."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from db.errors import StoreError
from db.keeper import Keeper
from db.remote import Remote, open_remote
from db.restoring import join, restore_from
from db.saving import save
from db.store import Store, where

PLACE, MINUTES, SYNC = "VLFAU_BACKUP", "VLFAU_BACKUP_MINUTES", "VLFAU_BACKUP_SYNC"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class BackupSettings:
    """Where to, how often, and what counts as stored."""

    place: str
    """`hf://datasets/ORG/NAME` or a folder."""
    minutes: float | None = None
    """Between two rounds; None: one for a folder, five for the Hub."""
    sync: bool = False
    """Whether nothing is acknowledged before it lies at the place."""


def settings_from_environment() -> BackupSettings | None:
    """What `VLFAU_BACKUP`, `VLFAU_BACKUP_MINUTES` and `VLFAU_BACKUP_SYNC` say; None without the first."""
    place, minutes = os.environ.get(PLACE), os.environ.get(MINUTES)
    if not place:
        return None
    try:
        every = float(minutes) if minutes else None
        if every is not None and not 0 < every <= 24 * 60:
            raise ValueError(minutes)
    except ValueError as error:
        raise StoreError(
            f"It is not clear how often to back up. {MINUTES} is '{minutes}'. Give minutes, such as 5."
        ) from error
    return BackupSettings(place, every, os.environ.get(SYNC, "").lower() in ("1", "true", "yes"))


def open_kept(settings: BackupSettings | None, folder: str | Path | None = None) -> Store:
    """The store of a folder with its running backup (`store.keeper`), or a plain one without settings.

    A store that is there is used, also when the place does not answer: the pages tell. An empty folder is filled from
    the place first; when that cannot be asked, this raises `StoreError`, for a new store beside the lost one would be
    worse than none.
    """
    if settings is None:
        return Store.open(folder=folder)
    location, files = where(None, folder)
    if location.get_backend_name() != "sqlite":
        raise StoreError(
            f"Only a SQLite database is kept by these backups. The database is PostgreSQL, and {PLACE} is set. Use "
            "PostgreSQL's own archive, and take that setting away."
        )
    if not Path(location.database or "").exists():
        _bring_back(open_remote(settings.place), files)
    store = Store.open(folder=folder)
    Keeper(store, settings.place, settings.minutes, settings.sync).start()
    return store


def _bring_back(remote: Remote, folder: Path) -> None:
    restored = restore_from(remote, folder=folder)
    if restored is None:
        LOG.warning("There is no backup in %s yet; this is a new store.", remote.place)
        return
    LOG.warning(
        "The store came back from %s: generation %s, %d later events, %d photos.",
        remote.place,
        restored.generation,
        restored.events,
        restored.images,
    )
    for name in restored.skipped:
        LOG.error("The snapshot of generation %s could not be read; an older one was taken.", name)
    for sha256 in restored.missing:
        LOG.error("The photo %s is missing in the backup.", sha256)
    for sha256 in restored.missing_models:
        LOG.error("The files %s of a version are missing in the backup.", sha256)
    store = Store(folder=folder)
    try:
        save(store, remote)  # from now on the program before this one, if it still runs, may write no more
        late = join(store, remote)
    finally:
        store.close()
    if late:
        LOG.warning("%d events came from the program before this one, which was still at work.", late)
