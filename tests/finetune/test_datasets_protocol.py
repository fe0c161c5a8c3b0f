"""Who is in which fold, and what trivial answers get: against the field's lists and published base rates."""

import pytest

from finetune.datasets.protocol import BP4D, DISFA
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

both = pytest.mark.parametrize("protocol", [DISFA, BP4D], ids=["disfa", "bp4d"])


@both
def test_every_subject_is_tested_once_and_never_in_two_parts_of_a_fold(protocol):
    folds = protocol.folds(protocol.subjects)
    assert sorted(s for fold in folds for s in fold.test) == sorted(protocol.subjects)
    for fold in folds:
        assert sorted(fold.train + fold.validation + fold.test) == sorted(protocol.subjects)


def test_sizes_and_order_are_those_of_the_field():
    assert (len(DISFA.subjects), len(BP4D.subjects)) == (27, 41)
    assert [len(fold.test) for fold in BP4D.folds(BP4D.subjects)] == [13, 14, 14]
    assert "F004" in BP4D.folds(BP4D.subjects)[0].test
    assert "SN001" in DISFA.folds(DISFA.subjects)[2].test


@both
def test_action_units_are_in_the_order_of_the_table(protocol):
    assert list(protocol.units) == [n for n in AU_NUMBERS if n in protocol.units]
    assert len(protocol.base_rates) == len(protocol.units)


def test_trivial_answers_get_what_the_published_label_lists_give():
    assert [round(100 * p.always_active_f1, 1) for p in (BP4D, DISFA)] == [48.0, 18.7]
    assert 100 * BP4D.majority_accuracy == pytest.approx(69.7, abs=0.05)
    assert 100 * DISFA.majority_accuracy == pytest.approx(89.2, abs=0.06)


def test_validation_subjects_do_not_change_when_others_are_missing_from_the_test_part():
    whole, most = DISFA.folds(DISFA.subjects), DISFA.folds(set(DISFA.subjects) - {"SN003"})
    assert whole[0].validation == most[0].validation
    assert "SN003" not in most[0].test


def test_too_few_subjects_are_refused():
    with pytest.raises(DataError, match="cannot be made") as caught:
        DISFA.folds({"SN001", *DISFA.parts[2]})
    said = str(caught.value)
    assert "part 1 has 1 of 9 and lacks SN002, SN009, SN010, SN016 and 4 more" in said
    assert "part 2 has 0 of 9 and lacks SN006, SN011, SN012, SN013 and 5 more" in said
    assert "part 3 has 9 of 9." in said
