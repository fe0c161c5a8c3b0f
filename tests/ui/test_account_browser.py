"""Accounts and keeping a photo in a real browser, on a store that was empty a moment ago, and by hand-made requests.

Screenshots go to `build/screenshots/`.
"""

import json
import time
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from db.roles import OPERATOR
from db.stats import stats
from db.store import Store
from tests.ui.browsing import Visit, expect
from tests.ui.conftest import App
from ui.server import HEADERS

PASSWORD = "four horses and a battery"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The real application on an empty folder; the tests below are one story, told in their order."""
    with closing(App(tmp_path_factory.mktemp("fresh"))) as running:
        yield running


class AccountVisit(Visit):
    """Somebody at the page; what the server refuses there stands on the console."""

    expected_error = "the server responded with a status of 4"


@pytest.fixture
def visit(browser, fresh):
    with ExitStack() as visits:

        def begin(path="account", ready=".vk-card >> visible=true", **look):
            seen = visits.enter_context(closing(AccountVisit(browser, fresh, **look)))
            seen.page.goto(fresh.url + path)
            seen.page.locator(ready).first.wait_for()
            return seen

        yield begin


def fill(page, form, **fields):
    for name, text in fields.items():
        page.fill(f"form[data-do={form}] [name={name}]", text)
    page.click(f"form[data-do={form}] [type=submit]")


def rows(app):
    store = Store(folder=app.folder / "data")
    found = stats(store, OPERATOR)
    store.close()
    return found


def test_the_first_account_is_the_admins(visit, fresh):
    first = visit()
    expect(first.page.get_by_text("You are the first here.")).to_be_visible()
    first.picture("account-first")
    fill(first.page, "sign-up", name="Ann", password="short")
    assert first.page.url.endswith("/account"), "the browser itself asks for more characters"
    fill(first.page, "sign-up", name="Ann", password="annannannann")
    expect(first.page.locator(".vk-status >> visible=true")).to_contain_text("different characters")
    fill(first.page, "sign-up", name="Ann", password=PASSWORD)
    first.page.wait_for_url("**/annotate")
    expect(first.page.locator(".vl-who")).to_have_text("Ann")
    expect(first.page.get_by_role("link", name="Review")).to_be_visible()
    first.page.reload()
    expect(first.page.locator(".vl-who")).to_have_text("Ann")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_wrong_password_says_so(visit, width, scheme):
    seen = visit(width=width, scheme=scheme)
    seen.picture("account")
    name = f"somebody {width} {scheme}"
    fill(seen.page, "sign-in", name=name, password="not the password")
    expect(seen.page.locator(".vk-status >> visible=true")).to_contain_text(
        "The name or the password is wrong"
    )
    seen.picture("account-wrong")
    (error,) = seen.errors
    assert "401 (Unauthorized)" in error
    assert error.endswith("/account/sign-in")


def test_another_one_signs_up_gets_a_role_and_signs_out(visit):
    bob = visit(width=390)
    bob.page.get_by_role("button", name="Create an account").click()
    fill(bob.page, "sign-up", name="Bob", password=PASSWORD)
    bob.page.wait_for_url("**/annotate")
    expect(bob.page.locator(".vl-who")).to_have_text("Bob")
    expect(bob.page.get_by_role("link", name="Review")).to_be_hidden()

    ann = visit(path="about", ready=".vl-prose h1")
    ann.sign_in("Ann", PASSWORD)
    ann.page.goto(f"{ann.app.url}account")
    ann.page.get_by_text("People and their roles").click()
    ann.page.get_by_label("Role of Bob").select_option("reviewer")
    expect(ann.page.get_by_text("Bob is a reviewer now.")).to_be_visible()
    ann.picture("account-people")

    bob.page.reload()
    expect(bob.page.get_by_role("link", name="Review")).to_be_visible()
    bob.page.locator(".vl-who").click()
    bob.page.get_by_role("button", name="Sign out").click()
    expect(bob.page.locator(".vl-who")).to_have_text("Sign in")
    ann.page.get_by_role("button", name="New password").click()
    expect(ann.page.get_by_text("Bob signs in with")).to_be_visible()
    assert ann.errors == bob.errors == []


def test_the_store_begins_with_faces(fresh):
    begun = time.monotonic()
    while not rows(fresh)["projects"]:
        assert time.monotonic() - begun < 240, fresh.log()
        time.sleep(1)
    assert (
        rows(fresh)["projects"]["First faces"] | {"open": 12, "gold": 6}
        == rows(fresh)["projects"]["First faces"]
    )
    assert httpx.get(f"{fresh.url}readyz", timeout=30).json() == {"database": True, "model": True}


@pytest.mark.parametrize("path", ["", "annotate", "account", "gradio_api/info", "no-such-page", "healthz"])
def test_gradios_answers_have_our_headers(fresh, path):
    headers = httpx.get(fresh.url + path, timeout=30).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS


def test_only_who_signed_in_can_keep_a_photo(visit, photos):
    seen = visit(path="", ready=".vl-press >> visible=true")
    seen.send(photos["face"]).result()
    expect(seen.page.get_by_text("Is something read wrongly?")).to_be_visible()
    expect(seen.page.get_by_role("button", name="Keep this photo")).to_be_hidden()
    assert seen.app.files_of(photos["face"]) == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_photo_is_kept(visit, fresh, photos, width, scheme):
    photo = photos["face"] if width > 760 else photos["group"]
    before = rows(fresh)["rows"]["image"]
    seen = visit(path="", ready=".vl-press >> visible=true", width=width, scheme=scheme)
    seen.sign_in("Ann", PASSWORD)
    seen.page.reload()
    seen.page.wait_for_selector(".vl-press")
    seen.send(photo).result()
    seen.page.get_by_text("Keep this photo so that people can correct the reading").click()
    press = seen.page.get_by_role("button", name="Keep this photo", exact=True)
    press.click()
    assert rows(fresh)["rows"]["image"] == before, "nothing was chosen, so the browser asks"
    seen.page.get_by_text("Keep it for annotation").click()
    seen.page.get_by_text("Everybody who can be recognised").click()
    press.scroll_into_view_if_needed()
    seen.picture("keep")
    press.click()
    expect(seen.page.get_by_text("The photo is kept.")).to_be_visible()
    assert rows(fresh)["rows"]["image"] == before + 1
    assert fresh.files_of(photo) == [], "the store has its own file, without the upload's bytes"
    seen.page.get_by_role("button", name="Another photo").click()
    seen.page.wait_for_selector(".vl-press >> visible=true")
    expect(seen.page.locator(".vl-keep")).to_be_hidden()
    assert seen.errors == []


def test_nobody_keeps_a_photo_by_hand(fresh, photos):
    """The page hides the event; whoever finds it is asked who they are."""
    config = httpx.get(f"{fresh.url}config", timeout=30).json()
    (event,) = [each["id"] for each in config["dependencies"] if each["api_name"] == "keep"]
    before = rows(fresh)["rows"]
    with httpx.Client(base_url=fresh.url, timeout=60) as client:
        (path,) = client.post(
            "gradio_api/upload", files={"files": ("a.jpg", photos["face"].read_bytes())}
        ).json()
        wanted = {"path": path, "scope": "publish", "agreed": True, "code": "P"}
        sent = {"data": [], "event_data": wanted, "fn_index": event, "session_hash": "nobody"}
        client.post("gradio_api/queue/join", json=sent).raise_for_status()
        answer = client.get("gradio_api/queue/data", params={"session_hash": "nobody"})
    told = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    (completed,) = [message for message in told if message["msg"] == "process_completed"]
    assert (completed["success"], "not signed in" in completed["output"]["error"]) == (False, True)
    assert rows(fresh)["rows"] == before
    assert not Path(path).exists()


def test_no_password_is_in_the_log(fresh):
    assert not [word for word in (PASSWORD, "argon2", "Traceback") if word in fresh.log()]
