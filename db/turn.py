"""Whose turn it is to write: the threads and processes that share a SQLite file wait in a row, one behind the other.

SQLite has its own lock, but who waits for it only looks again after longer and longer pauses, and of twenty writers
some come by many times before others do. Here they queue before they ask SQLite, and the next one is woken at once. It
is courtesy and not safety: SQLite's lock holds all the same, and a writer that knows nothing of this one harms nobody.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows; processes then meet at SQLite's own lock
    fcntl = None  # type: ignore[assignment]


class Turn:
    """Turns at one file; `path` is an empty file beside it, made when it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.RLock()
        self._taken = False

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Wait for one's turn, which ends with the block, or with the process; True.

        Who has it already goes on; False.
        """
        with self._threads:
            if self._taken:
                yield False
                return
            self._taken = True
            try:
                with self._alone():
                    yield True
            finally:
                self._taken = False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Among the processes."""
        if fcntl is None:
            yield
            return
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)
