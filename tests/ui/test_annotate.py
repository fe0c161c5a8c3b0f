"""The Annotate page's handlers, called as functions on a real store."""

import json
import random
import re

import pytest
from starlette.requests import Request

from db.people import forget
from db.projects import ProjectSettings, add_project
from db.roles import OPERATOR
from db.values import Answer, Side, Status, UnitAnswer
from tests.ui.annotate_lab import AnnotateLab, begin, marks, shrunk
from ui.annotate import PARTS
from ui.annotate_history import summary
from ui.annotate_shell import KEYS, book, shell_html
from ui.desk import script
from vlfau.action_units import AU_NUMBERS
from vlfau.sentences import UnitLabel, describe_face, describe_unit

VERBS = ("open", "draft", "submit", "skip", "undo", "reopen", "history", "progress")


@pytest.fixture(scope="module")
def small_face(faces, image):
    return shrunk(image, faces[0].face)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    return begin(tmp_path_factory.mktemp("begun"))


@pytest.fixture
def make_lab(tmp_path, small_face, begun):
    made = []

    def make(**settings):
        made.append(AnnotateLab(tmp_path / str(len(made)), *small_face, begun, **settings))
        return made[-1]

    yield make
    for lab in made:
        lab.close()


@pytest.fixture
def lab(make_lab):
    return make_lab()


# ---- faces come and go


def test_a_face_comes_with_its_prediction_and_its_place(lab):
    (item,) = lab.add()
    reply = lab.send("open")
    task = reply["task"]
    assert (task["item"], task["blind"], task["named"]) == (item, False, [6, 12])
    assert task["model"]["12"] == {
        "present": True,
        "intensity": 4,
        "side": "both",
        "text": "The mouth corners are strongly drawn back and up.",
    }
    assert task["model"]["25"]["side"] is None
    assert f"./faces/{item}/chip.jpg" in reply["html"]
    assert (reply["own"], reply["finished"], reply["total"]) == (0, 0, 1)
    json.dumps(reply)


def test_every_action_unit_has_a_row_with_labels_for_who_cannot_see_it(lab):
    lab.add()
    html = lab.send("open")["html"]
    assert [int(n) for n in re.findall(r'<div class="va-row"[^>]*data-unit="(\d+)"', html)] == [
        1, 2, 4, 5, 7, 43, 6, 9, 10, 12, 14, 15, 18, 20, 22, 23, 24, 25, 26, 27, 28, 17,
    ]  # fmt: skip
    assert html.count('role="radiogroup"') == 22 * 2 + sum(
        words["sides"] for words in book()["units"].values()
    )
    assert html.count("<textarea") == html.count("<textarea ") == 23


def test_where_the_network_looked_is_on_the_page_when_it_is_known(lab, faces):
    lab.add(evidence=faces[0].evidence)
    html = lab.send("open")["html"]
    assert html.count('class="va-heat"') == 2
    assert f'data-src="./faces/{lab.open()["item"]}/evidence.png"' in html


def test_without_maps_nothing_offers_them(lab):
    lab.add()
    assert "evidence" not in lab.send("open")["html"]


def test_a_blind_item_tells_nothing_of_the_model(make_lab, faces):
    lab = make_lab(blind_share=1.0)
    lab.add(evidence=faces[0].evidence)
    reply = lab.send("open")
    task = reply["task"]
    assert (task["blind"], task["model"], task["description"], task["named"]) == (True, {}, None, None)
    assert "va-model" not in reply["html"]
    assert "90 %" not in reply["html"]
    assert "evidence" not in reply["html"]
    assert "Without the model" in reply["html"]


def test_submit_stores_the_answer_and_brings_the_next_face(lab):
    first, second = lab.add(2)
    task = lab.open()
    answer = marks(AU12="present", AU4="absent")
    answer["units"][0] |= {"intensity": 2, "side": "left", "text": "A corner goes up."}
    reply = lab.send("submit", lease=task["lease"], answer=answer | {"description": "One corner."})
    assert {task["item"], reply["task"]["item"]} == {first, second}
    assert reply["own"] == 1
    (past,) = lab.history()
    assert (past.response_id, past.status) == (reply["done"], Status.SUBMITTED)
    units = (UnitAnswer(4, "absent"), UnitAnswer(12, "present", 2, Side.LEFT, "A corner goes up."))
    assert past.answer == Answer(units, "One corner.", 3.0)


def test_sentences_that_a_page_wrote_by_itself_are_not_stored_as_the_persons(lab):
    lab.add()
    task = lab.open()
    answer = marks(AU6="present", AU12="present")
    answer["units"][0] |= {"intensity": 3, "text": task["model"]["6"]["text"]}
    text = book()["units"][12]["present"]["left"][2]
    answer["units"][1] |= {"intensity": 2, "side": "left", "text": text}
    description = describe_face({6: UnitLabel(), 12: UnitLabel(side="left")})
    assert lab.send("submit", lease=task["lease"], answer=answer | {"description": description})["done"]
    said = lab.history()[0].answer
    assert ([unit.text for unit in said.units], said.description) == ([None, None], None)


