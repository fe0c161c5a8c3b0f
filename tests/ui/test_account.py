"""The routes of accounts and health, and what the server does with every request, over HTTP without a network."""

import json
import logging
import stat

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient

from db import passwords
from db.annotators import set_role, sign_in
from db.roles import OPERATOR, Role
from ui import origin, server
from ui.account import MAX_BODY, Accounts
from ui.account_people import People
from ui.visitor import NotSignedIn, visitor
from vlfau.errors import VLFAUError

PASSWORD = "four horses and a battery"
ME, SIGN_UP, SIGN_IN, SIGN_OUT = (f"/account/{name}" for name in ("me", "sign-up", "sign-in", "sign-out"))
NOBODY = {"name": None, "first_is_admin": False}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Argon2 with the least it takes."""
    monkeypatch.setattr(passwords, "_HASHER", passwords.PasswordHasher(1, 8, 1))
    passwords._nobodys_hash.cache_clear()


class Site:
    """A server with what we hand to Gradio's; the tests in a browser ask the real one."""

    def __init__(self, store):
        self.store = store
        self.version = "small-2"
        self.accounts = Accounts(store, first_is_admin=True)

    def browser(self, address="127.0.0.1", base="http://127.0.0.1:7860"):
        """A browser with cookies of its own."""
        routes = [*self.accounts.routes(), *People(self.store).routes()]
        kwargs = server.app_kwargs(self.store, lambda: self.version, routes)
        return TestClient(Starlette(**kwargs), base, client=(address, 5000))

    def signed_up(self, name, **where):
        browser = self.browser(**where)
        fields = {"name": name, "password": PASSWORD, "language": "en"}
        assert browser.post(SIGN_UP, json=fields).status_code == 200
        return browser


@pytest.fixture
def site(store):
    return Site(store)


@pytest.fixture
def browser(site):
    return site.browser()


@pytest.fixture
def ann(site):
    return site.signed_up("Ann")


class TestAccounts:
    def test_who_signs_up_is_signed_in_and_stays_so(self, site, ann):
        assert ann.get(ME).json() == {"name": "Ann", "role": "admin", "language": "en"}
        reloaded = site.browser()
        reloaded.cookies = ann.cookies
        assert reloaded.get(ME).json()["name"] == "Ann", (
            "another process with the same folder knows the cookie"
        )

    def test_signing_in(self, ann, browser):
        answer = browser.post(SIGN_IN, json={"name": "ann", "password": PASSWORD})
        assert answer.json() == {"name": "Ann", "role": "admin", "language": "en"}
        assert browser.get(ME).json()["name"] == "Ann"

    def test_a_wrong_password(self, ann, browser):
        answer = browser.post(SIGN_IN, json={"name": "Ann", "password": "something else"})
        assert (answer.status_code, browser.get(ME).json()) == (401, NOBODY)
        unknown = browser.post(SIGN_IN, json={"name": "Nobody", "password": "something else"})
        assert (unknown.status_code, unknown.json()) == (401, answer.json())

    def test_lock_out(self, ann, browser):
        tries = [browser.post(SIGN_IN, json={"name": "Ann", "password": "no"}) for _ in range(6)]
        assert [answer.status_code for answer in tries] == [401] * 5 + [429]
        assert 0 < int(tries[-1].headers["retry-after"]) <= 30
        assert browser.post(SIGN_IN, json={"name": "Ann", "password": PASSWORD}).status_code == 429
        assert ann.get(ME).json()["name"] == "Ann", "who is in stays in"

    def test_a_rate_limit_for_an_address(self, site, browser):
        site.accounts.sign_ins.times = 2
        answers = [browser.post(SIGN_IN, json={"name": f"n{i}", "password": "no"}) for i in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert "from this address" in answers[-1].json()["message"]
        elsewhere = site.browser("192.0.2.1")
        assert elsewhere.post(SIGN_IN, json={"name": "n", "password": "no"}).status_code == 401

    def test_signing_out_ends_a_copied_cookie_too(self, ann, browser):
        browser.cookies.update(dict(ann.cookies))
        assert browser.get(ME).json()["name"] == "Ann"
        assert ann.post(SIGN_OUT, json={}).status_code == 200
        assert (ann.get(ME).json(), browser.get(ME).json()) == (NOBODY, NOBODY)

    def test_another_password(self, ann, browser):
        browser.cookies.update(dict(ann.cookies))
        wanted = {"password": PASSWORD, "new": "another long one"}
        assert ann.post("/account/password", json=wanted).status_code == 200
        assert ann.get(ME).json()["name"] == "Ann"
        assert browser.get(ME).json() == NOBODY
        assert ann.post("/account/password", json=wanted).status_code == 401, (
            "that is no longer the present one"
        )

    def test_nobody_has_nothing_to_sign_out_of(self, browser):
        assert browser.post(SIGN_OUT, json={}).status_code == 401
        assert browser.post("/account/password", json={"password": "", "new": PASSWORD}).status_code == 401

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'{"name": "a"}',
            b'{"name": 1, "password": 2}',
            b"[" * 9000,
            b"\xff\xfe",
        ],
    )
    def test_what_is_no_request_is_a_message(self, browser, body):
        answer = browser.post(SIGN_IN, content=body)
        assert (answer.status_code, "cannot be read" in answer.json()["message"]) == (400, True)

    def test_too_much_is_not_read(self, browser):
        answer = browser.post(SIGN_IN, content=b"x" * (MAX_BODY + 1))
        assert (answer.status_code, "too much" in answer.json()["message"]) == (400, True)

    def test_half_characters_are_harmless(self, browser):
        body = b'{"name": "\\ud800", "password": "\\ud800", "language": "en"}'
        assert browser.post(SIGN_IN, content=body).status_code == 400
        named = b'{"name": "Ann", "password": "\\ud800", "language": "en"}'
        assert browser.post(SIGN_IN, content=named).status_code == 401

    def test_nothing_of_a_password_is_logged(self, site, caplog):
        caplog.set_level(logging.DEBUG)
        browser = site.signed_up("Ann")
        browser.post(SIGN_IN, json={"name": "Ann", "password": "a wrong password"})
        assert not [word for word in (PASSWORD, "a wrong password", "argon2") if word in caplog.text]


