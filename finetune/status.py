"""How far a run is, as one small JSON file that is always whole: what a page or a person watches."""

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from vlfau.errors import DataError

FILE = "status.json"

State = Literal["preparing", "training", "validating", "saving", "finished", "failed", "cancelled"]
OVER: tuple[State, ...] = ("finished", "failed", "cancelled")


@dataclass(frozen=True)
class Status:
    """Where a run stands."""

    state: State = "preparing"
    step: int = 0
    of: int = 0
    """Steps in all; early stopping may end before."""
    epoch: int = 0
    loss: float | None = None
    """Training loss, mean of the latest epoch or steps."""
    validation_loss: float | None = None
    f1: dict[str, float | None] = field(default_factory=dict)
    """`AU12` -> F1 on validation people; None without an example."""
    eta_s: float | None = None
    """Seconds until the last step, as far as can be told."""
    pid: int = 0
    """Of the main training process: signal 15 cancels."""
    message: str = ""
    """For people: what is going on, or why it ended."""
    version: str = ""
    out: str = ""
    """The run folder that will be."""
    started_at: str = ""
    updated_at: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in OVER


def read_status(folder: str | Path) -> Status:
    """The status of a run from its working folder. Raises `DataError` when there is none.

    A run whose process died without a word still says what it last did: compare `pid`.
    """
    path = Path(folder) / FILE
    try:
        return Status(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"This run has no status. {path} gave: {error}. Give the working folder of a run (RUN.work)."
        ) from error


class StatusFile:
    """Writes a run's status; `write` False (all processes but the main one) keeps it in memory only."""

    def __init__(self, folder: Path, write: bool = True, at_most_every_s: float = 0.5, **values: Any) -> None:
        self.path, self.writes, self.at_most_every_s = folder / FILE, write, at_most_every_s
        self._written_at = 0.0
        self.status = Status(pid=os.getpid(), started_at=_now(), **values)

    def update(self, now: bool = True, **values: Any) -> None:
        """Change fields; with `now` False the file is written only when the last time is a moment ago."""
        self.status = replace(self.status, updated_at=_now(), **values)
        if self.writes and (now or time.monotonic() - self._written_at >= self.at_most_every_s):
            self._write()

    def end(self, state: State, message: str) -> None:
        """The last word; a disk that takes no more must not hide why a run ended."""
        with suppress(OSError):
            self.update(state=state, message=message, eta_s=None)

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".part")
        partial.write_text(json.dumps(asdict(self.status), indent=1, allow_nan=False) + "\n", "utf-8")
        partial.replace(self.path)
        self._written_at = time.monotonic()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