def test_untouched_action_units_are_unanswered(lab):
    lab.add()
    lab.send("submit", lease=lab.open()["lease"], answer=marks(AU12="present"))
    assert list(lab.history()[0].answer.occurrences) == [12]


def test_a_replayed_submit_is_done_already(lab):
    lab.add(2)
    lease = lab.open()["lease"]
    first = lab.send("submit", lease=lease, answer=marks(AU12="present"))
    again = lab.send("submit", lease=lease, answer=marks(AU12="absent"))
    assert (again["done"], again["task"]["lease"]) == (first["done"], first["task"]["lease"])
    assert lab.count("response") == 1


def test_a_contradiction_is_asked_about_first(lab):
    lab.add()
    lease = lab.open()["lease"]
    answer = marks(AU12="absent")
    answer["units"][0]["text"] = "The lip corners are pulled up"
    asked = lab.send("submit", lease=lease, answer=answer)
    assert asked["asked"]
    assert list(asked["contradictions"]) == ["12"]
    assert lab.count("response") == 0
    assert lab.send("submit", lease=lease, answer=answer, despite=True)["done"]
    assert lab.count("response") == 1


def test_a_draft_is_there_after_a_reload_and_says_what_contradicts(lab):
    lab.add()
    answer = marks(AU12="absent")
    answer["units"][0]["text"] = "The lip corners are pulled up"
    saved = lab.send("draft", lease=lab.open()["lease"], answer=answer)
    assert list(saved["contradictions"]) == ["12"]
    draft = lab.open()["draft"]
    assert draft["units"] == [answer["units"][0] | {"intensity": None, "side": None}]
    assert draft["seconds"] == 3


def test_skip_undo_and_history(lab):
    lab.add(2)
    task = lab.open()
    reply = lab.send("skip", lease=task["lease"], reason="There is no face here")
    assert reply["task"]["item"] != task["item"]
    listed = lab.send("history")
    assert "Skipped" in listed["html"]
    assert "There is no face here" in listed["html"]
    assert listed["before"] is None
    assert lab.send("undo")["task"]["item"] == task["item"]
    assert lab.send("reopen", item=task["item"])["task"]["item"] == task["item"]


def test_history_goes_on_where_it_ended(lab, monkeypatch):
    monkeypatch.setattr("ui.annotate.HISTORY_LINES", 2)
    lab.add(3)
    for _ in range(3):
        lab.send("submit", lease=lab.open()["lease"], answer=marks(AU12="present"))
    newest = lab.send("history")
    oldest = lab.send("history", before=newest["before"])
    assert (newest["html"].count("<li>"), oldest["html"].count("<li>"), oldest["before"]) == (2, 1, None)


def test_text_of_people_is_escaped_in_the_history(lab):
    lab.add()
    lab.send("skip", lease=lab.open()["lease"], reason='a < b & "c"')
    assert "a &lt; b &amp; &quot;c&quot;" in lab.send("history")["html"]


def test_what_an_answer_says_in_few_words():
    units = (
        UnitAnswer(6, "present"),
        UnitAnswer(12, "present", 3, "left"),
        UnitAnswer(4, "absent"),
        UnitAnswer(5, "not_visible"),
        UnitAnswer(7, text="Only words."),
    )
    assert summary(Answer(units)) == "AU6, AU12 C left present; 1 absent; 1 not visible"
    assert summary(Answer()) == "nothing marked"


# ---- nothing to do


def test_an_empty_store_an_empty_queue_and_a_project_that_is_chosen(lab):
    reply = lab.send("open")
    assert reply["task"] is None
    assert "No face is waiting" in reply["html"]
    other = add_project(lab.store, OPERATOR, ProjectSettings("Other"))
    reply = lab.send("open", project=other)
    assert (reply["project"], reply["projects"]) == (other, [[lab.project, "Lab"], [other, "Other"]])
    assert lab.send("open", project=99)["project"] == lab.project


def test_without_a_project(lab):
    with lab.store._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM project")
    assert "There is no project" in lab.send("open")["html"]


def test_the_qualification_round_is_shown_as_such_and_ends(make_lab):
    lab = make_lab(qualification_items=2)
    lab.add_gold(2)
    lab.add()
    reply = lab.send("open")
    for done in (0, 1):
        assert reply["round"] == [done, 2]
        reply = lab.send("submit", lease=reply["task"]["lease"], answer=marks(AU12="present", AU4="absent"))
    assert reply["round"] is None
    assert reply["task"] is not None


