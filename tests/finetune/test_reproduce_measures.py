"""Measures, trivial answers, sentences and comparisons of the experiment, on examples worked by hand."""

import json
import math

import numpy as np
import pytest

from finetune.datasets.protocol import BP4D, DISFA
from finetune.reproduction import report
from finetune.reproduction.comparison import DrawnAUPRC, DrawnF1, difference
from finetune.reproduction.measures import (
    Verdicts,
    average_f1,
    counts_by_subject,
    f1_of_counts,
    unit_measures,
)
from finetune.reproduction.published import published
from finetune.reproduction.results import Result
from finetune.reproduction.words import Constant, words_measures
from vlfau.errors import DataError
from vlfau.metrics import auprc_per_au, f1_per_au
from vlfau.sentences import UnitLabel, describe_face, describe_unit

NAN = float("nan")


def verdicts(labels, probabilities, subject=None):
    labels = np.array(labels, np.float32)
    names = np.array(subject or ["a"] * len(labels))
    return Verdicts(labels, np.array(probabilities, np.float32), names)


def test_measures_of_one_unit_by_hand():
    said = verdicts([[1], [1], [0], [0], [NAN]], [[0.9], [0.2], [0.6], [0.1], [0.9]])
    found = unit_measures(said, np.array([0.3]))
    expected = {
        "f1": 0.5,  # one hit, one false alarm, one miss
        "accuracy": 0.5,
        "auprc": (1 + 2 / 3) / 2,
        "always_active_f1": 2 / 3,
        "majority_f1": 0.0,
        "majority_accuracy": 0.5,
        "share_active": 0.5,
    }
    assert {name: float(values[0]) for name, values in found.items()} == pytest.approx(expected)


def test_the_majority_answer_is_that_of_the_training_faces():
    said = verdicts([[1], [1], [0]], [[0.9], [0.9], [0.1]])
    assert unit_measures(said, np.array([0.2]))["majority_accuracy"][0] == pytest.approx(1 / 3)
    assert unit_measures(said, np.array([0.8]))["majority_accuracy"][0] == pytest.approx(2 / 3)


def test_a_unit_without_evidence_does_not_count():
    said = verdicts([[1, 0], [0, 0]], [[0.9, 0.1], [0.1, 0.1]])
    assert average_f1(said) == 1.0
    assert average_f1(verdicts([[NAN]], [[0.4]])) == -1.0


def test_counts_of_subjects_add_up_to_the_same_f1():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (60, 3)).astype(float)
    labels[rng.random(labels.shape) < 0.2] = NAN
    said = verdicts(labels, rng.random((60, 3)), [f"s{i % 5}" for i in range(60)])
    names, counts = counts_by_subject(said)
    assert names.tolist() == [f"s{i}" for i in range(5)]
    assert f1_of_counts(counts.sum(axis=0)) == pytest.approx(unit_measures(said, np.zeros(3))["f1"])


def result(variant, seed, division, labels, probabilities, subject, **more):
    recipe = {"variant": variant, "seed": seed, "division": division, "tested": "disfa"}
    recipe["people"] = {"train": ["x"], "validation": ["y"], "test": sorted(set(subject))}
    units = DISFA.units[: np.shape(labels)[1]]
    rates = [0.1] * len(units)
    return Result(
        recipe, units, rates, 1, 0.5, verdicts(labels, probabilities, subject), **({"words": None} | more)
    )


def folds(variant, right, seeds=(1, 2)):
    """Results of two folds in which a share `right` of the decisions meets the label."""
    found = []
    for seed in seeds:
        for fold in (1, 2):
            rng = np.random.default_rng([seed, fold])
            labels = rng.integers(0, 2, (200, 2)).astype(float)
            meets = rng.random(labels.shape) < right
            subject = [f"{fold}-{i % 8}" for i in range(200)]
            probabilities = np.where(meets, labels, 1 - labels)
            found.append(result(variant, seed, f"fold-{fold}", labels, probabilities, subject))
    return found


def test_a_clear_difference_is_told_and_none_is_not():
    told = difference([*folds("full", 0.9), *folds("au-only", 0.7)], "full", "au-only")
    assert told.interval.low > 0.1
    assert (told.wins, len(told.pairs)) == (4, 4)
    assert told.answer == "full is better than au-only"
    same = difference([*folds("full", 0.8), *folds("au-only", 0.8)], "full", "au-only")
    assert same.interval.value == 0
    assert "no difference" in same.answer


