"""The table holds the units in the agreed order, and what it says of them fits together."""

import pytest

from vlfau.action_units import (
    ACTION_UNITS,
    AU_NUMBERS,
    BP4D_NUMBERS,
    DISFA_NUMBERS,
    INTENSITY_LETTERS,
    by_number,
    intensity_letter,
)
from vlfau.errors import LabelError

each_unit = pytest.mark.parametrize("unit", ACTION_UNITS, ids=lambda unit: unit.code)


def test_order_that_checkpoints_and_columns_rely_on():
    assert AU_NUMBERS == (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43)


def test_units_of_the_field_s_data_sets():
    assert DISFA_NUMBERS == (1, 2, 4, 6, 9, 12, 25, 26)
    assert BP4D_NUMBERS == (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)


@each_unit
def test_related_units_are_others_of_the_table(unit):
    assert set(unit.opposed + unit.confusable) <= set(AU_NUMBERS) - {unit.number}


@each_unit
def test_opposition_is_mutual(unit):
    assert all(unit.number in by_number(other).opposed for other in unit.opposed)


@each_unit
def test_every_unit_is_described_in_whole_sentences(unit):
    assert unit.present.endswith(".")
    assert unit.absent.endswith(".")
    assert unit.name
    assert unit.muscles


@pytest.mark.parametrize("field", ["number", "name", "present", "absent"])
def test_rows_can_be_told_apart(field):
    assert len({getattr(unit, field) for unit in ACTION_UNITS}) == len(ACTION_UNITS)


def test_code_and_label():
    assert (by_number(1).code, by_number(12).label) == ("AU01", "AU12 Lip corner puller")


@pytest.mark.parametrize("number", [0, 3, 45, -1, "12"])
def test_unknown_number_is_refused_with_the_known_ones(number):
    with pytest.raises(LabelError, match=r"Known numbers: 1, 2, 4"):
        by_number(number)


def test_midline_units_have_no_sides():
    assert {unit.number for unit in ACTION_UNITS if not unit.has_sides} == {17, 18, 22, 25, 26, 27, 28}


@pytest.mark.parametrize(
    ("intensity", "letter"),
    [(0, None), (0.49, None), (0.5, "A"), (1, "A"), (2.5, "C"), (4.4, "D"), (5, "E"), (9, "E")],
)
def test_intensity_letter(intensity, letter):
    assert intensity_letter(intensity) == letter


def test_letters_stand_for_one_to_five():
    assert [intensity_letter(level) for level in range(1, 6)] == list(INTENSITY_LETTERS)
