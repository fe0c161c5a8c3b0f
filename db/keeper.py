"""The running backup: a thread that saves what is new every few minutes, and says when that last went well.

With `sync` nobody is told that something is stored before it lies at the place too.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from db.errors import StoreBusy, StoreError
from db.event_log import last_event
from db.remote import HUB, Remote, open_remote
from db.saving import Saved, save
from db.store import Store
from db.values import BackupStanding
from vlfau.errors import VLFAUError

FOLDER_MINUTES, HUB_MINUTES = 1.0, 5.0
"""Unless told otherwise; the Hub counts commits."""
SYNC_SECONDS = 30.0
RETRY_SECONDS = 1.0
"""Pause after a round that did not go well, when somebody waits for the next."""
LOG = logging.getLogger(__name__)


class Keeper:
    """Keeps a store at a place; `minutes` None is one for a folder and five for the Hub.

    Used by the store itself: it asks `permit` before each change and `confirm` after it.
    """

    def __init__(
        self,
        store: Store,
        place: str,
        minutes: float | None = None,
        sync: bool = False,
        opened: Callable[[str], Remote] = open_remote,
    ) -> None:
        self._store, self._open = store, opened
        self.place, self.sync = place, sync
        self.minutes = minutes or (HUB_MINUTES if place.startswith(HUB) else FOLDER_MINUTES)
        self._remote: Remote | None = None
        self._news = threading.Condition()
        self._waiting = 0
        self._stopped = False
        self._standing = BackupStanding(place, self.minutes, sync, None, 0, None, 0, False)
        self._thread: threading.Thread | None = None

    @property
    def standing(self) -> BackupStanding:
        return self._standing

    def start(self) -> None:
        """Save now, and from now on in the background."""
        self._store.keeper = self
        self._thread = threading.Thread(target=self._go_on, name="backup", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """A last round, and no more."""
        with self._news:
            self._stopped = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join()

    def round(self) -> Saved | None:
        """Save once; None when it did not go well, and `standing` says why."""
        try:
            self._remote = self._remote or self._open(self.place)
            saved = save(self._store, self._remote)
        except Exception as error:  # the thread goes on, and the pages tell what it was
            LOG.error("The backup did not succeed: %s", error, exc_info=not isinstance(error, VLFAUError))
            self._tell(replace(self._standing, error=str(error)))
            return None
        told = _taken_over(self.place) if saved.superseded else saved.unsent
        now = self._store.clock()
        self._tell(
            BackupStanding(
                self.place, self.minutes, self.sync, now, saved.last, told, saved.branched, saved.superseded
            )
        )
        return saved

    def permit(self) -> None:
        """Raises `StoreBusy` when another program has taken over: what is changed here would be in no backup."""
        if self._standing.superseded:
            raise StoreBusy(_taken_over(self.place))

    def confirm(self) -> None:
        """With `sync`: wait until all that is stored lies at the place; raises `StoreError` when it does not."""
        if not self.sync:
            return
        wanted = last_event(self._store)
        with self._news:
            self._waiting += 1
            self._news.notify_all()
            self._news.wait_for(lambda: self._standing.saved >= wanted or self._stopped, SYNC_SECONDS)
            self._waiting -= 1
        self.permit()
        if self._standing.saved < wanted:
            raise StoreError(
                "This is stored, but the backup has not confirmed it. "
                f"{self._standing.error or 'It took too long.'} Send it again; nothing is stored twice."
            )

    def _go_on(self) -> None:
        while not self._stopped:
            went_well = self.round() is not None
            with self._news:
                if not went_well:
                    self._news.wait_for(lambda: self._stopped, RETRY_SECONDS)
                self._news.wait_for(lambda: self._stopped or self._waiting > 0, self.minutes * 60)
        self.round()

    def _tell(self, standing: BackupStanding) -> None:
        with self._news:
            self._standing = standing
            self._news.notify_all()


def _taken_over(place: str) -> str:
    return (
        f"Another copy of this program has taken over. It writes the backups in {place} now, and what is changed here "
        "would be lost. Load the page again; on your own machine, stop one of the two."
    )