def drawn_faces(said, rows):
    """Labels and probabilities of subjects drawn, with all their faces."""
    names = np.unique(said.subject)
    faces = np.concatenate([np.flatnonzero(said.subject == names[row]) for row in rows])
    return said.labels[faces], said.probabilities[faces]


@pytest.mark.parametrize("decimals", [1, 6], ids=["many equal scores", "none"])
def test_measures_of_drawn_subjects_are_those_of_their_faces(decimals):
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, (80, 3)).astype(float)
    labels[rng.random(labels.shape) < 0.2] = NAN
    labels[:, 2] = np.where(np.isnan(labels[:, 2]), NAN, 0)  # never there: no figure
    said = verdicts(labels, rng.random((80, 3)).round(decimals), [f"s{i % 5}" for i in range(80)])
    draws = [[0, 1, 2, 3, 4], [1, 1, 4, 0, 1]]
    times = np.array([np.bincount(rows, minlength=5) for rows in draws], float)
    for drawn, measure in ((DrawnAUPRC, auprc_per_au), (DrawnF1, f1_per_au)):
        expected = [measure(*drawn_faces(said, rows)) for rows in draws]
        found = drawn(said)(times)
        assert found[:, :2] == pytest.approx(np.array(expected)[:, :2])
        assert np.isnan(found[:, 2]).all()


def test_scores_beyond_the_levels_cost_next_to_nothing(monkeypatch):
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, (5000, 1)).astype(float)
    said = verdicts(labels, (labels + rng.normal(0, 1, labels.shape)) / 8 + 0.5, ["a"] * 5000)
    exact = auprc_per_au(said.labels, said.probabilities)[0]
    assert DrawnAUPRC(said)(np.ones((1, 1)))[0, 0] == pytest.approx(exact, abs=1e-3)


def test_what_was_tested_on_others_is_not_compared():
    one = result("full", 1, "fold-1", [[0], [1]], [[0.1], [0.9]], ["a", "b"])
    other = result("au-only", 1, "fold-1", [[0], [1]], [[0.1], [0.9]], ["a", "c"])
    with pytest.raises(DataError, match="subjects of fold-1 differ"):
        difference([one, other], "full", "au-only")


def test_a_false_alarm_on_what_nobody_shows_changes_no_average():
    """A fold average leaves such a unit out for both variants or for none."""
    labels, subject = [[1, 0], [1, 0], [0, 0], [1, 1]], ["a", "a", "a", "b"]
    quiet = result("full", 1, "fold-1", labels, [[0.9, 0.1]] * 2 + [[0.1, 0.1], [0.9, 0.9]], subject)
    loud = result("au-only", 1, "fold-1", labels, [[0.9, 0.9]] * 2 + [[0.1, 0.1], [0.9, 0.9]], subject)
    one, two = (DrawnF1(each.tested)(np.array([[1.0, 0.0]])) for each in (quiet, loud))
    assert np.isnan(one[0]).tolist() == np.isnan(two[0]).tolist() == [False, True]


def test_seeds_that_disagree_widen_the_interval():
    steady = [*folds("full", 0.9), *folds("au-only", 0.8)]
    shaky = [
        *folds("full", 0.98, (1,)),
        *folds("full", 0.82, (2,)),
        *folds("full", 0.9, (3,)),
        *folds("au-only", 0.8, (1, 2, 3)),
    ]
    widths = [
        interval.high - interval.low
        for interval in (difference(each, "full", "au-only").interval for each in (steady, shaky))
    ]
    assert widths[1] > 1.3 * widths[0]


def test_a_better_order_shows_in_auprc_and_not_in_f1():
    labels, subject = [[0], [1], [0], [1]] * 8, [f"s{i // 4}" for i in range(32)]
    ordered = result("full", 1, "fold-1", labels, [[0.1], [0.4], [0.2], [0.3]] * 8, subject)
    turned = result("au-only", 1, "fold-1", labels, [[0.4], [0.1], [0.3], [0.2]] * 8, subject)
    told = {m: difference([ordered, turned], "full", "au-only", m).interval.value for m in ("f1", "auprc")}
    assert told["f1"] == 0
    assert told["auprc"] > 0.5


