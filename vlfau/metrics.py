"""Measures of how well action units, intensities and sentences are told, as pure functions on arrays.

Legend: N examples (faces), A action units in the order of the table, k raters.

Labels are (N, A): 1 present, 0 absent, NaN unknown; unknown labels are left out, action unit by action unit.
Functions that end in `_per_au` return (A,), with NaN where the figure is not defined for want of examples or of a
class, never 0 or 1 as a stand-in; `macro` averages the figures that there are. All lie in 0-1 unless stated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, roc_auc_score

from vlfau.errors import DataError

Array = NDArray[np.float64]

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Interval:
    """A figure and where it lies with the stated confidence."""

    value: float
    low: float
    high: float


def macro(values: ArrayLike) -> float:
    """Mean over the action units that have a figure; NaN when none has."""
    known = [value for value in np.ravel(values) if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def f1_per_au(labels: ArrayLike, probabilities: ArrayLike, thresholds: ArrayLike = 0.5) -> Array:
    """F1 of "present", 2 TP / (2 TP + FP + FN), deciding `probability >= threshold`.

    `thresholds` is one number or one per action unit. NaN where nothing is present and nothing was called present.
    """
    labels, probabilities = _labels_and_scores(labels, probabilities)
    return _per_au(partial(f1_score, zero_division=np.nan), labels, _decide(probabilities, thresholds))


def balanced_accuracy_per_au(
    labels: ArrayLike, probabilities: ArrayLike, thresholds: ArrayLike = 0.5
) -> Array:
    """Mean of the hit rates of the two classes (Brodersen et al. 2010), deciding `probability >= threshold`."""
    labels, probabilities = _labels_and_scores(labels, probabilities)
    return _per_au(_with_both_classes(balanced_accuracy_score), labels, _decide(probabilities, thresholds))


def auroc_per_au(labels: ArrayLike, scores: ArrayLike) -> Array:
    """Area under the ROC curve: chance that a present example scores above an absent one, ties counting half.

    Hanley & McNeil 1982. Any monotone score serves, calibrated or not.
    """
    return _per_au(_with_both_classes(roc_auc_score), *_labels_and_scores(labels, scores))


def auprc_per_au(labels: ArrayLike, scores: ArrayLike) -> Array:
    """Average precision: precision summed over the steps of recall, without interpolation (Davis & Goadrich 2006).

    A constant score gets the share of present examples, so read it against that share.
    """
    return _per_au(_with_both_classes(average_precision_score), *_labels_and_scores(labels, scores))


def ece_per_au(labels: ArrayLike, probabilities: ArrayLike, bins: int = CALIBRATION_BINS) -> Array:
    """Expected calibration error of the probability of "present", in `bins` bins of equal width.

    The mean over examples of |share present - mean probability| of their bin (Naeini et al. 2015; Guo et al. 2017
    use the confidence of the predicted class instead). Bins are closed above, the first one also below.
    """
    labels, probabilities = _labels_and_scores(labels, probabilities)
    if np.any((probabilities < 0) | (probabilities > 1)):
        found = f"{np.nanmin(probabilities):g} to {np.nanmax(probabilities):g}"
        raise DataError(
            f"Calibration needs probabilities of 0-1. Found {found}. Pass them through a sigmoid first."
        )

    def ece(present: Array, probability: Array) -> float:
        bin_of = np.clip(np.ceil(probability * bins).astype(int) - 1, 0, bins - 1)
        gaps = np.bincount(bin_of, present - probability, minlength=bins)  # per bin: its size times its gap
        return float(np.abs(gaps).sum() / len(present))

    return _per_au(ece, labels, probabilities)


def icc_2_1(ratings: ArrayLike) -> float:
    """Absolute agreement of k raters, ICC(2,1) of Shrout & Fleiss 1979: two-way random effects, single rater.

    `ratings` is (N, k); targets that a rater left out (NaN) are dropped. A rater who is always two points too high
    lowers it. At most 1; below 0 when raters differ more on a target than targets do; NaN without any variance.
    """
    targets, raters, between_targets, between_raters, residual = _mean_squares(ratings)
    rater_effect = raters * (between_raters - residual) / targets
    return _ratio(between_targets - residual, between_targets + (raters - 1) * residual + rater_effect)


def icc_3_1(ratings: ArrayLike) -> float:
    """Consistency of k raters, ICC(3,1) of Shrout & Fleiss 1979: two-way mixed effects, single rater.

    As `icc_2_1`, but blind to a constant offset between raters: one who is always two points too high still gets 1.
    """
    _, raters, between_targets, _, residual = _mean_squares(ratings)
    return _ratio(between_targets - residual, between_targets + (raters - 1) * residual)


def icc_per_au(truth: ArrayLike, predicted: ArrayLike, icc: Callable[[ArrayLike], float] = icc_3_1) -> Array:
    """Agreement of predicted with true intensities, both (N, A) on the 0-5 scale; NaN in `truth` = unknown."""
    truth, predicted = _same_shape(truth, predicted)
    return _per_au(lambda a, b: icc(np.stack([a, b], axis=1)), truth, predicted)


def sentence_state_agreement_per_au(read_states: ArrayLike, states: ArrayLike) -> Array:
    """Share of sentences that state what `states` says: the network's own decision, or the truth.

    Both are (N, A) of 1 present and 0 absent. NaN in `states` leaves the example out; NaN in `read_states` means
    that no state could be read from the sentence and counts as disagreement, so that silence is not rewarded.
    """
    read_states, states = _same_shape(read_states, states)
    silent_as_wrong = np.where(np.isnan(read_states), -1, read_states)
    return _per_au(lambda state, read: float(np.mean(state == read)), _binary(states), silent_as_wrong)


def bleu_4(sentences: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Corpus BLEU, n-grams up to 4, sacreBLEU's 13a tokens (Papineni et al. 2002, Post 2018), no smoothing.

    `references` gives for each sentence one or more wordings, the same number for all.
    """
    from torchmetrics.functional.text import sacre_bleu_score  # slow to load and needed by few

    _refuse_unequal(sentences, references)
    return float(sacre_bleu_score(sentences, references))


