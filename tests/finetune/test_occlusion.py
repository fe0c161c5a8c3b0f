"""The rules for covered parts are fitted so that they seldom speak without a reason, and are measured."""

import numpy as np
import pytest

from finetune.occlusion import ALLOWED_ALARMS, KIND_OF, Painted, fit, measure, read_renders
from vlfau.action_units import AU_NUMBERS
from vlfau.occlusion import POINTS

COLUMN = {"mask": 3, "sunglasses": 7}
"""The one feature that tells of it, in these tests."""


def painted(rng, count=400):
    kinds = np.repeat(["", *KIND_OF.values()], count)
    features = rng.normal(size=(len(kinds), 12)).astype(np.float32)
    for kind, column in COLUMN.items():
        features[kinds == kind, column] += 4
    return Painted(kinds, features)


def test_each_rule_finds_its_own_kind():
    rng = np.random.default_rng(0)
    found = measure(fit(painted(rng)), painted(rng))
    for part, kind in KIND_OF.items():
        other = next(each for each in COLUMN if each != kind)
        assert found[part]["auroc"] > 0.98
        assert found[part]["false_alarms"] <= 3 * ALLOWED_ALARMS
        assert found[part][f"noticed_{kind}"] > 0.85
        assert found[part][f"noticed_{other}"] < 0.1


def test_what_cannot_be_told_is_not_noticed_rather_than_alarmed_about():
    rng = np.random.default_rng(0)
    noise = Painted(painted(rng).kinds, rng.normal(size=(1200, 12)).astype(np.float32))
    found = measure(fit(noise), noise)
    assert found["mouth"]["false_alarms"] <= ALLOWED_ALARMS
    assert found["mouth"]["auroc"] == pytest.approx(0.55, abs=0.1)


def test_renders_say_by_their_visible_units_what_covers_them(tmp_path):
    shard = tmp_path / "shard-00000"
    shard.mkdir()
    visible = np.ones((4, len(AU_NUMBERS)), np.uint8)
    visible[1, np.isin(AU_NUMBERS, [10, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28])] = 0
    visible[2, np.isin(AU_NUMBERS, [5, 6, 7, 43])] = 0
    visible[3, :5] = 0  # something else
    np.save(shard / "visible.npy", visible)
    np.save(shard / "chips.npy", np.full((4, 144, 144, 3), 99, np.uint8))
    np.save(shard / "landmarks.npy", np.full((4, 478, 3), 0.5, np.float16))
    found = read_renders(tmp_path)
    assert found.kinds.tolist() == ["", "mask", "sunglasses"]
    assert found.features.shape == (3, 7 * len(POINTS))
