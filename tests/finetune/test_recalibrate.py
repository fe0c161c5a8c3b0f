"""Fusion and calibration lean on the base's: nothing moves without evidence, and much evidence wins."""

import numpy as np
import pytest

from finetune.recalibrate import (
    Fusion,
    Known,
    Said,
    Scored,
    Unit,
    as_sure_as_before,
    expected_f1,
    misfit,
    most_probable,
    moved_boundary,
    recalibrated,
    sigmoid,
)
from vlfau.config import VLFAUConfig
from vlfau.metrics import ece_per_au
from vlfau.model import VLFAUModel


def sample(count: int, weights: list[float], bias: float, seed: int = 0) -> Said:
    """What K branches say of one action unit, with labels drawn from sigmoid(weights * logits + bias)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 1, len(weights)))
    labels = (rng.random((count, 1)) < sigmoid(logits @ np.array(weights) + bias)).astype(float)
    return Said(logits, labels, np.array([f"P{number // 2}" for number in range(count)]))


def nothing(branches: int = 1) -> Said:
    return Said(np.zeros((0, 1, branches)), np.zeros((0, 1)), np.array([], "U1"))


def known(logits: list[float], labels: list[float]) -> Known:
    return Known(np.array(logits)[:, None], np.array(labels), np.array(["P1"] * len(logits)))


def scored(logits: list[float], labels: list[float]) -> Scored:
    return Scored(np.array(logits), np.array(labels))


def base(*weights: float) -> Fusion:
    """One action unit; without weights with one branch."""
    names = ("image", "geometry", "texture")[: len(weights) or 1]
    return Fusion(names, np.array([weights or (1.5,)]), np.array([0.5]), np.array([0.6]))


NONE_KNOWN = nothing().unit(0)
NONE_SCORED = scored([], [])
BEFORE = Unit(np.array([1.5]), 0.5)


def test_without_labels_the_base_stays():
    said = sample(50, [1.0], 0)
    new = recalibrated(base(), Said(said.logits, said.labels * np.nan, said.group), nothing(), 0.5)
    assert (new.weights[0, 0], new.bias[0], new.thresholds[0]) == (1.5, 0.5, 0.6)


def test_much_evidence_wins():
    new = recalibrated(base(), sample(4000, [0.8], -2.0), nothing(), 0.5)
    assert new.weights[0, 0] == pytest.approx(0.8, abs=0.1)
    assert new.bias[0] == pytest.approx(-2.0, abs=0.2)


def test_a_branch_that_says_nothing_here_counts_less():
    new = recalibrated(base(0.5, 0.5, 0.5), sample(800, [1.2, 0.1, 0.5], 0.0), nothing(3), 0.5)
    image, geometry, texture = new.weights[0]
    assert geometry < 0.25 < 0.4 < texture < 0.7 < 0.9 < image


def test_little_evidence_moves_little():
    unit = most_probable(known([2.0], [0.0]), NONE_KNOWN, BEFORE, 0.5)
    assert -0.5 < unit.bias < 0.5
    assert 0.7 < unit.weights[0] < 1.5


@pytest.mark.parametrize("seed", range(6))
def test_other_people_are_not_calibrated_worse(seed):
    new = recalibrated(base(), sample(60, [1.2], -0.5, seed), nothing(), 0.5)
    unseen = sample(3000, [1.2], -0.5, seed + 100)
    before, after = (ece_per_au(unseen.labels, f.probabilities(unseen.logits))[0] for f in (base(), new))
    assert after <= before + 0.01


def test_soft_labels_count_as_they_are():
    unit = most_probable(known([0.0] * 400, [0.8] * 400), NONE_KNOWN, Unit(np.array([1.0]), 0.0), 0.5)
    assert sigmoid(np.array(unit.bias)) == pytest.approx(0.8, abs=0.01)
    assert unit.weights[0] == pytest.approx(1.0)


def test_misfit_is_the_cross_entropy():
    assert misfit(np.array(0.0), np.array(1.0)) == pytest.approx(np.log(2))
    assert misfit(np.array(3.0), np.array(0.25)) == pytest.approx(
        -0.25 * np.log(sigmoid(np.array(3.0))) - 0.75 * np.log(sigmoid(np.array(-3.0)))
    )


def test_a_boundary_moves_with_the_examples_there_are():
    logits, present = [-4.0, -3.5, -3.0, -1.5, -1.0, 3.0], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    few, many = (moved_boundary(scored(logits * n, present * n), NONE_SCORED, 2.0, 0.5) for n in (1, 50))
    assert -3.0 < many < -2.0 < few < 2.0
    assert moved_boundary(scored(logits, [0.0] * 6), NONE_SCORED, 2.0, 0.5) == 2.0


def test_a_boundary_does_not_follow_one_label_that_the_network_finds_unlikely():
    here = scored([-5.0, -4.9, 2.0, 2.5, 3.0], [1.0, 0.0, 1.0, 1.0, 1.0])
    f1_below, f1_above = expected_f1(here, np.array([-6.0, 0.0]))
    assert f1_below > f1_above, "by the labels alone everybody would be called"
    assert moved_boundary(here, NONE_SCORED, 0.0, 0.5) > -1.5


def test_without_both_classes_probabilities_change_and_decisions_do_not():
    logits = np.random.default_rng(0).normal(0, 1, (40, 1, 1))
    people = np.array([f"P{number}" for number in range(40)])
    new = recalibrated(base(), Said(logits, np.zeros((40, 1)), people), nothing(), 0.5)
    before, after = base().probabilities(logits), new.probabilities(logits)
    assert after.mean() < 0.7 * before.mean()
    assert ((after >= new.thresholds) == (before >= base().thresholds)).all()


def test_what_the_base_knew_holds_the_calibration_back():
    """In the new domain nobody shows the action unit; the base's faces do and are read well."""
    new = known([-1.0, 0.5, 0.0, -0.5] * 20, [0.0] * 80)
    old = known([2.0, -2.0, 1.5, -1.5] * 20, [1.0, 0.0, 1.0, 0.0] * 20)
    alone, held = (most_probable(new, some, BEFORE, 0.5) for some in (NONE_KNOWN, old))
    with_base, without = (misfit(unit.logits(old), old.labels).mean() for unit in (held, alone))
    assert with_base < 0.5 * without


