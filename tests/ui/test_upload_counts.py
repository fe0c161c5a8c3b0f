"""Equal uploads that share one file are each read, and what is too large is refused before it is written."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui import upload_counts
from ui.upload_counts import ADDRESS, FORGOTTEN_AFTER_S, Arrivals, Uploads


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "0123" / "face.jpg"
    path.parent.mkdir()
    path.write_bytes(b"photo")
    return path


def test_the_file_goes_with_the_last_reader(file):
    arrivals = Arrivals()
    assert arrivals.note(file)
    assert arrivals.note(file)
    arrivals.let_go(file)
    assert file.exists()
    arrivals.let_go(file)
    assert not file.parent.exists()


def test_who_never_reads_is_not_waited_for(file):
    clock = Clock()
    arrivals = Arrivals(clock)
    arrivals.note(file)
    clock.now = FORGOTTEN_AFTER_S
    arrivals.note(file)
    arrivals.let_go(file)
    assert not file.exists()


def test_a_file_that_is_gone_is_not_noted(file):
    file.unlink()
    assert not Arrivals().note(file)


def test_memory_does_not_grow(file, monkeypatch):
    monkeypatch.setattr(upload_counts, "MOST_PATHS", 2)
    arrivals = Arrivals()
    for number in range(5):
        path = file.with_name(f"{number}.jpg")
        path.write_bytes(b"photo")
        arrivals.note(path)
    assert len(arrivals._at) == 2


@pytest.fixture
def client(file):
    """A server whose upload answers as Gradio's does, with the path of a file."""
    routes = [Route(ADDRESS, lambda _: JSONResponse([str(file)]), methods=["POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(Uploads, most_bytes=1000)])
    with TestClient(app) as opened:
        yield opened


def test_an_upload_is_answered_as_before(client, file):
    answer = client.post(ADDRESS, content=b"x" * 500)
    assert (answer.status_code, answer.json()) == (200, [str(file)])


def test_an_upload_whose_file_was_taken_away_is_told(client, file):
    file.unlink()
    answer = client.post(ADDRESS, content=b"x")
    assert answer.status_code == 503
    assert "Send it again" in answer.json()["message"]


def test_too_large_as_a_whole_or_of_unknown_length_is_refused(client):
    assert client.post(ADDRESS, content=b"x" * 200_000).status_code == 413
    assert client.post(ADDRESS, content=iter([b"x" * 200_000])).status_code == 411
