"""Calibration leans on the base's: nothing moves without evidence, much evidence wins, and it never fits worse."""

import numpy as np
import pytest

from finetune.recalibrate import (
    Calibration,
    Known,
    Said,
    misfit,
    moved_boundary,
    platt_around,
    recalibrated,
    sigmoid,
)
from vlfau.metrics import ece_per_au


def sample(count: int, scale: float, bias: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, labels drawn from sigmoid(scale * logit + bias), and people."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 1))
    labels = (rng.random((count, 1)) < sigmoid(scale * logits + bias)).astype(float)
    return logits, labels, np.array([f"P{number // 2}" for number in range(count)])


NOTHING = Said(np.zeros((0, 1)), np.zeros((0, 1)), np.array([], "U1"))
NONE_KNOWN = NOTHING.unit(0)


def known(logits: list[float], labels: list[float]) -> Known:
    return Known(np.array(logits), np.array(labels), np.array(["P1"] * len(logits)))


def base(units: int = 1) -> Calibration:
    return Calibration(np.full(units, 1.5), np.full(units, 0.5), np.full(units, 0.6))


def test_without_labels_the_base_stays():
    logits, labels, people = sample(50, 1, 0)
    new = recalibrated(base(), Said(logits, labels * np.nan, people), NOTHING, 0.5)
    assert (new.scale[0], new.bias[0], new.thresholds[0]) == (1.5, 0.5, 0.6)


def test_much_evidence_wins():
    logits, labels, people = sample(4000, 0.8, -2.0)
    new = recalibrated(base(), Said(logits, labels, people), NOTHING, 0.5)
    assert new.scale[0] == pytest.approx(0.8, abs=0.1)
    assert new.bias[0] == pytest.approx(-2.0, abs=0.2)


def test_little_evidence_moves_little():
    scale, bias = platt_around(known([2.0], [0.0]), NONE_KNOWN, (1.5, 0.5), 0.5)
    assert -0.5 < bias < 0.5
    assert 1.2 < scale < 1.5


@pytest.mark.parametrize("seed", range(6))
def test_other_people_are_not_calibrated_worse(seed):
    logits, labels, people = sample(60, 1.2, -0.5, seed)
    new = recalibrated(base(), Said(logits, labels, people), NOTHING, 0.5)
    unseen, truth, _ = sample(3000, 1.2, -0.5, seed + 100)
    before, after = (ece_per_au(truth, c.probabilities(unseen))[0] for c in (base(), new))
    assert after <= before + 0.01


def test_soft_labels_count_as_they_are():
    scale, bias = platt_around(known([0.0] * 400, [0.8] * 400), NONE_KNOWN, (1.0, 0.0), 0.5)
    assert sigmoid(np.array(bias)) == pytest.approx(0.8, abs=0.01)
    assert scale == pytest.approx(1.0)


def test_misfit_is_the_cross_entropy():
    assert misfit(np.array(0.0), np.array(1.0)) == pytest.approx(np.log(2))
    assert misfit(np.array(3.0), np.array(0.25)) == pytest.approx(
        -0.25 * np.log(sigmoid(np.array(3.0))) - 0.75 * np.log(sigmoid(np.array(-3.0)))
    )


def test_a_boundary_moves_with_the_examples_there_are():
    logits = [-2.0, -1.5, -1.0, 0.5, 1.0, 3.0]
    present = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    few, many = (moved_boundary(known(logits * n, present * n), NONE_KNOWN, 2.0, 0.5) for n in (1, 50))
    assert -1.0 < many < 0.6 < few < 2.0
    assert moved_boundary(known(logits, [0.0] * 6), NONE_KNOWN, 2.0, 0.5) == 2.0


def test_without_both_classes_probabilities_change_and_decisions_do_not():
    logits = np.random.default_rng(0).normal(0, 1, (40, 1))
    people = np.array([f"P{number}" for number in range(40)])
    new = recalibrated(base(), Said(logits, np.zeros((40, 1)), people), NOTHING, 0.5)
    before, after = base().probabilities(logits), new.probabilities(logits)
    assert after.mean() < 0.7 * before.mean()
    assert ((after >= new.thresholds) == (before >= base().thresholds)).all()


def test_what_the_base_knew_holds_the_calibration_back():
    """In the new domain nobody shows the action unit; the base's faces do and are read well."""
    new = known([-1.0, 0.5, 0.0, -0.5] * 20, [0.0] * 80)
    old = known([2.0, -2.0, 1.5, -1.5] * 20, [1.0, 0.0, 1.0, 0.0] * 20)
    (_, alone), (_, held) = (platt_around(new, some, (1.5, 0.5), 0.5) for some in (NONE_KNOWN, old))
    assert alone < held < 0.5
