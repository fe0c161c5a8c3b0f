"""Tests of one face under review as HTML."""

import json
import re
from html import unescape

import pytest

from db.people import withdraw
from db.responses import skip
from db.review import adjudicate, set_aside, set_gold
from db.roles import OPERATOR
from db.values import Answer, Occurrence, Side, UnitAnswer
from tests.db.laboratory import marks
from ui.review_item import item_html, why_disputed
from ui.review_row import said_in_words


@pytest.fixture
def item(house):
    strong = UnitAnswer(12, Occurrence.PRESENT, 4, Side.LEFT, "The left lip corner is up.")
    return house.disputed(
        ann=Answer((strong, *marks(AU4="absent", AU6="unsure").units), "The left side is up.", 31.0),
        bo=marks(AU12="absent", AU4="absent"),
    )


def buttons(html):
    """What can be done with the face."""
    return re.findall(r'data-do="(settle|back|gold|aside)"', html)


def headings(html):
    return [unescape(text).strip() for text in re.findall(r'class="vr-heading">([^<]+)', html)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "no answer"),
        (UnitAnswer(12, text="Only words."), "no answer"),
        (UnitAnswer(12, Occurrence.NOT_VISIBLE), "not visible"),
        (UnitAnswer(12, Occurrence.PRESENT, 1, Side.BOTH), "present, A, both"),
        (UnitAnswer(25, Occurrence.PRESENT, 5), "present, E"),
    ],
)
def test_an_answer_in_words(answer, words):
    assert said_in_words(answer) == words


def test_why_a_face_is_disputed():
    assert why_disputed((4,), 0) == "AU4 differs"
    assert why_disputed((1, 4, 12), 0) == "AU1, AU4 and AU12 differ"
    assert why_disputed((), 2) == "2 skipped it"
    assert why_disputed((), 0) == ""


def test_a_reviewer_who_annotated_the_face_is_told(house, item):
    assert "yours" not in item_html(house.seen(item))
    own = house.disputed(rev=marks(AU12="present"), bo=marks(AU12="absent"))
    told = item_html(house.seen(own))
    assert (told.count("One of these answers is yours"), told.count(", yours<")) == (1, 1)


def test_what_differs_stands_first_and_the_rest_is_folded(house, item):
    html = item_html(house.seen(item))
    assert headings(html) == [
        "They contradict each other",
        "Somebody is not sure or did not answer",
        "They agree",
        "Nobody answered",
        "The whole face in words",
    ]
    assert html.index('data-number="12"') < html.index('data-number="6"') < html.index('data-number="4"')
    assert re.findall(r'data-fold="(\S+)"( open)?', html) == [
        ("rows-3", ""),
        ("rows-4", ""),
        ("words", " open"),
    ]


def test_both_answers_stand_beside_each_other_and_can_be_taken(house, item):
    html = item_html(house.seen(item))
    row = html[html.index('data-number="12"') : html.index('data-number="6"')]
    taken = [json.loads(unescape(text)) for text in re.findall(r"data-take='([^']+)'", row)]
    assert taken == [
        {"occurrence": "present", "intensity": 4, "side": "left", "text": "The left lip corner is up."},
        {"occurrence": "absent", "intensity": None, "side": None, "text": None},
    ]
    assert "present, D, left" in row
    assert "31 s, model shown" in html


def test_names_are_pseudonyms_and_what_the_model_said_is_hidden_until_asked_for(house, item):
    html = item_html(house.seen(item))
    assert len(re.findall(r"annotator-[0-9a-f]{8}", html)) == 2
    assert ">ann<" not in html
    assert 'class="vr-model">Model: present, 50 %, B<' in html


def test_units_without_sides_offer_none(house, item):
    html = item_html(house.seen(item))
    chin = html[html.index('data-number="25"') :][:2500]
    assert 'data-set="intensity"' in chin
    assert 'data-set="side"' not in chin[: chin.index('class="vr-row"')]


def test_what_can_be_done_depends_on_where_it_stands(house, item):
    rev = house.actor("rev")
    assert buttons(item_html(house.seen(item))) == ["settle", "back", "gold", "aside"]
    set_aside(house.store, rev, item, "no face")
    assert buttons(item_html(house.seen(item))) == ["settle", "gold"]
    adjudicate(house.store, rev, item, marks(AU12="present"))
    set_gold(house.store, rev, item, marks(AU12="present"))
    assert buttons(item_html(house.seen(item))) == ["gold", "aside"]


def test_a_verdict_that_holds_is_filled_in(house, item):
    verdict = UnitAnswer(4, Occurrence.PRESENT, 2, Side.RIGHT, "The right brow is lowered.")
    adjudicate(house.store, house.actor("rev"), item, Answer((verdict,), "A lowered brow."), "looked twice")
    html = item_html(house.seen(item))
    row = html[html.index('data-number="4"') :][:3000]
    assert re.findall(r'value="(\w+)" aria-pressed="true"', row) == ["present", "2", "right"]
    assert 'value="The right brow is lowered."' in row
    assert ">A lowered brow.</textarea>" in html
    assert "Last verdict: looked twice" in html
    assert 'data-fold="rows-3" open' in html, "what was decided is not folded away"


def test_a_face_that_all_skipped_says_why_and_opens_all_rows(house):
    item = house.disputed()
    for name in ("ann", "bo"):
        task = house.lab.next(house.actor(name))
        skip(house.store, house.actor(name), task.lease_id, "hair & a hand")
    html = item_html(house.seen(item))
    assert html.count("Skipped: hair &amp; a hand") == 2
    assert "Nobody gave an answer." in html
    assert 'data-fold="rows-4" open' in html


def test_who_withdrew_is_not_shown(house, item):
    withdraw(house.store, OPERATOR, "person-1")
    html = item_html(house.seen(item))
    assert "withdrew consent" in html
    assert "<img" not in html
