"""Tests of the Review page: who may do what, also over plain HTTP, and what is stored."""

import pytest

from db.annotators import set_role
from db.people import forget
from db.projects import list_projects
from db.queue import next_item
from db.responses import undo
from db.review import review
from db.roles import OPERATOR
from db.values import Answer, ItemState, Occurrence, UnitAnswer
from tests.db.laboratory import marks
from tests.ui.review_house import ROLES
from ui.message import Message
from ui.review import Place, ReviewDesk

VERDICT = {"units": [{"number": 12, "occurrence": "present", "intensity": 3, "side": "left"}]}


@pytest.fixture
def item(house):
    return house.disputed(ann=marks(AU12="present", AU4="absent"), bo=marks(AU12="absent", AU4="absent"))


@pytest.fixture
def rev(house):
    return house.desk("rev")


def decide(client, house, item, verb="settle", mark=None, **more):
    """The message of a verdict; `mark` None is that of now."""
    said = {"mark": mark or house.seen(item).mark, "note": "", "answer": VERDICT} | more
    return client.act(do="decide", verb=verb, item=item, **said)


class TestWhoMay:
    @pytest.mark.parametrize(
        ("name", "told"), [("nobody", "people who signed in"), ("ann", "You are an annotator.")]
    )
    def test_others_see_a_plain_sentence_and_nothing_else(self, house, item, name, told):
        client = house.client(name)
        for message in ({"do": "go"}, {"do": "go", "tab": "agreement"}, {"do": "measure"}):
            reply = client.act(**message)
            assert told in reply["html"]
            assert "AU12" not in reply["html"]

    @pytest.mark.parametrize("name", ["nobody", "ann", "rev"])
    def test_a_hidden_event_called_over_http_asks_who_it_is(self, house, item, name):
        before = house.seen(item).mark
        client = house.client(name)
        for verb in ("settle", "gold", "aside", "back"):
            reply = decide(client, house, item, verb, note="why not", mark=before)
            stored = house.seen(item).mark != before
            assert stored == (name == "rev")
            if not stored:
                assert "reviewer" in reply["html"] or "signed in" in reply["html"]

    @pytest.mark.parametrize("name", ["ann", "rev"])
    def test_only_admins_see_the_data_and_change_settings(self, house, name):
        client = house.desk(name)
        for message in ({"do": "go", "tab": "data"}, {"do": "change", "settings": {"answers_wanted": 9}}):
            reply = client.act(**message)
            assert "answers_wanted" not in reply.get("html", "")
            if name in ROLES:
                assert reply["error"] == "NotAllowed"

        assert list_projects(house.store, OPERATOR)[house.lab.project].answers_wanted == 2

    def test_the_tab_of_the_data_is_shown_to_admins(self, house, rev):
        assert 'data-tab="data"' not in rev.act(do="go")["html"]
        assert 'data-tab="data"' in house.desk("admin").act(do="go")["html"]

    def test_who_lost_the_role_lost_it_at_once(self, house, item, rev):
        mark = house.seen(item).mark
        set_role(house.store, OPERATOR, "rev", "annotator")
        assert "You are an annotator." in decide(rev, house, item, mark=mark)["html"]


class TestDeciding:
    def test_the_disputed_are_listed_and_the_first_is_open(self, house, item, rev):
        html = rev.act(do="go")["html"]
        assert f'data-open="{item}" aria-current="true"' in html
        assert "1 differs, 2 answers" in html
        assert f'<section class="vr-item" data-item="{item}"' in html

    def test_settled_the_next_one_is_there(self, house, item, rev):
        second = house.disputed(ann=marks(AU4="present"), bo=marks(AU4="absent"))
        reply = decide(rev, house, item, next=second, note="the left corner is up")
        assert f'data-item="{second}"' in reply["html"]
        assert f"Face {item} is settled." in reply["html"]
        settled = house.seen(item)
        assert settled.state == ItemState.SETTLED
        assert settled.adjudication.units == (UnitAnswer(12, Occurrence.PRESENT, 3, "left"),)
        assert settled.note == "the left corner is up"

    def test_after_the_last_one_the_list_is_empty(self, house, item, rev):
        assert "Nothing is disputed." in decide(rev, house, item)["html"]

    def test_sent_back_somebody_else_gets_it(self, house, item, rev):
        reply = decide(rev, house, item, "back")
        assert "goes to one more person" in reply["html"]
        assert next_item(house.store, house.actor("cy"), house.lab.project).item_id == item

    def test_set_aside_with_a_reason(self, house, item, rev):
        assert decide(rev, house, item, "aside")["error"] == "TextError"
        assert "is set aside" in decide(rev, house, item, "aside", note="no face")["html"]
        assert (house.seen(item).state, house.seen(item).note) == (ItemState.SET_ASIDE, "no face")

    def test_made_known(self, house, item, rev):
        decide(rev, house, item, "gold")
        assert house.seen(item).gold.occurrences == {12: "present"}

    def test_pressed_twice_it_is_stored_once(self, house, item, rev):
        mark = house.seen(item).mark
        decide(rev, house, item, mark=mark)
        again = decide(rev, house, item, mark=mark)
        assert again["error"] == "Conflict"
        assert "has changed since you opened it" in again["message"]

    def test_what_an_annotator_took_back_meanwhile_is_not_settled(self, house, item, rev):
        mark = house.seen(item).mark
        undo(house.store, house.actor("bo"), house.lab.project)
        assert decide(rev, house, item, mark=mark)["error"] == "Conflict"

    def test_a_forgotten_person_is_not_there(self, house, item, rev):
        mark = house.seen(item).mark
        forget(house.store, OPERATOR, "person-1")
        assert decide(rev, house, item, mark=mark) | {"message": ""} == {"error": "NotFound", "message": ""}
        assert "There is no such item." in rev.act(do="go", item=item)["html"]

    def test_a_settled_face_is_shown_with_its_verdict(self, house, item, rev):
        decide(rev, house, item)
        html = rev.act(do="go", state="settled")["html"]
        assert 'data-set="intensity" value="3" aria-pressed="true"' in html