def test_only_what_both_have_is_compared():
    results = [*folds("full", 0.9), *folds("au-only", 0.7, seeds=(2,))]
    assert difference(results, "full", "au-only").names == ("fold-1, seed 2", "fold-2, seed 2")
    assert difference(results, "full", "no-dair") is None


@pytest.mark.parametrize(("protocol", "rows"), [(DISFA, 31), (BP4D, 27)])
def test_published_rows_are_complete_and_doubtful_ones_are_marked(protocol, rows):
    table = published(protocol.name)
    assert len(table) == rows
    assert all(len(row.f1) == len(protocol.units) and row.source for row in table)
    doubtful = {row.method for row in table if row.doubtful}
    expected = {"disfa": {"EAC-Net", "UGN-B", "SMA-Net", "GPT-4V (CVPRW24, as listed)"}, "bp4d": {"EAC-Net"}}
    assert doubtful == expected[protocol.name]


UNITS = (1, 12)


def spoken(states, intensity=(3.0, 3.0)):
    """The usual sentences of a face, the description last."""
    present = {u: UnitLabel(i) for u, s, i in zip(UNITS, states, intensity, strict=True) if s}
    return [*(describe_unit(u, present.get(u)) for u in UNITS), describe_face(present)]


def words_of(texts, labels, decisions):
    constant = Constant(tuple(describe_unit(u, None) for u in UNITS), describe_face({}))
    labels = np.array(labels, float)
    intensity = np.where(labels == 1, 3.0, labels)
    return words_measures(texts, UNITS, labels, intensity, np.array(decisions, bool), constant)


def test_true_sentences_get_full_marks_and_constant_ones_what_chance_gives():
    labels = [[0, 0], [0, 0], [0, 1], [1, 0]]
    found = words_of([spoken(row) for row in labels], labels, labels)
    for name in ("local_bleu_4", "global_rouge_l", "sentence_says_truth", "description_names_truth"):
        assert found[name] == pytest.approx(1.0), name
    assert found["constant_sentence_says_truth"] == pytest.approx(0.75)
    assert found["constant_description_names_truth"] == pytest.approx(0.5)
    assert found["constant_local_bleu_4"] < 1


def test_sentences_that_follow_a_wrong_decision_agree_with_it_and_not_with_the_truth():
    found = words_of([spoken([1, 1])] * 2, [[0, 0], [NAN, 1]], [[1, 1], [1, 1]])
    assert found["sentence_says_decision"] == 1
    assert found["sentence_says_truth"] == pytest.approx((0 + 0.5) / 2)
    assert found["description_names_truth"] == 0, "the face that is not fully known does not count"


def test_silence_agrees_with_nothing():
    found = words_of([["", "", ""]] * 2, [[0, 0], [0, 1]], [[0, 0], [0, 1]])
    assert found["sentence_says_decision"] == 0
    assert found["description_names_decisions"] == 0


def test_the_report_says_the_same_in_three_forms():
    results = [*folds("full", 0.9), *folds("au-only", 0.7)]
    results[0].words = words_of([spoken([0, 1])], [[0, 1]], [[0, 1]])
    results[0].on_test = results[0].tested
    built = report.build(results, "made up")
    plain = json.loads(report.as_json(built))
    part = plain["parts"][0]
    f1 = part["variants"]["full"]["figures"]["f1"]["average"]
    text = report.as_markdown(built)
    assert f"| {100 * f1:.1f} | epoch chosen on validation subjects |" in text
    assert f"disfa,full,f1,average,{f1:.6f}" in report.as_csv(built)
    for wanted in (
        "made up",
        report.SELECTED,
        "full is better than au-only",
        "FMAE-IAT",
        "| always active |",
    ):
        assert wanted in text
    assert part["differences"][0]["wins"] == 4


def test_a_figure_without_evidence_is_null_in_json_and_a_dash_for_people():
    one = result("full", 1, "fold-1", [[NAN, 1]], [[0.2, 0.9]], ["a"])
    built = report.build([one])
    assert json.loads(report.as_json(built))["parts"][0]["variants"]["full"]["figures"]["f1"]["AU1"] is None
    assert "**ours, full** | - | 100.0 |" in report.as_markdown(built)
    assert math.isnan(built["parts"][0]["variants"]["full"]["figures"]["f1"]["AU1"])
