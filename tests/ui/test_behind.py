"""Heavy work runs in less urgent threads, and otherwise as if it were called."""

import os
import sys
import threading
from contextvars import ContextVar
from inspect import signature

import pytest

from ui.behind import NICENESS, behind

asked_by = ContextVar("asked_by", default="nobody")


@behind
def heavy(number: int, *, fail: bool = False) -> tuple[int, str, int, int]:
    """Says where it runs."""
    if fail:
        raise ValueError("no photo")
    thread = threading.get_native_id()
    return number, asked_by.get(), thread, os.getpriority(os.PRIO_PROCESS, thread)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, where a thread has an urgency of its own")
def test_it_is_less_urgent_than_who_asks():
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    _, _, thread, niceness = heavy(1)
    assert thread != threading.get_native_id()
    assert niceness == max(mine, NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine


def test_it_knows_who_asks_and_gives_back_what_comes_of_it():
    asked_by.set("somebody")
    assert heavy(7)[:2] == (7, "somebody")
    with pytest.raises(ValueError, match="no photo"):
        heavy(7, fail=True)


def test_gradio_sees_the_same_function():
    assert list(signature(heavy).parameters) == ["number", "fail"]
    assert heavy.__doc__ == "Says where it runs."
