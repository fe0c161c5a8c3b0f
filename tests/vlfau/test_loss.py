"""The parts of the objective on examples worked out by hand."""

import math

import pytest
import torch

from vlfau.language import PAD
from vlfau.loss import (
    bce_loss,
    ordinal_loss,
    region_loss,
    sentence_loss,
    unit_weights,
    weighted_asymmetric_loss,
)

NAN = float("nan")
ONE = torch.ones(1)


def test_weights_follow_the_published_formula():
    # 1/r = 10 and 2.5; divided by their sum, times two units
    assert torch.allclose(unit_weights(torch.tensor([0.1, 0.4])), torch.tensor([1.6, 0.4]))


def test_asymmetric_loss_by_hand():
    logit = math.log(0.8 / 0.2)  # p = 0.8
    present = weighted_asymmetric_loss(torch.tensor([[logit]]), torch.tensor([[1.0]]), ONE)
    absent = weighted_asymmetric_loss(torch.tensor([[logit]]), torch.tensor([[0.0]]), ONE)
    assert present.item() == pytest.approx(-math.log(0.8), abs=1e-6)
    assert absent.item() == pytest.approx(-0.8 * math.log(0.2), abs=1e-6)


def test_the_factor_of_easy_negatives_is_not_propagated():
    logit = torch.tensor([[0.0]], requires_grad=True)
    weighted_asymmetric_loss(logit, torch.tensor([[0.0]]), ONE).backward()
    assert logit.grad.item() == pytest.approx(0.5 * 0.5)  # p * d(-log(1-p)) = p * p


@pytest.mark.parametrize("loss", [weighted_asymmetric_loss, bce_loss])
def test_unknown_labels_count_nowhere(loss):
    logits = torch.tensor([[1.0, -2.0]], requires_grad=True)
    whole = loss(logits, torch.tensor([[1.0, NAN]]), torch.ones(2))
    alone = loss(logits[:, :1], torch.tensor([[1.0]]), ONE)
    assert whole.item() == pytest.approx(alone.item())
    whole.backward()
    assert logits.grad[0, 1] == 0
    assert loss(logits, torch.full((1, 2), NAN), torch.ones(2)).item() == 0


def test_smoothing_moves_the_optimum():
    logit = torch.tensor([[math.log(0.95 / 0.05)]], requires_grad=True)
    bce_loss(logit, torch.tensor([[1.0]]), ONE, smoothing=0.1).backward()
    assert logit.grad.item() == pytest.approx(0, abs=1e-6)


def test_ordinal_loss_takes_fractions_as_soft_levels():
    sure = torch.tensor([[[20.0, 20.0, 0.0, -20.0, -20.0]]])
    assert ordinal_loss(sure, torch.tensor([[2.5]])).item() == pytest.approx(math.log(2) / 5, abs=1e-6)
    assert ordinal_loss(sure, torch.tensor([[NAN]])).item() == 0


def test_sentence_loss_ignores_padding_and_empty_sentences():
    logits = torch.zeros(2, 3, 4)
    ids = torch.tensor([[3, 2, PAD], [PAD, PAD, PAD]])
    assert sentence_loss(logits, ids).item() == pytest.approx(math.log(4))


def test_region_loss_is_the_divergence_from_region_to_map():
    prior = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    even, region = torch.zeros(1, 1, 4), torch.tensor([[[20.0, 20.0, 0.0, 0.0]]])
    assert region_loss(even, prior, torch.tensor([[1.0]])).item() == pytest.approx(math.log(2))
    assert region_loss(region, prior, torch.tensor([[1.0]])).item() == pytest.approx(0, abs=1e-4)
    assert region_loss(even, prior, torch.tensor([[0.0]])).item() == 0


def test_region_loss_does_not_like_a_spot_inside_the_region():
    prior, present = torch.tensor([[1.0, 1.0, 0.0, 0.0]]), torch.tensor([[1.0]])
    spot, spread = torch.tensor([[[5.0, 0.0, -5.0, -5.0]]]), torch.tensor([[[5.0, 4.0, -5.0, -5.0]]])
    assert region_loss(spot, prior, present) > region_loss(spread, prior, present) + 0.5
