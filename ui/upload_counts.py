"""Uploads at the server's door: not larger than allowed, and equal ones kept apart until each was read.

Gradio puts an upload where its content and name say, so two visitors who send the same photo at the same time share one
file. Each request reads its file once and removes it; the second would find nothing. So arrivals are counted: the file
is removed with the last of them.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ADDRESS = "/gradio_api/upload"
FORGOTTEN_AFTER_S = 600.0
"""What was not read by then is not waited for; Gradio removes it."""
MOST_PATHS = 10_000
_FORM_BYTES = 100_000
"""What a form adds to its files."""


class Arrivals:
    """How many uploads lie at each path and were not read yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: OrderedDict[Path, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, path: Path) -> bool:
        """One more has arrived there; False when the file is gone, which the reader of an equal one took with it."""
        with self._lock:
            if not path.is_file():
                return False
            self._at[path] = [*self._waiting(path), self._clock()]
            while len(self._at) > MOST_PATHS:
                self._at.popitem(last=False)
            return True

    def let_go(self, path: Path) -> None:
        """One of them was read: the file goes when nobody else waits for it, and Gradio's folder around it too."""
        with self._lock:
            waiting = self._waiting(path)[1:]
            if waiting:
                self._at[path] = waiting
                return
            path.unlink(missing_ok=True)
            try:
                path.parent.rmdir()
            except OSError:
                return

    def _waiting(self, path: Path) -> list[float]:
        known = self._at.pop(path, [])
        return [arrived for arrived in known if self._clock() - arrived < FORGOTTEN_AFTER_S]


ARRIVALS = Arrivals()
"""Of this process."""


class Uploads:
    """Middleware around Gradio's upload: refuses what is too large as a whole, and notes what has arrived."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app, self.most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != ADDRESS:
            await self.app(scope, receive, send)
            return
        size = Headers(scope=scope).get("content-length", "")
        if not size.isdigit() or int(size) > self.most_bytes + _FORM_BYTES:
            message = (
                "The upload is too large. It has more than "
                f"{self.most_bytes / 1e6:g} MB, or does not say how much. Send one file, and its length."
            )
            await JSONResponse({"message": message}, 413 if size.isdigit() else 411)(scope, receive, send)
            return
        await _noted(self.app, scope, receive, send)


async def _noted(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Gradio's answer is a short list of paths, so it is held back until these are noted."""
    begin: Message = {}
    body = b""

    async def send_when_noted(message: Message) -> None:
        nonlocal begin, body
        if message["type"] == "http.response.start":
            begin = message
            return
        body += message.get("body", b"")
        if message.get("more_body"):
            return
        # all of them, also behind one that is gone
        noted = (
            [ARRIVALS.note(Path(path).resolve()) for path in json.loads(body)]
            if begin["status"] == 200
            else []
        )
        if not all(noted):
            told = {"message": "The upload was lost. An equal one was read meanwhile. Send it again."}
            await JSONResponse(told, 503, {"Retry-After": "1"})(scope, receive, send)
            return
        await send(begin)
        await send({"type": "http.response.body", "body": body})

    await app(scope, receive, send_when_noted)
