"""Taking a person out by code, and the badge of the backup: who may, and what is said."""

import threading

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from db.annotators import set_role, sign_in
from db.errors import StoreError
from db.keeper import Keeper
from db.photos import keep_photo
from db.projects import ProjectSettings, add_project
from db.queue import next_item
from db.roles import OPERATOR, Role
from db.values import Consent
from tests.db.laboratory import SaidOfFace, photo
from ui import backup_badge, server, taking_out
from ui.account import Accounts

PASSWORD = "four horses and a battery"


@pytest.fixture
def browser(store):
    """Somebody who signed up under a name, with a role."""
    routes = [
        *Accounts(store, signs_up=True).routes(),
        *taking_out.routes(store),
        *backup_badge.routes(store),
    ]

    def of(name, role=Role.ANNOTATOR):
        site = Starlette(**server.app_kwargs(store, lambda: "small", routes))
        client = TestClient(site, "http://127.0.0.1:7860", client=("127.0.0.1", 5000))
        fields = {"name": name, "password": PASSWORD, "language": "en"}
        assert client.post("/account/sign-up", json=fields).status_code == 200
        set_role(store, OPERATOR, name, role)
        return client

    return of


@pytest.fixture
def kept(store):
    """Ann keeps a photo of a person; gives the project."""
    project = add_project(store, OPERATOR, ProjectSettings("pool", gold_share=0.0))

    def by(name, code="P-1", seed=1):
        actor = sign_in(store, name).actor
        keep_photo(store, actor, project, photo(seed), [SaidOfFace()], Consent.PUBLISH, code, "test")
        return project

    return by


def take_out(client, code="P-1"):
    return client.post("/account/withdraw", json={"code": code})


def wait_for_threads():
    for thread in threading.enumerate():
        if thread.name == "taking out":
            thread.join()


def test_who_kept_the_photo_takes_the_person_out(store, browser, kept):
    ann = browser("Ann")
    project = kept("Ann")
    bo = sign_in(store, "Bo").actor
    assert next_item(store, bo, project) is not None
    answer = take_out(ann)
    assert answer.json()["message"].startswith("One face is out of the queue")
    assert next_item(store, bo, project) is None
    wait_for_threads()


@pytest.mark.parametrize("code", ["P-1", "P-2"])
def test_others_learn_nothing_and_change_nothing(store, browser, kept, code):
    project = kept("Ann")
    answer = take_out(browser("Eve"), code)
    assert (answer.status_code, answer.json()["message"][:23]) == (404, "You kept no photo of th")
    assert next_item(store, sign_in(store, "Bo").actor, project) is not None


def test_an_admin_takes_out_anybody(store, browser, kept):
    project = kept("Ann")
    assert take_out(browser("Ada", Role.ADMIN)).status_code == 200
    assert next_item(store, sign_in(store, "Bo").actor, project) is None
    wait_for_threads()


def test_nobody_signed_in(store, browser):
    client = browser("Ann")
    client.cookies.clear()
    assert take_out(client).status_code == 401
    assert client.get("/backup").status_code == 401


class TestBadge:
    def test_without_a_backup_there_is_none(self, browser):
        assert browser("Ann").get("/backup").json() == {"kept": False}

    def test_it_says_when_and_why_not(self, store, browser, tmp_path, monkeypatch):
        ann, ada = browser("Ann"), browser("Ada", Role.REVIEWER)
        keeper = Keeper(store, str(tmp_path / "bucket"), minutes=2)
        store.keeper = keeper
        assert ann.get("/backup").json()["at"] is None
        keeper.round()
        told = ann.get("/backup").json()
        assert (told["failing"], told["minutes"]) == (False, 2)
        assert told["at"] == keeper.standing.saved_at.isoformat()

        def refuse(*_):
            raise StoreError("The bucket is away.")

        monkeypatch.setattr("db.keeper.save", refuse)
        keeper.round()
        assert (ann.get("/backup").json()["failing"], ann.get("/backup").json()["reason"]) == (True, None)
        assert ada.get("/backup").json()["reason"] == "The bucket is away."
        assert ann.get("/backup").json()["at"] == told["at"]

    def test_a_backup_that_stopped_is_failing(self, store, tmp_path):
        keeper = Keeper(store, str(tmp_path / "bucket"), minutes=2)
        keeper.round()
        assert not backup_badge.is_failing(store, keeper.standing)
        later = store.clock() + 4 * backup_badge.timedelta(minutes=2)
        store.clock = lambda: later
        assert backup_badge.is_failing(store, keeper.standing)