def test_probabilities_go_on_meaning_what_they_said_and_decisions_stay_where_they_were_put():
    """Twice as many show it in the new domain: the branch's logit says too little there, and enough on the base's."""
    new, old = sample(200, [1.0], 2.0), sample(800, [1.0], 0.0, seed=1)
    unit = most_probable(new.unit(0), old.unit(0), Unit(np.array([1.0]), 0.0), 0.5)
    settled, boundary = as_sure_as_before(unit, 0.4, new.unit(0), old.unit(0))
    for some in (new.unit(0), old.unit(0)):
        assert ((settled.logits(some) >= boundary) == (unit.logits(some) >= 0.4)).all()
    errors = [
        ece_per_au(old.labels, sigmoid(found.logits(old.unit(0)))[:, None])[0] for found in (unit, settled)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_a_network_decides_as_the_fusion_says():
    import torch

    torch.manual_seed(0)
    model = VLFAUModel(VLFAUConfig.test()).eval()
    units = len(model.config.au_numbers)
    rng = np.random.default_rng(1)
    weights, bias, thresholds = rng.random((units, 3)), rng.normal(size=units), rng.uniform(0.2, 0.8, units)
    assert Fusion.of(model.config).branches == ("image", "geometry", "texture")
    fusion = Fusion(("image", "geometry", "texture"), weights, bias, thresholds)
    fusion.install(model)
    with torch.inference_mode():
        output = model(torch.rand(2, 3, 32, 32), torch.rand(2, 478, 3))
        said = np.stack([output.branches[name].logits.numpy() for name in fusion.branches], axis=2)
        assert np.allclose(model.probabilities(output).numpy(), fusion.probabilities(said), atol=1e-5)
    assert np.allclose(Fusion.of(model.config).weights, weights, atol=1e-6)
