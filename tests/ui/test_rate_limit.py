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


@pytest.fixture
def throttled():
    """A server that takes two costly posts a minute from each visitor."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    from ui.rate_limit import Throttle

    routes = [
        Route(path, lambda _: PlainTextResponse("done"), methods=["GET", "POST"])
        for path in ("/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/component_server")
    ]
    return Starlette(routes=routes, middleware=[Middleware(Throttle, limit=RateLimit(2, 60))])


def visitor(app, address):
    from starlette.testclient import TestClient

    return TestClient(app, base_url="http://example.org", client=(address, 5000))


def test_a_visitor_who_posts_too_often_is_refused_and_told_when(throttled):
    first, second = visitor(throttled, "192.0.2.1"), visitor(throttled, "192.0.2.2")
    posts = [first.post(f"/gradio_api/{path}") for path in ("upload", "queue/join", "queue/join")]
    assert [answer.status_code for answer in posts] == [200, 200, 429]
    assert 0 < int(posts[-1].headers["retry-after"]) <= 60
    assert second.post("/gradio_api/upload").status_code == 200
    assert first.get("/gradio_api/queue/join").status_code == 200
    assert first.post("/gradio_api/component_server").status_code == 200


def test_this_machine_is_not_counted(throttled):
    from starlette.testclient import TestClient

    here = TestClient(throttled, base_url="http://127.0.0.1", client=("127.0.0.1", 5000))
    assert {here.post("/gradio_api/upload").status_code for _ in range(4)} == {200}