class TestFirstAdmin:
    def test_here_the_first_account_is_the_admins(self, site, browser):
        assert browser.get(ME).json() == {"name": None, "first_is_admin": True}
        assert site.signed_up("Ann").get(ME).json()["role"] == "admin"
        assert site.signed_up("Bob").get(ME).json()["role"] == "annotator"

    @pytest.mark.parametrize(
        "where",
        [
            {"address": "192.0.2.1"},
            {"base": "http://evil.example:7860"},
        ],
        ids=["another machine", "another name for this one"],
    )
    def test_elsewhere_it_is_not(self, site, where):
        assert site.signed_up("Ann", **where).get(ME).json()["role"] == "annotator"

    def test_nor_through_a_proxy(self, browser):
        answer = browser.get(ME, headers={"X-Forwarded-For": "192.0.2.1"})
        assert answer.json()["first_is_admin"] is False

    def test_nor_on_a_server_that_others_reach(self, site, browser):
        site.accounts.first_is_admin = False
        assert browser.get(ME).json()["first_is_admin"] is False

    @pytest.mark.parametrize(
        ("name", "variable", "here"),
        [
            (None, None, True),
            ("localhost", None, True),
            ("::1", None, True),
            ("0.0.0.0", None, False),
            (None, "0.0.0.0", False),
            ("127.0.0.1", "0.0.0.0", True),
            ("example.org", None, False),
        ],
    )
    def test_where_a_server_listens(self, monkeypatch, name, variable, here):
        monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
        if variable:
            monkeypatch.setenv("GRADIO_SERVER_NAME", variable)
        assert origin.listens_here_only(name) is here