def rouge_l(sentences: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Mean ROUGE-L F-measure over sentences (Lin 2004); of several wordings the best counts. No stemming."""
    from torchmetrics.functional.text.rouge import rouge_score  # slow to load and needed by few

    _refuse_unequal(sentences, references)
    scores = rouge_score(sentences, references, accumulate="best", rouge_keys="rougeL")
    return float(scores["rougeL_fmeasure"])


def bootstrap_by_person(
    statistic: Callable[[NDArray[np.int64]], float],
    persons: ArrayLike,
    repeats: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic when persons, with all their photos, are drawn anew.

    `statistic` gets row numbers, some more than once, and returns one figure; `persons` (N,) names each row's
    person. Photos of one person resemble each other: drawing single photos would give too narrow an interval
    (Efron & Tibshirani 1993, ch. 13; Field & Welsh 2007). Draws without a figure (NaN) are left out; if they are
    more than half, so are the bounds.
    """
    _, person_of_row = np.unique(np.asarray(persons), return_inverse=True)
    if not person_of_row.size:
        raise DataError(
            "A bootstrap needs at least one person. Found no rows. Check the filter that selected them."
        )
    rows = np.split(np.argsort(person_of_row, kind="stable"), np.cumsum(np.bincount(person_of_row))[:-1])
    rng = np.random.default_rng(seed)
    draws = (rng.integers(len(rows), size=len(rows)) for _ in range(repeats))
    figures = np.array([statistic(np.concatenate([rows[person] for person in draw])) for draw in draws])
    low = high = float("nan")
    if 2 * np.isnan(figures).sum() <= repeats:
        low, high = np.nanquantile(figures, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    return Interval(float(statistic(np.arange(person_of_row.size))), low, high)


def _per_au(measure: Callable[[Array, Array], float], labels: Array, scores: Array) -> Array:
    """Apply a measure to the known examples of each action unit."""
    known = ~np.isnan(labels)
    if np.isnan(scores[known]).any():
        found = np.isnan(scores[known]).sum()
        raise DataError(
            f"{found} labels have no prediction (NaN). Predict these examples or mask the labels."
        )
    columns = zip(labels.T, scores.T, known.T, strict=True)
    return np.array([measure(y[rows], x[rows]) if rows.any() else np.nan for y, x, rows in columns])


def _with_both_classes(measure: Callable[[Array, Array], float]) -> Callable[[Array, Array], float]:
    """NaN instead of the library's stand-in when only one class is there."""
    return lambda labels, scores: measure(labels, scores) if np.ptp(labels) else float("nan")


def _decide(probabilities: Array, thresholds: ArrayLike) -> Array:
    return np.where(np.isnan(probabilities), np.nan, probabilities >= np.asarray(thresholds, np.float64))


def _mean_squares(ratings: ArrayLike) -> tuple[int, int, float, float, float]:
    """N, k and the mean squares between targets, between raters and residual of a two-way ANOVA."""
    x = np.asarray(ratings, np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise DataError(
            f"An ICC compares at least two raters. Found shape {x.shape}. Give (N, k), a column per rater."
        )
    x = x[~np.isnan(x).any(axis=1)]
    n, k = x.shape
    if n < 2:
        return 1, k, float("nan"), float("nan"), float("nan")
    targets, raters = x.mean(axis=1, keepdims=True) - x.mean(), x.mean(axis=0) - x.mean()
    rest = x - x.mean() - targets - raters
    between_targets, between_raters = k * (targets**2).sum() / (n - 1), n * (raters**2).sum() / (k - 1)
    return n, k, float(between_targets), float(between_raters), float((rest**2).sum() / ((n - 1) * (k - 1)))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if abs(denominator) > 1e-12 else float("nan")


def _labels_and_scores(labels: ArrayLike, scores: ArrayLike) -> tuple[Array, Array]:
    labels, scores = _same_shape(labels, scores)
    return _binary(labels), scores


def _same_shape(first: ArrayLike, second: ArrayLike) -> tuple[Array, Array]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.ndim != 2 or a.shape != b.shape:
        raise DataError(
            f"Arrays (N, A) are compared. Found {a.shape} and {b.shape}. Give both the same rows."
        )
    return a, b


def _binary(labels: Array) -> Array:
    strange = np.unique(labels[~np.isin(labels, (0, 1)) & ~np.isnan(labels)])
    if strange.size:
        raise DataError(f"Labels are 0, 1 or NaN. Found {strange[:5].tolist()}. Decide on soft labels first.")
    return labels


def _refuse_unequal(sentences: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if len(sentences) != len(references) or not len(sentences):
        found = f"{len(sentences)} sentences and {len(references)} lists of references"
        raise DataError(
            f"Each sentence needs its references. Found {found}. Give one list of wordings per sentence."
        )
