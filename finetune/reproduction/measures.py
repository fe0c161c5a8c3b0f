"""What is measured on the test faces of one training, against what needs no picture at all.

Letters: n faces, A action units of the division. Shares and F1 are 0-1; a figure without evidence is NaN.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlfau.metrics import auprc_per_au, f1_per_au, macro

Array = NDArray[np.float64]

THRESHOLD = 0.5
"""Of the field: an action unit is called active from this probability."""


@dataclass(frozen=True)
class Verdicts:
    """What a network said about test faces."""

    labels: NDArray[np.float32]
    """(n, A) 1, 0 or NaN"""
    probabilities: NDArray[np.float32]
    """(n, A) 0-1"""
    subject: NDArray[np.str_]
    """(n,)"""

    @property
    def decisions(self) -> NDArray[np.bool_]:
        """(n, A)"""
        return np.asarray(self.probabilities >= THRESHOLD)


def unit_measures(tested: Verdicts, train_rates: Array) -> dict[str, Array]:
    """Each measure per action unit (A,): F1, accuracy, AUPRC, and the same of the trivial answers.

    `train_rates` (A,) decide the majority answer, which may not look at the test faces.
    """
    labels = tested.labels.astype(np.float64)
    majority = np.broadcast_to(train_rates >= 0.5, labels.shape)
    return {
        "f1": f1_per_au(labels, tested.probabilities, THRESHOLD),
        "accuracy": accuracy_per_au(labels, tested.decisions),
        "auprc": auprc_per_au(labels, tested.probabilities),
        "always_active_f1": f1_per_au(labels, np.ones_like(labels), THRESHOLD),
        "majority_f1": f1_per_au(labels, majority.astype(np.float64), THRESHOLD),
        "majority_accuracy": accuracy_per_au(labels, majority),
        "share_active": np.array([_mean(column) for column in labels.T]),
    }


def accuracy_per_au(labels: Array, decisions: NDArray[np.bool_]) -> Array:
    """Share of known labels that the decision meets, (A,)."""
    known = ~np.isnan(labels)
    met = [(labels[k, a] == decisions[k, a]).astype(np.float64) for a, k in enumerate(known.T)]
    return np.array([_mean(column) for column in met])


def average_f1(tested: Verdicts) -> float:
    """The figure by which epochs are compared; lower than any other when no action unit has one."""
    value = macro(f1_per_au(tested.labels, tested.probabilities, THRESHOLD))
    return -1.0 if np.isnan(value) else value


def counts_by_subject(tested: Verdicts) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Names (P,) and counts (P, A, 3) of true positives, false positives and false negatives of each subject."""
    names = np.unique(tested.subject)
    present, absent = tested.labels == 1, tested.labels == 0
    kinds = np.stack(
        [present & tested.decisions, absent & tested.decisions, present & ~tested.decisions], axis=-1
    )
    counts = np.stack([kinds[tested.subject == name].sum(axis=0) for name in names])
    return names, counts.astype(np.int64)


def f1_of_counts(counts: NDArray[np.int64] | Array) -> Array:
    """(..., 3) true positives, false positives, false negatives -> F1 (...), NaN where there is nothing to find."""
    true, over, under = (counts[..., k].astype(np.float64) for k in range(3))
    total = 2 * true + over + under
    return np.divide(2 * true, total, out=np.full(total.shape, np.nan), where=total > 0)


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
