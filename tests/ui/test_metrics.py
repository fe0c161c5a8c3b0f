"""What `/metrics` counts and tells, and to whom."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui import server
from ui.metrics import TOKEN_VARIABLE, family_of


@pytest.fixture
def client(store):
    routes = [Route("/faces/{number}/chip.jpg", lambda _: PlainTextResponse("picture"))]
    app = Starlette(**server.app_kwargs(store, lambda: "small-9", routes, lambda: 3))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 5000)) as opened:
        yield opened


def values(client, **headers):
    """(name, labels) -> value of everything that is told."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {
        (one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples
    }


def test_requests_are_counted_and_timed_by_kind_and_not_by_number(client):
    for number in (1, 2):
        client.get(f"/faces/{number}/chip.jpg")
    client.get("/nonsense-4711")
    told = values(client)
    counted = {"method": "GET", "path": "/faces", "status": "200"}
    assert told["vlfau_requests_total", frozenset(counted.items())] == 2
    assert told["vlfau_request_seconds_count", frozenset({("path", "/faces")})] == 2
    assert told["vlfau_requests_total", frozenset({**counted, "path": "other", "status": "404"}.items())] == 1
    assert not [labels for _, labels in told if "4711" in str(labels)]


def test_queue_database_and_model(client):
    told = {name: value for (name, labels), value in values(client).items() if not labels}
    assert told["vlfau_queue_length"] == 3
    assert told["vlfau_database_up"] == told["vlfau_model_loaded"] == 1
    assert told["vlfau_database_seconds"] < 5
    assert [dict(labels)["model"] for name, labels in values(client) if name == "vlfau_version_info"] == [
        "small-9"
    ]


def test_a_database_that_is_gone_is_told(client, store):
    store.close()
    store.folder.rename(store.folder.with_name("elsewhere"))
    assert values(client)["vlfau_database_up", frozenset()] == 0


def test_another_machine_needs_the_token(client, monkeypatch):
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403
    monkeypatch.setenv(TOKEN_VARIABLE, "a token")
    wrong = {"X-Forwarded-For": "192.0.2.1", "Authorization": "Bearer another"}
    assert client.get("/metrics", headers=wrong).status_code == 403
    assert values(client, **wrong | {"Authorization": "Bearer a token"})


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/", "/"),
        ("/faces/17/chip.jpg", "/faces"),
        ("/gradio_api/queue/join", "/gradio_api/queue"),
        ("/gradio_api/file=/tmp/secret.jpg", "/gradio_api/file"),
        ("/gradio_api/made-up", "/gradio_api"),
        ("/made/up", "other"),
    ],
)
def test_family(path, family):
    assert family_of(path) == family
