"""Tests of Dawid and Skene's procedure on their own data, and of what the prior adds."""

import numpy as np
import pytest

from db.reliability import TRUST, Votes, dawid_skene, informedness, per_unit

ANAESTHETISTS = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 1211111
1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121
1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""
"""Dawid & Skene (1979), table 1: 45 patients; three looks of observer 1, then observers 2 to 5; fitness 1 to 4."""


@pytest.fixture(scope="module")
def published():
    rows = [[int(digit) - 1 for digit in word] for word in ANAESTHETISTS.split()]
    triples = [
        (max(0, look - 2), patient, said) for patient, row in enumerate(rows) for look, said in enumerate(row)
    ]
    observer, patient, said = np.array(triples).T
    return dawid_skene(Votes(observer, patient, said, 5, 45, 4))


def test_base_rates_as_published(published):
    assert published.shares[0].round(2).tolist() == [0.40, 0.42, 0.11, 0.07]


def test_error_rates_of_the_first_observer_as_published(published):
    assert published.confusion[0, 0].round(2).tolist() == [0.89, 0.11, 0, 0]
    assert published.confusion[0, 1].round(2).tolist() == [0.07, 0.88, 0.05, 0]


def test_rows_are_probabilities(published):
    assert published.posterior.sum(axis=1) == pytest.approx(1)
    assert published.confusion.sum(axis=2) == pytest.approx(1)


def simulated(skills, items=300, units=4, seed=0):
    """Everybody votes on everything; skill is the chance to be right. Returns votes, unit of each item, the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random(items) < 0.3
    right = rng.random((len(skills), items)) < np.array(skills)[:, None]
    label = np.where(right, truth, ~truth).astype(int)
    who, what = np.indices(label.shape)
    votes = Votes(who.ravel(), what.ravel(), label.ravel(), len(skills), items)
    return votes, np.arange(items) % units, truth


def test_two_good_annotators_outweigh_three_who_guess():
    votes, unit, truth = simulated([0.95, 0.95, 0.5, 0.5, 0.5])
    posterior, confusion = per_unit(votes, unit, np.full(300, -1))
    majority = np.bincount(votes.item, votes.label) > 2.5
    assert ((posterior > 0.5) == truth).mean() > (majority == truth).mean() + 0.05
    known = informedness(confusion).mean(axis=0)
    assert known[:2].min() > 0.7
    assert np.abs(known[2:]).max() < 0.3


def test_an_item_without_votes_gets_the_base_rate():
    votes = Votes(np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([1, 1, 0]), 1, 4)
    found = dawid_skene(votes, TRUST)
    assert found.posterior[3] == pytest.approx(found.shares[0])


def test_what_is_known_is_not_voted_on():
    votes = Votes(np.array([0, 1]), np.array([0, 0]), np.array([0, 0]), 2, 1)
    assert dawid_skene(votes, TRUST, known=np.array([1])).posterior[0].tolist() == [0, 1]


def test_one_answer_is_believed_in_part():
    votes = Votes(np.array([0, 0]), np.array([0, 1]), np.array([1, 0]), 1, 2)
    posterior, _ = per_unit(votes, np.zeros(2, int), np.full(2, -1))
    assert 0.5 < posterior[0] < 1


@pytest.mark.parametrize("doubled", [0, 3, 50])
def test_single_votes_are_not_overruled_however_rare_what_they_say(doubled):
    """1,000 faces, one in fifty shows it; the first so many were seen by two people, who agree."""
    truth = np.arange(1000) % 50 == 0
    item = np.concatenate([np.arange(1000), np.arange(doubled)])
    who = np.concatenate([np.arange(1000) % 5, (np.arange(doubled) + 1) % 5])
    votes = Votes(who, item, truth[item].astype(int), 5, 1000)
    posterior, confusion = per_unit(votes, np.zeros(1000, int), np.full(1000, -1))
    assert ((posterior > 0.5) == truth).all()
    if not doubled:
        assert posterior[truth] == pytest.approx(0.8)
        assert confusion[0] == pytest.approx(np.full((5, 2, 2), TRUST / 5))


def test_single_votes_of_somebody_known_to_guess_say_little():
    """What is known of a person from faces that others saw as well counts for the faces that nobody else saw."""
    votes, _, _ = simulated([0.9, 0.9, 0.9, 0.5])
    item = np.concatenate([votes.item, [300, 301]])
    both = Votes(
        np.concatenate([votes.annotator, [0, 3]]), item, np.concatenate([votes.label, [1, 1]]), 4, 302
    )
    posterior, _ = per_unit(both, np.zeros(302, int), np.full(302, -1))
    assert posterior[300] > 0.75
    assert 0.15 < posterior[301] < 0.5, "it is present in three of ten"


def test_no_votes_at_all():
    empty = np.empty(0, dtype=np.int64)
    posterior, confusion = per_unit(Votes(empty, empty, empty, 0, 0), empty, empty)
    assert posterior.shape == (0,)
    assert confusion.shape == (0, 0, 2, 2)
