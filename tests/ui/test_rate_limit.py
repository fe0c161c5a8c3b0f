"""Tests of the limit on how often one address may ask."""

import pytest

from ui import rate_limit
from ui.rate_limit import RateLimit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_so_many_in_so_long(clock):
    limit = RateLimit(2, 60, clock)
    assert [limit.wait("192.0.2.1") for _ in range(3)] == [0, 0, 60]
    clock.now = 59
    assert limit.wait("192.0.2.1") == 1
    clock.now = 60
    assert limit.wait("192.0.2.1") == 0, "what was refused did not count"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("a socket", "another", False),
    ],
)
def test_who_counts_as_one(first, second, same):
    limit = RateLimit(1, 60)
    limit.wait(first)
    assert (limit.wait(second) > 0) is same


def test_memory_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(rate_limit, "MOST_ADDRESSES", 3)
    limit = RateLimit(1, 60, clock)
    for number in range(9):
        limit.wait(f"192.0.2.{number}")
    assert limit.wait("192.0.2.8") > 0
    assert limit.wait("192.0.2.0") == 0, "those that asked longest ago are forgotten"
