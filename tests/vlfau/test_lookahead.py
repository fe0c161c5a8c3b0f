"""A lookahead gives the same items in order, stays within its depth, and passes errors on."""

import itertools
import threading
import time

import pytest

from vlfau.lookahead import ahead


def test_items_come_in_order():
    assert list(ahead(range(500), depth=3)) == list(range(500))


def test_no_more_than_the_depth_is_made_ahead():
    made = []
    items = ahead((made.append(i) or i for i in itertools.count()), depth=4)
    assert next(items) == 0
    time.sleep(0.3)
    assert len(made) <= 1 + 4 + 1  # taken, waiting, and one that waits to be put
    items.close()


def test_an_error_comes_where_its_item_would_have():
    def failing():
        yield 1
        raise ValueError("broken")

    items = ahead(failing())
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_the_thread_ends_when_nobody_takes_any_more():
    items = ahead(itertools.count(), depth=2)
    next(items)
    items.close()
    assert "lookahead" not in [thread.name for thread in threading.enumerate()]
