"""How often one address may ask for something, counted in this process."""

import threading
import time
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address, ip_network

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
