"""How often one address, or one person, may ask for something, counted in this process."""

import threading
import time
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from math import ceil

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.origin import comes_from_here

COSTLY = (
    "/gradio_api/queue/join",
    "/gradio_api/call/",
    "/gradio_api/run/",
    "/gradio_api/api/",
    "/gradio_api/upload",
)
"""Beginnings of addresses to which a post costs the disk or the processor something."""
COSTLY_A_MINUTE = 240
"""Posts to these; a page that reads a video asks about once a second."""

MOST_ADDRESSES = 10_000
"""Remembered at the same time; beyond that those that asked longest ago are forgotten."""


class RateLimit:
    """At most `times` in any `seconds`, for each address on its own; an IPv6 subscriber has a /64 and counts as one."""

    def __init__(self, times: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.times = times
        self.seconds = seconds
        self._clock = clock
        self._asked: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def wait(self, address: str) -> float:
        """Count one more; 0 when it is allowed, else the seconds until the next one is, and nothing is counted."""
        now = self._clock()
        with self._lock:
            asked = self._asked.pop(_subscriber(address), deque())
            while asked and asked[0] <= now - self.seconds:
                asked.popleft()
            self._asked[_subscriber(address)] = asked  # to the end: the first is the one that is longest ago
            if len(self._asked) > MOST_ADDRESSES:
                del self._asked[next(iter(self._asked))]
            if len(asked) >= self.times:
                return asked[0] + self.seconds - now
            asked.append(now)
            return 0.0


def _subscriber(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else address


class Throttle:
    """Middleware that refuses a visitor who posts too often to COSTLY; a person counts apart from their address.

    Behind it stands the queue, which holds few. What this machine asks for itself is not counted.
    """

    def __init__(self, app: ASGIApp, limit: RateLimit | None = None) -> None:
        self.app = app
        self.limit = limit or RateLimit(COSTLY_A_MINUTE, 60)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait = self._wait(scope) if scope["type"] == "http" and scope["method"] == "POST" else 0
        if wait:
            message = f"Too many requests. There were more than {self.limit.times} in {self.limit.seconds:g} seconds. "
            told = {"message": f"{message}Wait {ceil(wait)} seconds."}
            await JSONResponse(told, 429, {"Retry-After": str(ceil(wait))})(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        request = Request(scope)
        if not request.url.path.startswith(COSTLY) or comes_from_here(request):
            return 0
        person = scope.get("session", {}).get("annotator")
        return self.limit.wait(
            f"person {person}" if person else (request.client.host if request.client else "")
        )
