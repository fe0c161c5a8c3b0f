"""The rules write what the labels say, and reading a sentence gives the labels back."""

import math
import random

import pytest

from vlfau.action_units import ACTION_UNITS, AU_NUMBERS, by_number
from vlfau.errors import LabelError
from vlfau.sentences import (
    ABSENT,
    BLENDS,
    PRESENT,
    UnitLabel,
    describe_face,
    describe_unit,
    every_sentence,
    read_description,
    read_side,
    read_state,
)


def random_face(rng: random.Random) -> dict[int, UnitLabel]:
    numbers = rng.sample(AU_NUMBERS, rng.randint(0, 7))
    sides = ("both", "left", "right")
    return {
        n: UnitLabel(rng.uniform(0.5, 5), rng.choice(sides) if by_number(n).has_sides else "both")
        for n in numbers
    }


def test_every_unit_has_two_wordings_of_both_states():
    assert set(PRESENT) == set(ABSENT) == set(AU_NUMBERS)
    assert all(len(set(PRESENT[n])) >= 2 and len(set(ABSENT[n])) >= 2 for n in AU_NUMBERS)


def test_no_two_wordings_are_the_same():
    clauses = [c for table in (PRESENT, ABSENT, BLENDS) for wordings in table.values() for c in wordings]
    assert len(clauses) == len(set(clauses))


@pytest.mark.parametrize("seed", range(200))
def test_what_is_written_is_read_back(seed):
    rng = random.Random(seed)
    face = random_face(rng)
    assert read_description(describe_face(face, rng)) == frozenset(face)
    for number in AU_NUMBERS:
        sentence = describe_unit(number, face.get(number), rng)
        assert read_state(number, sentence) is (number in face)
        if number in face:
            assert read_side(sentence) == face[number].side


def test_examples():
    assert describe_unit(12, UnitLabel(4, "left")) == "The left mouth corner is strongly drawn back and up."
    assert describe_unit(12, None) == "The mouth corners are level."
    assert describe_unit(12, UnitLabel(math.nan)) == "The mouth corners are drawn back and up.", (
        "no degree is claimed"
    )
    assert describe_unit(24, UnitLabel(2, "right")) == "The lips are slightly pressed together on the right."
    assert describe_face({}) == "None of the listed face movements is visible."
    face = {6: UnitLabel(), 12: UnitLabel(), 25: UnitLabel()}
    assert (
        describe_face(face)
        == "The cheeks are lifted, the mouth corners are drawn back and up, and the lips are parted."
    )


def test_opposed_units_are_worded_as_a_blend():
    assert (
        describe_face({12: UnitLabel(), 15: UnitLabel()}) == "The mouth corners are pulled both up and down."
    )


def test_a_sentence_about_another_unit_says_nothing_of_this_one():
    assert read_state(12, describe_unit(4, UnitLabel())) is None
    assert read_state(12, "Something else.") is None
    assert read_description("The lips are parted and the hat is red.") is None


def test_unknown_units_and_sides_are_refused():
    with pytest.raises(LabelError, match="no action unit 99"):
        describe_unit(99, None)
    with pytest.raises(LabelError, match="has no sides"):
        describe_unit(25, UnitLabel(3, "left"))


def test_sentences_start_with_a_capital_and_have_no_gaps():
    for text in every_sentence():
        assert "  " not in text
        assert "{" not in text
        assert text == text.strip()


def test_every_pair_of_opposed_units_is_in_the_table_both_ways():
    for unit in ACTION_UNITS:
        assert all(unit.number in by_number(other).opposed for other in unit.opposed)
