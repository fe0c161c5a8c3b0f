"""Serving: the version that answers now, and how another takes its place while requests go on.

A request takes the predictor once and keeps it to its end: network, vocabulary, thresholds and the version's name are
one object. When "production" moves, the new version is checked, loaded and tried out beside the one that serves; then
one reference is put in its place. What is not asked any more is let go by itself.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from db import registry
from db.registry_tables import Alias
from db.roles import OPERATOR
from db.store import Store
from ui import zero_gpu
from vlfau.errors import VLFAUError

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import Predictor

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
"""How soon other processes notice that production moved; the one that moved it does so at once."""

_PINNED = (
    "It was started with --model, which holds whatever is promoted. Start it without, and it serves what is in "
    "production."
)


@dataclass(frozen=True, eq=False)
class Served:
    """A version that answers."""

    version_id: int | None
    """In the registry; None is the checkpoint that comes with the program, or the one that was named at the start."""
    predictor: "Predictor"


class Serving:
    """Gives the predictor of the version in production; `predictor` waits until there is one.

    `load` makes a predictor of a folder; None is the checkpoint to begin with. It gets the predictor that serves now
    (None at first), whose face finder can be used again. `pinned`: whatever the registry says, that one is served.
    """

    def __init__(
        self,
        load: Callable[[Path | None, "Predictor | None"], "Predictor"],
        store: Store,
        pinned: bool = False,
    ) -> None:
        self._load, self._store, self._pinned = load, store, pinned
        self._served: Served | None = None
        self._there = threading.Event()
        self._look_now = threading.Event()
        self._ended = False
        self._one_at_a_time = threading.Lock()
        self._failed: int | None = None
        self.problem: str | None = None
        """Why the version in production is not the one that serves; None when it is."""

    # ---- for requests

    def predictor(self) -> "Predictor":
        """The one that serves now: take it once for each request."""
        self._there.wait()
        assert self._served is not None
        return self._served.predictor

    def model_version(self) -> str | None:
        """Its version's name; None while nothing is loaded."""
        served = self._served
        return served.predictor.checkpoint.config.model_version if served else None

    # ---- taking up what production says

    def start(self) -> None:
        """Load what serves first, in this thread; then follow production in one of its own. Raises `VLFAUError`."""
        self.refresh()
        if self._served is None:  # the version in production cannot be used: better this one than none
            self._put(Served(None, self._load(None, None)))
        if not self._pinned:
            threading.Thread(target=self._follow, name="serving", daemon=True).start()

    def look_soon(self) -> None:
        """Production may have moved."""
        self._failed = None
        self._look_now.set()

    def close(self) -> None:
        """Follow no more."""
        self._ended = True
        self._look_now.set()

    def refresh(self) -> bool:
        """Take up the version in production when another one serves; whether one was taken up.

        One that cannot be used is told in `problem`, and what serves goes on serving.
        """
        with self._one_at_a_time:
            if self._pinned and self._served is not None:
                return False
            version = (
                None if self._pinned else registry.alias_version(self._store, OPERATOR, Alias.PRODUCTION)
            )
            wanted = version.id if version else None
            if self._served is not None and self._served.version_id == wanted:
                self.problem = None
                return False
            if version is not None and version.id == self._failed:
                return False
            try:
                self._put(Served(wanted, self._tried_out(version)))
            except VLFAUError as error:
                if version is None:
                    raise
                self._failed, self.problem = version.id, str(error)
                log.error("Version %s is in production and cannot be served: %s", version.name, error)
                return False
            self.problem = _PINNED if self._pinned else None
            return True

    def _tried_out(self, version: registry.Version | None) -> "Predictor":
        """Checked, loaded and tried, beside what serves."""
        from vlfau.soundness import refuse_unsound

        folder = registry.checked_folder(self._store, version) if version else None
        loaded = self._load(folder, self._served.predictor if self._served else None)
        refuse_unsound(loaded.checkpoint)
        return loaded

    def _put(self, served: Served) -> None:
        self._served = served  # the one swap: who asked before keeps the predictor that they have
        self._there.set()
        log.info("Version %s serves", served.predictor.checkpoint.config.model_version)

    def _follow(self) -> None:
        while not self._ended:
            self._look_now.wait(LOOK_EVERY_S)
            self._look_now.clear()
            try:
                if not self._ended:
                    self.refresh()
            except VLFAUError as error:  # the database is away for a moment: what serves goes on serving
                log.warning("%s", error)


def load_predictor(model: str | None) -> Callable[[Path | None, "Predictor | None"], "Predictor"]:
    """For `Serving`: loads a version's folder, or `model` (None: the embedded checkpoint) to begin with."""

    def load(folder: Path | None, before: "Predictor | None") -> "Predictor":
        # importing torch and loading take longer than all the rest, so they come last
        from vlfau.checkpoint import load_checkpoint
        from vlfau.predictor import Predictor

        source, borrowed = folder or model, zero_gpu.is_there()
        if before is None:
            loaded = Predictor.load(source, "cpu" if borrowed else None)
        else:
            loaded = Predictor(load_checkpoint(source), before.finder, before.device)
        return zero_gpu.lent(loaded, source) if borrowed else loaded

    return load