class TestSessions:
    def test_the_cookie_is_for_http_only_and_for_this_site(self, browser):
        answer = browser.post(SIGN_UP, json={"name": "Ann", "password": PASSWORD, "language": "en"})
        flags = answer.headers["set-cookie"].lower()
        assert "httponly" in flags
        assert "samesite=lax" in flags

    def test_in_a_frame_of_a_space_it_needs_https(self, site, monkeypatch):
        monkeypatch.setenv("SPACE_ID", "somebody/something")
        browser = site.browser(base="https://somebody-something.hf.space")
        answer = browser.post(SIGN_UP, json={"name": "Ann", "password": PASSWORD, "language": "en"})
        assert {"samesite=none", "secure"} <= set(answer.headers["set-cookie"].lower().split("; "))

    def test_a_forged_cookie_is_nobody(self, ann, browser):
        good = ann.cookies[server.SESSION_COOKIE]
        content, rest = good.split(".", 1)
        for forged in (f"{content}x.{rest}", f"{good}x", content, f"{content}.", "null", "é".encode().hex()):
            browser.cookies = {server.SESSION_COOKIE: forged}
            assert browser.get(ME).json() == NOBODY, forged

    def test_a_cookie_of_another_secret_is_nobody(self, site, ann, monkeypatch):
        monkeypatch.setenv(server.SECRET_VARIABLE, "another secret, which is long enough")
        other = site.browser()
        other.cookies = ann.cookies
        assert other.get(ME).json() == NOBODY

    def test_the_secret_is_made_once_and_for_its_owner_only(self, tmp_path):
        first = server.session_secret(tmp_path)
        assert len(first) >= server.MIN_SECRET
        assert server.session_secret(tmp_path) == first
        assert stat.S_IMODE((tmp_path / server.SECRET_FILE).stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.iterdir()] == [server.SECRET_FILE]

    def test_a_short_secret_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setenv(server.SECRET_VARIABLE, "short")
        with pytest.raises(VLFAUError, match="5 characters; 32 are needed"):
            server.session_secret(tmp_path)

    @pytest.mark.parametrize(
        "session",
        [{}, {"annotator": 1}, {"annotator": "1", "generation": "1"}, {"annotator": 1, "generation": 2}],
    )
    def test_only_a_whole_session_is_somebody(self, store, ann, session):
        with pytest.raises(NotSignedIn):
            visitor(Request({"type": "http", "session": session}), store)

    def test_a_handler_learns_name_and_role_of_now(self, store, request_of):
        request = request_of("Bob")
        assert visitor(request, store).role == Role.ANNOTATOR
        set_role(store, OPERATOR, "Bob", Role.REVIEWER)
        assert (visitor(request, store).name, visitor(request, store).role) == ("Bob", Role.REVIEWER)

    @pytest.mark.parametrize("request_", [gr.Request(), gr.Request(Request({"type": "http"}))])
    def test_without_a_session_there_is_nobody(self, store, request_):
        with pytest.raises(NotSignedIn):
            visitor(request_, store)


class TestOtherSites:
    FOREIGN = ("https://evil.example", "null", "http://127.0.0.1:8000", "http://127.0.0.1.evil.example")

    @pytest.mark.parametrize("origin", FOREIGN)
    def test_they_cannot_touch_accounts(self, ann, origin):
        for path in (SIGN_IN, SIGN_UP, SIGN_OUT):
            answer = ann.post(path, json={"name": "Ann", "password": PASSWORD}, headers={"Origin": origin})
            assert (answer.status_code, "another site" in answer.json()["message"]) == (403, True)
        assert ann.get(ME).json()["name"] == "Ann"

    def test_a_browser_that_only_tells_the_site_is_believed(self, ann):
        assert ann.post(SIGN_OUT, json={}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert ann.post(SIGN_OUT, json={}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://127.0.0.1:7860"},
            {"Origin": "https://faces.example", "X-Forwarded-Host": "faces.example"},
            {},
        ],
        ids=["this page", "this page behind a proxy", "no browser"],
    )
    def test_our_own_page_can(self, ann, headers):
        assert ann.post(SIGN_OUT, json={}, headers=headers).status_code == 200

    @pytest.mark.parametrize(
        ("origin", "name"), [("https://evil.example", None), ("http://127.0.0.1:7860", "Ann")]
    )
    def test_everywhere_else_they_are_nobody(self, site, ann, origin, name):
        seen = []

        async def endpoint(scope, receive, send):
            seen.append(dict(scope["headers"]).get(b"cookie"))

        inner = server.OwnPages(endpoint)
        with pytest.raises(AssertionError):  # the endpoint answers nothing
            TestClient(inner, "http://127.0.0.1:7860", cookies=dict(ann.cookies)).post(
                "/gradio_api/queue/join", headers={"Origin": origin}
            )
        assert (seen[0] is not None) == (name is not None)


