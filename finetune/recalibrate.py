"""Calibration and thresholds after fine-tuning, from people who were not trained on, leaning on what the base had.

A few dozen faces cannot calibrate 22 action units from nothing. So Platt's scale and bias (Platt 1999) have a prior
around the base's, and a threshold moves only as far as there are examples. Letters: n faces, A action units.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from finetune.people import fold_of
from vlfau.config import VLFAUConfig

Floats = NDArray[np.floating]

SCALE_SD = 0.25
"""Prior standard deviation of the logarithm of the scale around the base's."""
BIAS_SD = 1.0
"""Prior standard deviation of the bias around the base's, in logits."""
BOUNDARY_EXAMPLES = 10.0
"""Examples of the rarer class at which a decision boundary goes half the way from the base's to the best."""
LOWEST, HIGHEST = 0.01, 0.99
"""Bounds of a threshold."""
FOLDS = 5


@dataclass(frozen=True)
class Calibration:
    """What `VLFAUModel.set_calibration` takes; (A,) each."""

    scale: Floats
    bias: Floats
    thresholds: Floats

    @classmethod
    def of(cls, config: VLFAUConfig) -> "Calibration":
        """What a checkpoint has."""
        columns = (config.calibration_scale, config.calibration_bias, config.thresholds)
        return cls(*(np.array(column, np.float64) for column in columns))

    def probabilities(self, logits: Floats) -> Floats:
        """(n, A) -> (n, A) calibrated, 0-1."""
        return sigmoid(logits * self.scale + self.bias)


def sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def misfit(logits: Floats, labels: Floats) -> Floats:
    """Cross-entropy of soft labels 0-1 with calibrated logits, one by one."""
    return np.asarray(np.logaddexp(0, logits) - labels * logits)


@dataclass(frozen=True)
class Said:
    """What a network says of people it was not trained on."""

    logits: Floats
    """(n, A)"""
    labels: Floats
    """(n, A) soft, 0-1; NaN unknown."""
    group: NDArray[np.str_]
    """(n,) whose face it is."""

    def unit(self, number: int) -> "Known":
        """What is known of one action unit, by its index."""
        known = ~np.isnan(self.labels[:, number])
        return Known(self.logits[known, number], self.labels[known, number], self.group[known])


@dataclass(frozen=True)
class Known:
    """The same of one action unit: (n,) each."""

    logits: Floats
    labels: Floats
    group: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, rows: NDArray[np.bool_]) -> "Known":
        return Known(self.logits[rows], self.labels[rows], self.group[rows])


def recalibrated(base: Calibration, corrected: Said, kept: Said, kept_share: float) -> Calibration:
    """The calibration for corrected faces of validation people that does not spoil what the base knew.

    `kept` are faces of the replay; together they count `kept_share` (0-1) of all. An action unit keeps the base's scale
    and bias unless the new ones also fit better across folds of corrected people. Threshold and calibration move
    together, so that a probability can be put right without another decision: decisions need examples of both classes.
    """
    scale, bias, thresholds = base.scale.copy(), base.bias.copy(), base.thresholds.copy()
    for unit in range(len(scale)):
        new, old = corrected.unit(unit), kept.unit(unit)
        before = float(base.scale[unit]), float(base.bias[unit])
        if not len(new):
            continue
        after = before
        if (
            across_folds(new, old, before, kept_share)
            < misfit(before[0] * new.logits + before[1], new.labels).mean()
        ):
            after = platt_around(new, old, before, kept_share)
        boundary = (logit(float(base.thresholds[unit])) - before[1]) / before[0]
        boundary = moved_boundary(new, old, boundary, kept_share)
        scale[unit], bias[unit] = after
        thresholds[unit] = np.clip(sigmoid(np.array(after[0] * boundary + after[1])), LOWEST, HIGHEST)
    return Calibration(scale, bias, thresholds)


def platt_around(
    new: Known, old: Known, before: tuple[float, float], old_share: float
) -> tuple[float, float]:
    """Most probable scale and bias, given logits and soft labels and the prior around `before`.

    Each of `new` counts once; those of `old` share out what makes them `old_share` of all.
    """
    weight = old_share / (1 - old_share) * len(new) / max(1, len(old))

    def unlikely(moved: Floats) -> float:
        scale, bias = before[0] * np.exp(moved[0]), before[1] + moved[1]
        fit = misfit(scale * new.logits + bias, new.labels).sum()
        fit += weight * misfit(scale * old.logits + bias, old.labels).sum()
        return float(fit + 0.5 * ((moved[0] / SCALE_SD) ** 2 + (moved[1] / BIAS_SD) ** 2))

    moved = minimize(unlikely, np.zeros(2), method="L-BFGS-B", bounds=[(-1.5, 1.5), (-6, 6)]).x
    return float(before[0] * np.exp(moved[0])), float(before[1] + moved[1])


def across_folds(new: Known, old: Known, before: tuple[float, float], old_share: float) -> float:
    """Mean misfit on `new` when each fold of its people is calibrated by the others; the base's with one fold only."""
    fold = np.array([fold_of(str(person), FOLDS) for person in new.group])
    total = 0.0
    for number in np.unique(fold):
        mine = fold == number
        rest = new.subset(~mine)
        scale, bias = platt_around(rest, old, before, old_share) if len(rest) else before
        total += float(misfit(scale * new.logits[mine] + bias, new.labels[mine]).sum())
    return total / len(new)


def moved_boundary(new: Known, old: Known, before: float, old_share: float) -> float:
    """The logit from which an action unit counts as present, moved towards the best expected F1.

    The further, the more examples of the rarer class there are among `new`; the F1 of `old` counts `old_share`.
    """
    rarer = min(float(new.labels.sum()), float((1 - new.labels).sum()))
    weight = rarer / (rarer + BOUNDARY_EXAMPLES)
    places = np.unique(np.concatenate([new.logits, old.logits]))
    steps = np.append((places[1:] + places[:-1]) / 2, before)
    f1 = (1 - old_share) * expected_f1(new, steps) + (
        old_share * expected_f1(old, steps) if len(old) else 0.0
    )
    best = steps[f1 >= f1.max() - 1e-9]
    wanted = float(best[np.abs(best - before).argmin()])  # of equally good ones, the nearest
    return before + weight * (wanted - before)


def expected_f1(said: Known, boundaries: Floats) -> Floats:
    """F1 of soft labels at each of (k,) logits; 0 where nothing is present."""
    called = said.logits >= boundaries[:, None]
    return np.asarray(2 * (called @ said.labels) / np.maximum(called.sum(axis=1) + said.labels.sum(), 1e-9))
