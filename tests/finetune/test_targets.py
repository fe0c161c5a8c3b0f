"""Labels become targets: soft states, sides, sentences that say what the labels say."""

import numpy as np
import pytest
import torch

from finetune.targets import SentenceWriter, soft_occurrence, unit_label
from vlfau.action_units import AU_NUMBERS
from vlfau.language import PAD
from vlfau.sentences import UnitLabel, read_description, read_state
from vlfau.words import rule_words

UNITS = len(AU_NUMBERS)
SMILE, PARTED = AU_NUMBERS.index(12), AU_NUMBERS.index(25)


def smile(count: int = 3) -> torch.Tensor:
    intensity = torch.zeros(count, 2, UNITS)
    intensity[:, :, SMILE] = 3.0
    return intensity


def test_a_trace_is_half_present_and_unknown_stays_unknown():
    soft = soft_occurrence(torch.tensor([0.0, 1.0, 2.0, float("nan")]))
    assert soft[:3].tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert soft[3].isnan()


@pytest.mark.parametrize(
    ("left", "right", "side"),
    [(3.0, 3.0, "both"), (3.0, 0.5, "left"), (0.0, 2.0, "right"), (3.0, 1.5, "both")],
)
def test_one_sided_when_the_other_is_much_weaker(left, right, side):
    assert unit_label(12, left, right) == UnitLabel(max(left, right), side)


def test_a_unit_of_the_midline_has_no_side():
    assert unit_label(25, 3.0, 0.0).side == "both"


def test_sentences_say_what_the_labels_say():
    words = rule_words()
    targets = SentenceWriter(words, per_face=8, seed=0).targets(smile())
    assert targets.local_ids.shape[:2] == targets.local_units.shape == (3, 8)
    for units, sentences, description in zip(
        targets.local_units.tolist(), targets.local_ids.tolist(), targets.global_ids.tolist(), strict=True
    ):
        assert SMILE in units
        for unit, ids in zip(units, sentences, strict=True):
            assert read_state(AU_NUMBERS[unit], words.decode(ids)) is (unit == SMILE)
        assert read_description(words.decode(description)) == {12}


def test_unknown_units_get_no_sentence_and_no_description():
    intensity = smile()
    intensity[:, :, PARTED] = float("nan")
    targets = SentenceWriter(rule_words(), per_face=UNITS, seed=0).targets(intensity)
    assert (targets.global_ids == PAD).all()
    written = [
        u
        for u, ids in zip(targets.local_units[0].tolist(), targets.local_ids[0].tolist(), strict=True)
        if any(ids)
    ]
    assert sorted(written) == [i for i in range(UNITS) if i != PARTED]


def test_the_same_seed_writes_the_same():
    one, two = (SentenceWriter(rule_words(), 6, seed=4).targets(smile(8)) for _ in range(2))
    assert torch.equal(one.local_ids, two.local_ids)
    other = SentenceWriter(rule_words(), 6, seed=5).targets(smile(8))
    assert not np.array_equal(one.local_units, other.local_units)
