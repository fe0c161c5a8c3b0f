"""Metrics against examples worked by hand or published, and where a figure must not exist."""

import numpy as np
import pytest

from vlfau import metrics
from vlfau.errors import DataError

NAN = np.nan

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Six targets rated by four judges: Shrout & Fleiss 1979, table 2; their table 4 has the answers."""

PER_AU = [metrics.f1_per_au, metrics.balanced_accuracy_per_au, metrics.auroc_per_au, metrics.auprc_per_au]
PER_AU += [metrics.ece_per_au]
each_metric = pytest.mark.parametrize("metric", PER_AU)


def column(*values):
    """One action unit."""
    return np.array(values, float)[:, None]


def test_f1_by_hand():
    # threshold 0.5: TP 2, FP 1, FN 1
    assert metrics.f1_per_au(column(1, 1, 1, 0, 0), column(0.9, 0.5, 0.4, 0.6, 0.1)) == pytest.approx([2 / 3])


def test_f1_takes_a_threshold_for_each_action_unit():
    labels, probabilities = np.array([[1, 1], [0, 0]]), np.array([[0.3, 0.3], [0.2, 0.2]])
    assert metrics.f1_per_au(labels, probabilities, thresholds=[0.25, 0.5]).tolist() == [1, 0]


def test_f1_of_all_zero_labels_is_zero_when_something_was_called_and_absent_otherwise():
    labels = np.zeros((3, 2))
    probabilities = np.array([[0.9, 0.1], [0.1, 0.1], [0.1, 0.1]])
    assert metrics.f1_per_au(labels, probabilities) == pytest.approx([0, NAN], nan_ok=True)


def test_balanced_accuracy_by_hand():
    # 2 of 3 present and 1 of 2 absent are right
    scores = column(0.9, 0.5, 0.4, 0.6, 0.1)
    assert metrics.balanced_accuracy_per_au(column(1, 1, 1, 0, 0), scores) == pytest.approx(
        [(2 / 3 + 1 / 2) / 2]
    )


def test_auroc_by_hand_with_a_tie():
    # pairs present-absent: 0.8>0.5, 0.8>0.3, 0.5=0.5 (half), 0.5>0.3
    assert metrics.auroc_per_au(column(1, 1, 0, 0), column(0.8, 0.5, 0.5, 0.3)) == pytest.approx([3.5 / 4])


def test_auroc_of_a_constant_is_one_half():
    assert metrics.auroc_per_au(column(1, 0, 0, 0), column(7, 7, 7, 7)) == pytest.approx([0.5])


def test_auprc_by_hand():
    # found at rank 1 (precision 1) and rank 3 (precision 2/3), each half of the recall
    assert metrics.auprc_per_au(column(1, 0, 1, 0), column(0.9, 0.8, 0.7, 0.1)) == pytest.approx(
        [1 / 2 + 1 / 3]
    )


def test_auprc_of_a_constant_is_the_share_present():
    assert metrics.auprc_per_au(column(1, 0, 0, 0), column(0.2, 0.2, 0.2, 0.2)) == pytest.approx([0.25])


def test_ece_by_hand():
    # two bins: 0.2 and 0.4, none present (mean gap 0.3); 0.9 and 0.7, both present (mean gap 0.2)
    labels, probabilities = column(0, 0, 1, 1), column(0.2, 0.4, 0.9, 0.7)
    assert metrics.ece_per_au(labels, probabilities, bins=2) == pytest.approx([(2 * 0.3 + 2 * 0.2) / 4])


def test_ece_bins_are_closed_above():
    # 0.5 belongs to the lower of two bins, where one of two is present at a mean of 0.4
    assert metrics.ece_per_au(column(0, 1), column(0.3, 0.5), bins=2) == pytest.approx([0.1])


def test_ece_of_sure_and_right_is_zero():
    assert metrics.ece_per_au(column(0, 1), column(0.0, 1.0)).tolist() == [0]


def test_ece_of_all_zero_labels_is_the_mean_probability():
    assert metrics.ece_per_au(column(0, 0), column(0.1, 0.9)) == pytest.approx([0.5])


def test_ece_refuses_logits():
    with pytest.raises(DataError, match=r"Found -1 to 2\."):
        metrics.ece_per_au(column(0, 1), column(-1, 2))


@each_metric
def test_unknown_labels_change_nothing(metric):
    labels, scores = column(1, 0, 1, 0), column(0.9, 0.6, 0.4, 0.2)
    more_labels, more_scores = column(1, 0, NAN, 1, 0), column(0.9, 0.6, 0.99, 0.4, 0.2)
    assert metric(more_labels, more_scores) == pytest.approx(metric(labels, scores))


@each_metric
def test_no_known_label_no_figure(metric):
    assert np.isnan(metric(column(NAN, NAN), column(0.1, 0.2))).all()


@pytest.mark.parametrize(
    "metric", [metrics.auroc_per_au, metrics.auprc_per_au, metrics.balanced_accuracy_per_au]
)
@pytest.mark.parametrize("only", [0, 1])
def test_a_missing_class_has_no_figure_and_spoils_no_other(metric, only):
    labels, scores = np.array([[only, 1], [only, 0]]), np.array([[0.2, 0.9], [0.7, 0.1]])
    assert metric(labels, scores) == pytest.approx([NAN, 1], nan_ok=True)


@each_metric
def test_a_labelled_example_without_prediction_is_refused(metric):
    with pytest.raises(DataError, match="1 labels have no prediction"):
        metric(column(1, 0), column(0.9, NAN))


@each_metric
def test_soft_labels_are_refused(metric):
    with pytest.raises(DataError, match=r"Found \[0\.3\]"):
        metric(column(0.3, 0), column(0.9, 0.1))


@each_metric
def test_shapes_must_agree(metric):
    with pytest.raises(DataError, match=r"\(2, 1\) and \(3, 1\)"):
        metric(column(1, 0), column(0.9, 0.1, 0.5))


def test_macro_leaves_out_what_has_no_figure():
    assert metrics.macro([0.5, NAN, 1.0]) == 0.75


def test_macro_of_nothing_is_nan():
    assert np.isnan(metrics.macro([NAN, NAN]))


def test_icc_of_the_published_example():
    assert metrics.icc_2_1(SHROUT_FLEISS) == pytest.approx(0.29, abs=0.005)
    assert metrics.icc_3_1(SHROUT_FLEISS) == pytest.approx(0.71, abs=0.005)


def test_a_constant_offset_spoils_agreement_but_not_consistency():
    ratings = np.array([[0, 2], [1, 3], [2, 4], [3, 5]])
    assert metrics.icc_3_1(ratings) == pytest.approx(1)
    # mean squares: targets 10/3, raters 8, rest 0 -> (10/3) / (10/3 + 2 * 8 / 4)
    assert metrics.icc_2_1(ratings) == pytest.approx(5 / 11)


@pytest.mark.parametrize("icc", [metrics.icc_2_1, metrics.icc_3_1])
def test_icc_of_equal_raters_is_one(icc):
    assert icc([[0, 0], [3, 3], [5, 5]]) == pytest.approx(1)


@pytest.mark.parametrize("icc", [metrics.icc_2_1, metrics.icc_3_1])
@pytest.mark.parametrize("ratings", [[[0, 0], [0, 0]], [[1, 2]], [[1, NAN], [NAN, 2]]])
def test_icc_without_variance_or_targets_has_no_figure(icc, ratings):
    assert np.isnan(icc(ratings))


def test_icc_drops_targets_that_a_rater_left_out():
    assert metrics.icc_3_1([*SHROUT_FLEISS, [1, NAN, 9, 2]]) == metrics.icc_3_1(SHROUT_FLEISS)


def test_icc_needs_two_raters():
    with pytest.raises(DataError, match=r"\(3, 1\)"):
        metrics.icc_3_1([[1], [2], [3]])


def test_icc_per_au_masks_unknown_intensities():
    truth = np.array([[0, 0], [2, NAN], [4, 3], [NAN, 5]])
    predicted = np.array([[1, 0], [3, 5], [5, 3], [0, 5]])
    assert metrics.icc_per_au(truth, predicted) == pytest.approx([1, 1])
    assert metrics.icc_per_au(truth, predicted, metrics.icc_2_1)[0] < 0.95


def test_sentence_agreement_counts_silence_as_wrong_and_leaves_out_the_unknown():
    states = np.array([[1, 1], [0, 0], [1, NAN]])
    read = np.array([[1, NAN], [1, 0], [1, 1]])
    assert metrics.sentence_state_agreement_per_au(read, states) == pytest.approx([2 / 3, 1 / 2])


def test_sentence_agreement_is_not_symmetric_in_what_is_unknown():
    silent, known = column(NAN), column(1)
    assert metrics.sentence_state_agreement_per_au(silent, known).tolist() == [0]
    assert np.isnan(metrics.sentence_state_agreement_per_au(known, silent)).all()


def test_bleu_by_hand():
    # 1- to 4-gram precisions 6/6, 4/5, 2/4, 1/3; the brevity penalty of 6 words against 7 is exp(1 - 7/6)
    sentence, reference = "the mouth corners are drawn back", "the mouth corners are pulled drawn back"
    precisions = np.array([6 / 6, 4 / 5, 2 / 4, 1 / 3])
    expected = np.exp(1 - 7 / 6) * np.exp(np.log(precisions).mean())
    assert metrics.bleu_4([sentence], [[reference]]) == pytest.approx(expected)


def test_rouge_by_hand():
    # longest common subsequence 6 of 6 and of 8 words
    sentence, reference = "the mouth corners are drawn back", "the mouth corners are drawn up and back"
    assert metrics.rouge_l([sentence], [[reference]]) == pytest.approx(2 * 1 * (6 / 8) / (1 + 6 / 8))


@pytest.mark.parametrize("score", [metrics.bleu_4, metrics.rouge_l])
def test_the_best_of_several_wordings_counts(score):
    assert (
        score(
            ["the brows are level and apart"], [["the eyes are open wide", "the brows are level and apart"]]
        )
        == 1
    )


@pytest.mark.parametrize("score", [metrics.bleu_4, metrics.rouge_l])
@pytest.mark.parametrize("references", [[], [["a"], ["b"]]])
def test_sentences_without_their_references_are_refused(score, references):
    with pytest.raises(DataError, match="1 sentences and"):
        score(["a"], references)


def test_bootstrap_draws_persons_and_not_photos():
    # two persons of fifty equal photos each: a draw has a mean of 0, 0.5 or 1 and nothing between
    values, persons = np.repeat([0.0, 1.0], 50), np.repeat(["a", "b"], 50)
    means = []
    interval = metrics.bootstrap_by_person(
        lambda rows: means.append(values[rows].mean()) or means[-1], persons
    )
    assert set(means) == {0, 0.5, 1}
    assert (interval.value, interval.low, interval.high) == (0.5, 0, 1)


def test_bootstrap_of_many_persons_is_near_the_normal_interval():
    values = np.random.default_rng(3).normal(size=400)
    interval = metrics.bootstrap_by_person(lambda rows: values[rows].mean(), np.arange(400))
    half_width = 1.96 * values.std(ddof=1) / 20
    assert [interval.low, interval.high] == pytest.approx(
        [values.mean() - half_width, values.mean() + half_width], abs=0.02
    )


def test_bootstrap_is_the_same_for_the_same_seed():
    values = np.arange(10.0)
    first, again, other = (
        metrics.bootstrap_by_person(lambda rows: values[rows].mean(), np.arange(10), seed=s)
        for s in (1, 1, 2)
    )
    assert first == again != other


def test_bootstrap_without_figures_has_no_bounds():
    interval = metrics.bootstrap_by_person(lambda rows: NAN, [1, 2, 3], repeats=10)
    assert np.isnan([interval.value, interval.low, interval.high]).all()


def test_bootstrap_of_nobody_is_refused():
    with pytest.raises(DataError, match="at least one person"):
        metrics.bootstrap_by_person(lambda rows: 0.0, [])