class TestBadInput:
    @pytest.mark.parametrize(
        "answer",
        [
            None,
            "present",
            {"units": "all"},
            {"units": [{"number": 3, "occurrence": "present"}]},
            {"units": [{"number": 12, "occurrence": "perhaps"}]},
            {"units": [{"number": 12, "occurrence": "present", "intensity": 6}]},
            {"units": [{"number": 12, "occurrence": "present", "intensity": "3"}]},
            {"units": [{"number": 12, "occurrence": "absent", "intensity": 3}]},
            {"units": [{"number": 25, "occurrence": "present", "side": "left"}]},
            {"units": [{"number": 12, "occurrence": "present", "reviewer_id": 1}]},
            {"units": [{"number": 12, "occurrence": "present", "text": "<script>alert(1)</script>"}]},
            {"units": [{"number": 12, "occurrence": "present", "text": "up\u202etfel"}]},
            {"units": [{"number": 12, "occurrence": "present", "text": "x" * 301}]},
            {"units": [{"number": 12, "occurrence": "present"}] * 2},
            {"units": [], "description": "y" * 1001},
            {"units": []},
        ],
    )
    def test_it_is_refused_and_nothing_is_stored(self, house, item, rev, answer):
        mark = house.seen(item).mark
        reply = decide(rev, house, item, answer=answer)
        assert reply.keys() == {"error", "message"}
        assert house.seen(item).mark == mark

    @pytest.mark.parametrize(
        "message",
        [
            {},
            {"do": "drop"},
            {"do": ["go"]},
            {"do": "go", "item": "1; DROP TABLE item"},
            {"do": "go", "item": 2**63},
            {"do": "go", "project": 1.5},
            {"do": "decide", "verb": "settle", "item": 1},
            {"do": "decide", "verb": "withdraw", "item": 1, "mark": "x", "note": ""},
        ],
    )
    def test_what_the_page_never_sends(self, item, rev, message):
        assert rev.act(**message).keys() == {"error", "message"}

    @pytest.mark.parametrize(
        "settings", [None, {}, {"name": "x"}, {"answers_wanted": 0}, {"blind_share": "1"}]
    )
    def test_settings_that_cannot_be(self, house, settings):
        assert house.desk("admin").act(do="change", settings=settings)["error"] == "StoreError"

    def test_what_people_typed_is_text_on_the_page(self, house, rev):
        typed = 'lips & "corners" < up \' here'
        answer = Answer((UnitAnswer(12, Occurrence.PRESENT, text=typed),), description=typed)
        house.disputed(ann=answer, bo=marks(AU12="absent"))
        html = rev.act(do="go")["html"]
        assert typed not in html
        assert html.count("lips &amp; &quot;corners&quot; &lt; up &#x27; here") == 3

    def test_a_place_that_is_none_is_where_everybody_begins(self):
        begin = Place("faces", ItemState.DISPUTED, None, None)
        assert Place.of(Message({"tab": "secrets", "state": "open"})) == begin
        assert Place.of(Message({"tab": ["data"], "state": {}})) == begin


class TestSettings:
    def test_shares_are_percent_on_the_page_and_the_change_is_stored(self, house):
        reply = house.desk("admin").act(do="change", settings={"blind_share": 25, "answers_wanted": 3})
        assert "The settings are saved." in reply["html"]
        assert 'name="blind_share" value="25"' in reply["html"]
        settings = list_projects(house.store, OPERATOR)[house.lab.project]
        assert (settings.blind_share, settings.answers_wanted) == (0.25, 3)


def test_the_page_says_so_when_there_is_no_project(store, request_of):
    reply = ReviewDesk(store).act({"do": "go"}, request_of("rev", "reviewer"))
    assert "No project has been made." in reply["message"]


def test_a_text_that_the_page_refuses_is_named(house, item, rev):
    reply = decide(rev, house, item, note="\u200b hidden")
    assert "The note holds a character that cannot be seen." in reply["message"]
    assert review(house.store, house.actor("rev"), item).state == ItemState.DISPUTED
