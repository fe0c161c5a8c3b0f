"""Lookahead: items are made by a thread of their own while the last ones are used, and never too many of them."""

import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    """Of the items, or of the thread by an error."""

    error: BaseException | None = None


def ahead(items: Iterable[T], depth: int = 32) -> Generator[T, None, None]:
    """The same items in the same order; at most `depth` wait. An error comes where its item would have come."""
    queue: Queue[T | _End] = Queue(depth)
    stop = threading.Event()
    thread = threading.Thread(target=_make, args=(items, queue, stop), name="lookahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join()


def _make(items: Iterable[T], queue: "Queue[T | _End]", stop: threading.Event) -> None:
    try:
        for item in items:
            _put(item, queue, stop)
            if stop.is_set():
                return
        _put(_End(), queue, stop)
    except BaseException as error:  # raised again in the thread that takes the items
        _put(_End(error), queue, stop)


def _put(item: T | _End, queue: "Queue[T | _End]", stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return queue.put(item, timeout=0.1)
        except Full:
            continue
    return None
