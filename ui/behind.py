"""Heavy work steps back, so that pages answer while photos are read.

Reading a photo takes all processors for a tenth of a second; to mark an action unit takes some milliseconds of one. On
Linux a thread can be less urgent than others of its program (and threads that it starts are so too): what is marked
here runs in such threads.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import wraps
from typing import ParamSpec, TypeVar

NICENESS = 10
"""0 is usual, 19 the least urgent; 10 has about a tenth of what one at 0 gets, when both want a processor."""
MOST_AT_ONCE = 4
"""Threads; how much is really done at once, the queue of the pages decides."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def behind(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, run in a less urgent thread while the caller waits; its context and its errors are the caller's."""

    @wraps(function)
    def waited_for(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        context = copy_context()
        return _POOL.submit(lambda: context.run(function, *args, **kwargs)).result()

    return waited_for


def _step_back() -> None:
    if sys.platform == "linux":  # elsewhere urgency is the whole program's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_POOL = ThreadPoolExecutor(MOST_AT_ONCE, "behind", _step_back)
