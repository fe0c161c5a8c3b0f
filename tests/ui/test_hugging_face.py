"""Signing in with Hugging Face against a provider of the test's own, over real HTTP, with all its refusals."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import app
from db.annotators import block
from db.passwords import sign_up
from db.roles import OPERATOR
from ui import server
from ui.hugging_face import LOGIN, provider

ANN = {"sub": "6475", "preferred_username": "ann"}


class Issuer(ThreadingHTTPServer):
    """Hands out a code for whoever is signed in there, once, and says who it was to who proves that they asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.who = dict(ANN)
        self.codes = {}

    def authorize(self, url):
        """What the visitor's browser does there; returns the query of the way back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["redirect_uri"] == "https://org-page.hf.space/login/callback"
        assert (asked["client_id"], asked["response_type"], asked["scope"]) == (
            "client",
            "code",
            "openid profile",
        )
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked["code_challenge"]
        return {"code": code, "state": asked["state"]}


class _Answers(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def _send(self, value, status=200):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path.endswith("openid-configuration"):
            self._send(
                {
                    f"{name}_endpoint": f"{self.server.url}/{name}"
                    for name in ("authorization", "token", "userinfo")
                }
            )
        else:
            known = self.headers["Authorization"] == "Bearer the token"
            self._send(self.server.who if known else {}, 200 if known else 401)

    def do_POST(self):
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        challenge = self.server.codes.pop(sent["code"][0], None)
        proof = hashlib.sha256(sent["code_verifier"][0].encode()).digest()
        good = challenge == base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        good = good and sent["client_secret"] == ["secret"]
        self._send({"access_token": "the token"} if good else {}, 200 if good else 400)


@pytest.fixture
def issuer(monkeypatch):
    made = Issuer()
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    known = {"OAUTH_CLIENT_ID": "client", "OAUTH_CLIENT_SECRET": "secret", "OAUTH_SCOPES": "openid profile"}
    known |= {"OPENID_PROVIDER_URL": made.url, "SPACE_HOST": "org-page.hf.space,faces.example.org"}
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def browser(issuer, store):
    """A visitor's browser, and another one."""

    def opened():
        kwargs = server.app_kwargs(store, lambda: None, app.routes(store))
        return TestClient(Starlette(**kwargs), base_url="http://127.0.0.1", follow_redirects=False)

    return opened


def sign_in(client, issuer, **query):
    gone = client.get(LOGIN, params=query)
    assert gone.status_code == 303
    return client.get("/login/callback", params=issuer.authorize(gone.headers["location"]))


def test_a_person_joins_and_comes_back_as_the_same(browser, issuer):
    first, second = browser(), browser()
    back = sign_in(first, issuer, next="review")
    assert (back.status_code, back.headers["location"]) == (303, "/review")
    assert first.get("/account/me").json() == {"name": "ann", "role": "annotator", "language": "en"}
    issuer.who["preferred_username"] = "ann-renamed"
    sign_in(second, issuer)
    assert second.get("/account/me").json()["name"] == "ann"
    assert first.get("/account/me").json()["name"] == "ann", "signing in elsewhere ends no session"
    first.post("/account/sign-out")
    assert second.get("/account/me").json()["name"] is None


def test_who_is_named_in_the_environment_becomes_an_admin(browser, issuer, monkeypatch):
    monkeypatch.setenv("VLFAU_ADMINS", "bo, Ann")
    client = browser()
    sign_in(client, issuer)
    assert client.get("/account/me").json()["role"] == "admin"


def test_a_local_name_is_not_taken_over(browser, issuer, store):
    sign_up(store, "Ann", "a horse and a battery")
    client = browser()
    sign_in(client, issuer)
    assert client.get("/account/me").json()["name"] == "ann@huggingface"


def test_no_password_fits_and_none_can_be_had(browser, issuer):
    client = browser()
    sign_in(client, issuer)
    tried = browser().post("/account/sign-in", json={"name": "ann", "password": "signs in elsewhere"})
    assert tried.status_code == 401
    made = browser().post(
        "/account/sign-up", json={"name": "eve", "password": "a horse and a battery", "language": "en"}
    )
    assert made.status_code == 403


def test_an_answer_to_another_browser_is_refused(browser, issuer):
    victim, attacker = browser(), browser()
    asked = attacker.get(LOGIN)
    query = issuer.authorize(asked.headers["location"])
    for back in (victim.get("/login/callback", params=query), victim.get("/login/callback")):
        assert back.status_code == 400
        assert "belongs to no question" in back.json()["message"]
    assert victim.get("/account/me").json()["name"] is None


def test_a_code_works_once(browser, issuer):
    client = browser()
    query = issuer.authorize(client.get(LOGIN).headers["location"])
    assert client.get("/login/callback", params=query).status_code == 303
    assert client.get("/login/callback", params=query).status_code == 400


def test_who_says_no_there_is_told(browser, issuer):
    client = browser()
    state = issuer.authorize(client.get(LOGIN).headers["location"])["state"]
    back = client.get("/login/callback", params={"state": state, "error": "access_denied"})
    assert "access_denied" in back.json()["message"]


def test_a_blocked_person_stays_out(browser, issuer, store):
    sign_in(browser(), issuer)
    block(store, OPERATOR, "ann")
    assert sign_in(browser(), issuer).status_code == 403


def test_nobody_is_sent_to_another_site(browser, issuer):
    assert sign_in(browser(), issuer, next="//evil.example").headers["location"] == "/"


def test_an_issuer_that_does_not_answer_is_told(browser, issuer):
    issuer.codes.clear()
    client = browser()
    query = issuer.authorize(client.get(LOGIN).headers["location"]) | {"code": "made up"}
    back = client.get("/login/callback", params=query)
    assert back.status_code == 400
    assert "could not be asked" in back.json()["message"]


def test_elsewhere_there_is_no_such_way(monkeypatch, store):
    monkeypatch.delenv("OAUTH_CLIENT_ID", raising=False)
    assert provider() is None
    assert not [route for route in app.routes(store) if route.path.startswith("/login")]