def test_who_does_not_pass_reads_why(make_lab):
    lab = make_lab(qualification_items=1)
    lab.add_gold()
    reply = lab.send("submit", lease=lab.open()["lease"], answer=marks(AU12="absent", AU4="present"))
    assert reply["task"] is None
    assert "The qualification round is over" in reply["html"]
    assert "guidelines" in reply["html"]


# ---- whoever asks


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "session", [{}, {"annotator": 1, "generation": 99}, {"annotator": "1"}, {"role": "admin"}]
)
def test_without_a_session_nothing_is_told_and_nothing_stored(lab, verb, session):
    (item,) = lab.add()
    lease = lab.open()["lease"]
    before = lab.count("event")
    message = {"do": verb, "project": lab.project, "lease": lease, "item": item, "reason": "x"}
    request = Request({"type": "http", "session": session, "headers": []})
    reply = lab.desk.act(message | {"answer": marks(AU12="present")}, request)
    assert (reply["error"], "task" in reply) == ("NotSignedIn", False)
    assert "./account" in reply["html"]
    assert (lab.count("response"), lab.count("event")) == (0, before)


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"do": "promote"},
        {"do": "__class__"},
        {"do": "draft"},
        {"do": "submit", "lease": 1},
        {"do": "submit", "lease": 1, "project": 1, "answer": marks()},
        {"do": "submit", "lease": 1, "project": 1, "answer": marks(AU3="present")},
        {"do": "submit", "lease": 1, "project": 77, "answer": {"units": [{"number": 12, "intensity": 6}]}},
        {"do": "skip", "lease": 1, "project": 1},
        {"do": "skip", "lease": 1, "project": 1, "reason": " "},
        {"do": "skip", "lease": 1, "project": 1, "reason": "<img src=x onerror=alert(1)>"},
        {"do": "undo"},
        {"do": "undo", "project": 1},
        {"do": "reopen", "item": 1},
        {"do": "reopen", "item": -1},
        {"do": "history", "project": "1"},
        {"do": "progress", "project": 99},
        {"do": "open", "project": []},
    ],
    ids=lambda message: json.dumps(message)[:60],
)
def test_bad_messages_get_words_and_store_nothing(lab, message):
    lab.add()
    lab.open()
    reply = lab.desk.act(message, lab.request())
    assert reply["error"]
    assert reply["message"].count(". ") >= 1
    assert lab.count("response") == 0


@pytest.mark.parametrize("verb", ["draft", "submit", "skip"])
def test_somebody_elses_lease(lab, verb):
    lab.add()
    lease = lab.open("Ada")["lease"]
    reply = lab.send(verb, "Bob", lease=lease, answer=marks(AU12="present"), reason="x")
    assert reply["error"] == "LeaseError"
    assert lab.count("response") == 0


def test_an_item_that_one_has_not_seen_cannot_be_reopened(lab):
    lab.add()
    item = lab.open("Ada")["item"]
    assert lab.send("reopen", "Bob", item=item)["error"] == "NotFound"


def test_a_submit_after_the_person_was_forgotten(lab):
    lab.add()
    lease = lab.open()["lease"]
    forget(lab.store, OPERATOR, "person-1")
    reply = lab.send("submit", lease=lease, answer=marks(AU12="present"))
    assert reply["error"] == "LeaseError"
    assert lab.count("response") == 0


def test_a_fault_of_ours_is_not_dressed_as_an_error_of_the_person(lab, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("ui.annotate.list_projects", broken)
    with pytest.raises(ZeroDivisionError):
        lab.send("open")


# ---- the page itself


def test_the_page_knows_the_sentences_of_every_mark():
    words = book()["units"]
    assert tuple(words) == AU_NUMBERS
    rng = random.Random(0)
    for _ in range(40):
        number, level = rng.choice(AU_NUMBERS), rng.randint(1, 5)
        side = rng.choice(list(words[number]["present"]))
        assert words[number]["present"][side][level] == describe_unit(number, UnitLabel(level, side))


def test_each_key_stands_on_one_control(lab):
    lab.add()
    html = lab.send("open")["html"] + shell_html()
    row = html.split('data-unit="12"')[1].split('data-unit="14"')[0]
    assert sorted(re.findall(r'data-key="([^"]+)"', row)) == sorted("gcpauv12345lbr")
    outside = re.sub(
        r'<div class="va-row".*?(?=<h3|<div class="va-description|<div class="va-row")', "", html
    )
    keys = re.findall(r'data-key="([^"]+)"', outside)
    assert sorted(keys) == sorted([*"sfzhkom?+-dg", "shift+c"])
    told = " ".join(keys for keys, _ in KEYS).lower().replace("⇧", "shift+").split(" ")
    assert {*keys, *"pauv12345lbrc"} - set(told) == set()


def test_the_script_is_one_function_body_without_markup_of_its_own():
    text = script(*PARTS)
    assert "<script" not in text
    assert text.count("\nconst root =") == 1
