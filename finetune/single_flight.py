"""One run at a time on one store: a lock file that names who holds it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finetune.errors import JobRunning

try:
    import fcntl
except ImportError:  # not on Windows; two runs would then only waste each other's time
    fcntl = None  # type: ignore[assignment]

FILE = "finetune.lock"


@contextmanager
def single_flight(folder: Path, out: Path) -> Iterator[None]:
    """Hold the lock of a store's folder until the block ends. Raises `JobRunning` when a living process has it.

    The kernel gives the lock back when its process dies, however it dies: what a dead one left behind is taken over.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not _taken(file):
            holder = _read(file)
            pid, since, where = (holder.get(name, "unknown") for name in ("pid", "since", "out"))
            raise JobRunning(
                f"A training job is running already. Found process {pid}, since {since}, for {where}. "
                "Wait until it ends, or cancel it, then start again."
            )
        since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        _write(file, {"pid": os.getpid(), "since": since, "out": str(out)})
        yield
        _write(file, {})
    finally:
        os.close(file)


def holder_of(folder: Path) -> int | None:
    """The process that holds the lock of a store's folder now; None when nobody does."""
    try:
        file = os.open(folder / FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _taken(file) else _read(file).get("pid")
    finally:
        os.close(file)


def _taken(file: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(file: int) -> dict[str, Any]:
    os.lseek(file, 0, os.SEEK_SET)
    try:
        found = json.loads(os.read(file, 4096) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: int, holder: dict[str, Any]) -> None:
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, json.dumps(holder).encode() if holder else b"")
