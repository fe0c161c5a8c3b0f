"""Tests of how the answers to one face are compared."""

import pytest

from db.review import review
from db.typed import sentence_of_marks
from db.values import Answer, Occurrence, Side, UnitAnswer
from ui.review_rows import ComparedUnit, Difference, compared_units, difference
from vlfau.action_units import AU_NUMBERS, by_number


def said(occurrence, intensity=None, side=None):
    return UnitAnswer(12, Occurrence(occurrence), intensity, side)


PRESENT, ABSENT, UNSURE = said("present"), said("absent"), said("unsure")


@pytest.mark.parametrize(
    ("answers", "people", "kind"),
    [
        ([PRESENT, ABSENT], 2, Difference.CONTRADICTED),
        ([PRESENT, UNSURE, ABSENT], 3, Difference.CONTRADICTED),
        ([PRESENT, UNSURE], 2, Difference.UNDECIDED),
        ([UNSURE, UNSURE], 2, Difference.UNDECIDED),
        ([ABSENT, said("not_visible")], 2, Difference.UNDECIDED),
        ([PRESENT], 2, Difference.UNDECIDED),
        ([said("present", 2), said("present", 4)], 2, Difference.DEGREE),
        ([said("present", 2, Side.LEFT), said("present", 2, Side.BOTH)], 2, Difference.DEGREE),
        ([said("present", 3), said("present", 3)], 2, Difference.NONE),
        ([ABSENT], 1, Difference.NONE),
        ([], 2, Difference.UNANSWERED),
    ],
)
def test_kinds_of_difference(answers, people, kind):
    assert difference(answers, people) == kind


def test_a_sentence_alone_is_no_answer():
    only_text = UnitAnswer(12, text="The lip corners are up.")
    row = ComparedUnit(by_number(12), (PRESENT, only_text), None, None)
    assert row.difference == Difference.UNDECIDED
    assert row.common is None
    assert row.sentences == ((1, "The lip corners are up."),)


def test_what_all_say_is_taken_without_their_sentences():
    wordy = UnitAnswer(12, Occurrence.PRESENT, 3, Side.LEFT, "Up on the left.")
    row = ComparedUnit(by_number(12), (said("present", 3, Side.LEFT), wordy), None, None)
    assert row.common == UnitAnswer(12, Occurrence.PRESENT, 3, Side.LEFT)


def test_what_differs_most_comes_first_and_every_unit_is_there(house):
    item = house.disputed(ann=Answer((PRESENT, UnitAnswer(6, Occurrence.UNSURE))), bo=Answer((ABSENT,)))
    rows = compared_units(review(house.store, house.actor("rev"), item))
    assert [(row.unit.number, row.difference.name) for row in rows[:3]] == [
        (12, "CONTRADICTED"),
        (6, "UNDECIDED"),
        (1, "UNANSWERED"),
    ]
    assert sorted(row.unit.number for row in rows) == list(AU_NUMBERS)
    assert rows[0].predicted.probability == 0.5
    assert rows[0].laid_down is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (said("absent"), "The mouth corners are level."),
        (said("present", 4, Side.LEFT), "The left mouth corner is strongly drawn back and up."),
        (said("present"), "The mouth corners are drawn back and up."),
        (said("unsure"), None),
    ],
)
def test_what_the_page_wrote_by_itself_is_not_shown_as_a_sentence(answer, sentence):
    assert sentence_of_marks(answer) == sentence
    by_itself = UnitAnswer(12, answer.occurrence, answer.intensity, answer.side, sentence)
    assert ComparedUnit(by_number(12), (by_itself,), None, None).sentences == ()