class TestPeople:
    @pytest.fixture
    def bob(self, ann, site):
        return site.signed_up("Bob")

    def test_an_admin_sees_and_changes_them(self, ann, bob):
        assert [(one["name"], one["own"]) for one in ann.get("/account/people").json()] == [
            ("Ann", True),
            ("Bob", False),
        ]
        answer = ann.post("/account/role", json={"name": "Bob", "role": "reviewer"})
        assert answer.json() == {"message": "Bob is a reviewer now."}
        assert bob.get(ME).json()["role"] == "reviewer"

    def test_keeping_out_and_letting_in(self, ann, bob):
        assert ann.post("/account/block", json={"name": "Bob", "role": ""}).status_code == 200
        assert bob.get(ME).json() == NOBODY
        assert ann.post("/account/unblock", json={"name": "Bob", "role": ""}).status_code == 200
        assert bob.get(ME).json()["name"] == "Bob"

    def test_a_new_password(self, ann, bob, browser):
        given = ann.post("/account/reset", json={"name": "Bob", "role": ""}).json()["password"]
        assert bob.get(ME).json() == NOBODY
        assert browser.post(SIGN_IN, json={"name": "Bob", "password": given}).json()["name"] == "Bob"

    @pytest.mark.parametrize("what", ["role", "block", "unblock", "reset"])
    @pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("annotator", 403), ("reviewer", 403)])
    def test_others_change_nobody(self, store, ann, bob, browser, what, who, status):
        sign_in(store, "Eve")
        if who == "reviewer":
            set_role(store, OPERATOR, "Bob", Role.REVIEWER)
        asking = browser if who == "nobody" else bob
        for name in ("Eve", "Bob"):
            assert asking.post(f"/account/{what}", json={"name": name, "role": "admin"}).status_code == status
        assert asking.get("/account/people").status_code == status

    def test_an_admin_does_not_change_their_own_role(self, ann):
        assert ann.post("/account/role", json={"name": "Ann", "role": "annotator"}).status_code == 403
        assert ann.post("/account/role", json={"name": "Nobody", "role": "annotator"}).status_code == 404
        assert ann.post("/account/role", json={"name": "Ann", "role": "king"}).status_code == 400


class TestServer:
    @pytest.mark.parametrize("path", ["/healthz", ME, "/no-such-page"])
    def test_every_answer_has_the_headers(self, browser, path):
        headers = browser.get(path).headers
        assert {name: headers[name] for name in server.HEADERS} == server.HEADERS

    def test_the_policy_keeps_strangers_out_and_the_space_in(self):
        policy = dict(rule.split(" ", 1) for rule in server.CONTENT_SECURITY_POLICY.split("; "))
        assert policy["frame-ancestors"] == "'self' https://huggingface.co https://*.hf.space"
        assert policy["object-src"] == "'none'"
        assert not [rule for name, rule in policy.items() if name != "frame-ancestors" and "http" in rule]

    def test_who_signed_in_is_kept_by_no_cache(self, ann):
        assert ann.get(ME).headers["cache-control"] == "no-store"

    def test_health(self, site, browser):
        assert browser.get("/healthz").text == "ok"
        assert browser.get("/version").json() == {"vlfau": "0.1.0", "model": "small-2"}
        assert browser.get("/readyz").json() == {"database": True, "model": True}
        site.version = None
        answer = browser.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"database": True, "model": False})

    def test_a_database_that_is_gone_is_not_ready(self, store, browser, tmp_path):
        store.close()
        (tmp_path / "data").rename(tmp_path / "elsewhere")
        answer = browser.get("/readyz")
        assert (answer.status_code, answer.json()["database"]) == (503, False)
        assert browser.get("/healthz").status_code == 200

    def test_errors_tell_what_to_do(self, browser):
        told = json.loads(browser.post(SIGN_OUT, json={}).text)["message"]
        assert told.endswith("Sign in and try again.")
