"""What a sentence says is compared with its mark; sentences that nobody can place contradict nothing."""

import pytest

from db.values import Answer, UnitAnswer
from ui.annotate_contradictions import contradictions, says_present
from vlfau.action_units import ACTION_UNITS
from vlfau.sentences import ABSENT, PRESENT, SIDES, UnitLabel, describe_unit

each_unit = pytest.mark.parametrize("unit", ACTION_UNITS, ids=lambda unit: unit.code)


def plain(template):
    return template.format(s="", on="", p="s", how="", **{"is": "are"})


def about(number, occurrence, text, side=None):
    return contradictions(Answer((UnitAnswer(number, occurrence, side=side, text=text),)))


@each_unit
def test_our_own_sentences_are_read_whatever_side_and_degree(unit):
    assert says_present(unit.number, describe_unit(unit.number, None)) is False
    for side in SIDES if unit.has_sides else SIDES[:1]:
        for level in range(1, 6):
            assert says_present(unit.number, describe_unit(unit.number, UnitLabel(level, side))) is True


@each_unit
def test_our_own_sentences_with_a_word_more_are_read_and_say_nothing_of_other_units(unit):
    for texts, state in ((map(plain, PRESENT[unit.number]), True), (ABSENT[unit.number], False)):
        for text in texts:
            assert says_present(unit.number, f"{text} today") is state
            others = [other.number for other in ACTION_UNITS if other.number != unit.number]
            assert {number: says_present(number, text) for number in others} == dict.fromkeys(others)


@pytest.mark.parametrize(
    ("number", "text", "said"),
    [
        (12, "the lip corners are pulled up", True),
        (12, "Mouth corners not pulled up", False),
        (12, "the mouth corners are drawn down", None),
        (15, "the mouth corners are drawn back and up", None),
        (4, "The brows aren't lowered", False),
        (43, "eyes shut", True),
        (43, "Both eyes are closed.", True),
        (26, "The jaw has dropped", True),
        (12, "a nice photo", None),
        (12, "", None),
    ],
)
def test_words_of_people(number, text, said):
    assert says_present(number, text) is said


def test_the_sentence_of_the_issue():
    said = about(12, "absent", "The lip corners are pulled up")
    assert said == {12: "The sentence says that AU12 Lip corner puller is present, and it is marked absent."}


@pytest.mark.parametrize(
    ("occurrence", "text"),
    [
        ("present", "The mouth corners are drawn back and up."),
        ("absent", "The mouth corners are level."),
        ("unsure", "The mouth corners are drawn back and up."),
        (None, "The mouth corners are drawn back and up."),
        ("absent", "Her glasses reflect"),
    ],
)
def test_what_fits_or_cannot_be_told_is_no_contradiction(occurrence, text):
    assert about(12, occurrence, text) == {}


def test_a_side_that_differs():
    text = "The left mouth corner is drawn back and up."
    assert about(12, "present", text, "left") == {}
    assert about(12, "present", text) == {}
    assert "the right side" in about(12, "present", text, "right")[12]
    assert "both sides" in about(12, "present", text, "both")[12]


def test_a_description_that_names_what_is_absent_or_leaves_out_what_is_present():
    units = (UnitAnswer(6, "present"), UnitAnswer(12, "absent"))
    said = contradictions(Answer(units, "The mouth corners are drawn back and up."))
    assert list(said) == [0]
    assert "names AU12, marked absent" in said[0]
    assert "not name AU6, marked present" in said[0]
    assert contradictions(Answer(units, "The cheeks are lifted.")) == {}
    assert contradictions(Answer(units, "In words of my own.")) == {}
