"""Tests of the paired bootstrap: figures worked by hand, people drawn and not photos, and the pairing."""

import numpy as np
import pytest

from finetune.paired_bootstrap import paired_ece, paired_f1
from vlfau.metrics import ece_per_au, f1_per_au

NAN = np.nan


def yes(*columns):
    return np.array(columns, bool).T


def test_f1_by_hand():
    labels = np.array([[1, 1, 1, 0]], float).T
    found = paired_f1(labels, yes([1, 1, 0, 1]), yes([1, 1, 1, 1]), np.array(["a", "b", "c", "d"]), 50)
    assert found.macro.champion.value == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert found.macro.candidate.value == pytest.approx(2 * 3 / (2 * 3 + 1))
    assert found.macro.gain.value == pytest.approx(6 / 7 - 4 / 6)
    assert (found.present, found.known, found.people) == ((3,), (4,), 4)


def test_it_is_the_f1_of_the_metrics():
    rng = np.random.default_rng(0)
    labels = np.where(rng.random((60, 5)) < 0.2, NAN, rng.random((60, 5)) < 0.4).astype(float)
    said = rng.random((60, 5)) < 0.5
    found = paired_f1(labels, said, ~said, rng.integers(0, 9, 60).astype(str), 10)
    expected = f1_per_au(labels, said.astype(float))
    assert [unit.champion.value for unit in found.units] == pytest.approx(expected.tolist())


def test_what_nobody_shows_has_no_figure_and_is_not_in_the_mean():
    labels = np.array([[1, 0], [0, 0]], float)
    found = paired_f1(labels, yes([1, 0], [1, 1]), yes([1, 0], [0, 0]), np.array(["a", "b"]), 200)
    assert np.isnan(found.units[1].gain.value)
    assert found.macro.champion.value == 1.0


def test_unknown_labels_are_left_out():
    labels = np.array([[1, NAN, 0]], float).T
    found = paired_f1(labels, yes([1, 1, 0]), yes([1, 0, 0]), np.array(["a", "b", "c"]), 50)
    assert found.macro.gain.value == 0.0


def test_networks_that_say_the_same_differ_by_nothing_in_every_draw():
    rng = np.random.default_rng(1)
    labels, said = (rng.random((80, 3)) < 0.5).astype(float), rng.random((80, 3)) < 0.5
    gain = paired_f1(labels, said, said, rng.integers(0, 20, 80).astype(str)).macro.gain
    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_a_small_sure_gain_is_told_from_a_large_unsure_one():
    """Pairing: both are right on most faces, and what they differ in is seen although people differ much more."""
    people = np.repeat([f"p{k}" for k in range(40)], 5)
    labels = np.tile([1, 1, 0, 0, 1], 40)[:, None].astype(float)
    hard = np.random.default_rng(2).random(200) < 0.4
    champion = np.where(hard, 0, labels[:, 0]).astype(bool)[:, None]
    better = champion.copy()
    better[np.flatnonzero(hard & (labels[:, 0] == 1))[::4]] = True  # a quarter of the misses is found
    assert paired_f1(labels, champion, better, people).macro.gain.low > 0


def test_one_person_with_many_photos_is_one_person():
    """Forty photos of one person are one opinion: drawing photos would call this sure."""
    labels = np.ones((42, 1))
    person = np.array(["one"] * 40 + ["two", "three"])
    champion = yes([0] * 40 + [1, 1])
    candidate = yes([1] * 40 + [0, 0])
    gain = paired_f1(labels, champion, candidate, person).macro.gain
    assert gain.value > 0.8
    assert gain.low < 0


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(3)
    labels, person = (rng.random((50, 2)) < 0.5).astype(float), rng.integers(0, 10, 50).astype(str)
    first, second = rng.random((50, 2)) < 0.5, rng.random((50, 2)) < 0.5
    assert paired_f1(labels, first, second, person, 99, 5) == paired_f1(labels, first, second, person, 99, 5)


def test_no_faces_give_no_figures():
    found = paired_f1(np.zeros((0, 2)), np.zeros((0, 2), bool), np.zeros((0, 2), bool), np.array([], str), 5)
    assert np.isnan(found.macro.gain.value)
    assert found.people == 0


def test_how_likely_a_loss_is_chance():
    """Where nothing differs but luck, a share of 2.5 % or less comes about that often; a real loss is always seen."""
    rng, found = np.random.default_rng(4), []
    people, labels = np.repeat([f"p{k}" for k in range(60)], 2), (rng.random((120, 1)) < 0.5).astype(float)
    for _ in range(200):
        first, second = (np.where(rng.random((120, 1)) < 0.2, 1 - labels, labels) == 1 for _ in range(2))
        found.append(paired_f1(labels, first, second, people, 400).macro.by_chance)
    assert 0.005 < (np.array(found) <= 0.025).mean() < 0.06
    assert 0.4 < np.mean(found) < 0.6
    right, half = labels == 1, (labels == 1) & (rng.random((120, 1)) < 0.5)
    assert paired_f1(labels, right, half, people, 400).macro.by_chance == pytest.approx(1 / 401)
    assert paired_f1(labels, half, right, people, 400).macro.by_chance == 1.0


def test_without_figures_nothing_is_said_of_chance():
    found = paired_f1(np.zeros((4, 1)), yes([1, 0, 0, 0]), yes([0, 0, 0, 0]), np.array(list("abcd")), 50)
    assert np.isnan(found.units[0].by_chance)


def test_calibration_is_that_of_the_metrics_on_all_labels_together():
    rng = np.random.default_rng(5)
    truth = rng.random((300, 4))
    labels = np.where(rng.random((300, 4)) < 0.3, NAN, rng.random((300, 4)) < truth).astype(float)
    people, known = rng.integers(0, 60, 300).astype(str), ~np.isnan(labels)
    sure = truth**3
    found = paired_ece(labels, truth, sure, people, 300)
    for interval, said in ((found.champion, truth), (found.candidate, sure)):
        assert interval.value == pytest.approx(ece_per_au(labels[known][:, None], said[known][:, None])[0])
        assert interval.low < interval.value < interval.high
    assert found.gain.low > 0.05
    assert found.by_chance == pytest.approx(1 / 301), "a rise is a loss"
    assert paired_ece(labels, sure, truth, people, 300).by_chance == 1.0


def test_calibration_without_labels_has_no_figure():
    found = paired_ece(
        np.full((3, 2), NAN), np.full((3, 2), 0.5), np.full((3, 2), 0.5), np.array(list("abc")), 20
    )
    assert np.isnan(found.gain.value)
    assert np.isnan(found.by_chance)
