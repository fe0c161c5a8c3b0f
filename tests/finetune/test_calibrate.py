"""Calibration and thresholds on made logits whose right answer is known."""

import numpy as np
import pytest

from finetune.calibrate import best_threshold, platt, prevalence_weights


def test_platt_recovers_scale_and_bias():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 40_000)
    labels = rng.random(len(logits)) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    scale, bias = platt(logits, labels, np.ones(len(logits)))
    assert scale == pytest.approx(0.5, abs=0.03)
    assert bias == pytest.approx(-1, abs=0.05)


def test_weights_give_positives_the_stated_share():
    labels = np.array([True] * 5 + [False] * 15)
    weights = prevalence_weights(labels, 0.1)
    assert weights[labels].sum() / weights.sum() == pytest.approx(0.1)
    assert weights.sum() == pytest.approx(20)


def test_the_threshold_separates_and_keeps_false_positives_low():
    labels = np.array([False] * 90 + [True] * 10)
    probability = np.concatenate([np.full(88, 0.1), [0.6, 0.6], np.full(10, 0.8)])
    assert 0.6 < best_threshold(probability, labels, np.ones(100), probability[~labels], 0.01) <= 0.8
    crowded = np.full(100, 0.97)
    assert best_threshold(crowded, labels, np.ones(100), crowded[~labels], 0.01) == 0.95
