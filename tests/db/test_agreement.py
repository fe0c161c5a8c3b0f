"""Tests of the coefficients on published worked examples, and on the cases in which they are not defined."""

import numpy as np
import pytest

from db.agreement import (
    cohen_kappa,
    facs_index,
    fleiss_kappa,
    krippendorff_alpha,
    krippendorff_interval,
    mean_cohen_kappa,
    prevalence,
    randolph_kappa,
    raw_agreement,
)

NAN = np.nan

FOUR_OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
"""Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: four observers, twelve units, gaps."""

FOURTEEN_RATERS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
"""The worked example of Wikipedia, "Fleiss' kappa": ten subjects, five categories; P = 0.378, kappa = 0.210."""


def ratings(counts):
    """Counts per item and value -> (raters, items)."""
    return np.array([np.repeat(np.arange(len(row)), row) for row in counts], dtype=float).T


def from_table(yes_yes, yes_no, no_yes, no_no):
    """A table of two raters -> (2, items)."""
    pairs = [(1, 1)] * yes_yes + [(1, 0)] * yes_no + [(0, 1)] * no_yes + [(0, 0)] * no_no
    return np.array(pairs, dtype=float).T


def test_facs_index_of_the_textbook_example():
    # one coder 1+2+5+6+12, the other 5+6+12: 2 x 3 / (5 + 3)
    assert facs_index({1, 2, 5, 6, 12}, {5, 6, 12}) == 0.75


def test_facs_index_of_nothing():
    assert facs_index(set(), set()) == 1
    assert facs_index({12}, set()) == 0


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorff_alpha_as_published(level, alpha):
    assert krippendorff_alpha(FOUR_OBSERVERS, level) == pytest.approx(alpha, abs=0.0005)


def test_krippendorff_alpha_of_two_observers_as_published():
    # section A of the same paper: binary data, two observers, no missing data; alpha = 0.095
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha(np.array([meg, owen], float)) == pytest.approx(0.095, abs=0.0005)


def test_the_interval_holds_the_value_and_narrows_with_more_items():
    low, high = krippendorff_interval(FOUR_OBSERVERS, samples=300)
    narrow_low, narrow_high = krippendorff_interval(np.tile(FOUR_OBSERVERS, 20), samples=300)
    assert low < 0.743 < high
    assert narrow_high - narrow_low < (high - low) / 3


def test_fleiss_kappa_as_published():
    found = ratings(FOURTEEN_RATERS)
    assert raw_agreement(found) == pytest.approx(0.378, abs=0.0005)
    assert fleiss_kappa(found) == pytest.approx(0.210, abs=0.0005)


def test_randolph_kappa_worked_by_hand():
    # Randolph (2005): (P - 1/k) / (1 - 1/k), here (0.378 - 0.2) / 0.8
    assert randolph_kappa(ratings(FOURTEEN_RATERS), values=5) == pytest.approx(0.2225, abs=0.001)


def test_cohen_kappa_as_published():
    # the grant proposals of Wikipedia, "Cohen's kappa": 20 both yes, 5, 10, 15 both no
    assert cohen_kappa(from_table(20, 5, 10, 15)) == pytest.approx(0.4)


def test_cohen_kappa_as_scikit_learn_has_it():
    from sklearn.metrics import cohen_kappa_score

    pair = np.random.default_rng(0).integers(0, 4, (2, 50)).astype(float)
    assert cohen_kappa(pair) == pytest.approx(cohen_kappa_score(*pair.astype(int)))


def test_cohen_kappa_leaves_out_what_only_one_rated():
    pair = np.hstack([from_table(20, 5, 10, 15), [[1.0, NAN], [NAN, 0.0]]])
    assert cohen_kappa(pair) == pytest.approx(0.4)
    assert mean_cohen_kappa(np.vstack([pair, np.full(52, NAN)])) == pytest.approx(0.4)


def test_a_rare_unit_collapses_kappa_but_not_randolphs():
    rare = from_table(0, 2, 2, 96)
    assert raw_agreement(rare) == 0.96
    assert prevalence(rare) == pytest.approx(0.02)
    assert fleiss_kappa(rare) < 0
    assert randolph_kappa(rare) == pytest.approx(0.92)


@pytest.mark.parametrize("coefficient", [fleiss_kappa, krippendorff_alpha, cohen_kappa, mean_cohen_kappa])
def test_one_value_only_is_not_defined(coefficient):
    assert np.isnan(coefficient(from_table(0, 0, 0, 9)))


@pytest.mark.parametrize(
    "coefficient",
    [fleiss_kappa, krippendorff_alpha, randolph_kappa, raw_agreement, prevalence, mean_cohen_kappa],
)
def test_nothing_is_not_defined(coefficient):
    assert np.isnan(coefficient(np.full((2, 3), NAN)))
    assert np.isnan(coefficient(np.empty((0, 0))))
