"""How branches are fused, calibration and thresholds after fine-tuning, leaning on what the base had.

A few dozen faces cannot settle 22 action units from nothing. So the weight of each branch and the bias have a prior
around the base's (Platt 1999 with one scale per branch), and a threshold moves by expected F1, in which labels count a
quarter and what the calibrated network expects the rest. Letters: n faces, A action units, K branches.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from finetune.people import fold_of
from vlfau.config import VLFAUConfig
from vlfau.model import VLFAUModel

Floats = NDArray[np.floating]

WEIGHT_SD = 0.4
"""Prior standard deviation of the logarithm of a branch's weight around the base's."""
BIAS_SD = 0.6
"""Prior standard deviation of the bias around the base's, in logits."""
BOUNDARY_EXAMPLES = 0.5
"""Examples of the rarer class at which a decision boundary goes half the way from the base's to the best."""
LABELS_COUNT = 0.25
"""Share of the labels in expected F1; the rest is what the calibrated network expects, which varies far less."""
SURE_AS_BEFORE = 0.8
"""What faces of the replay count where probabilities are settled and no decision changes."""
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


@dataclass(frozen=True)
class Fusion:
    """How what the branches say becomes a decision: calibrated logit = sum of weight * branch logit + bias."""

    branches: tuple[str, ...]
    """(K) names, as `VLFAUOutput.branches` has them."""
    weights: Floats
    """(A, K), 0 or more: calibration scale times share."""
    bias: Floats
    """(A,)"""
    thresholds: Floats
    """(A,) on the probability."""

    @classmethod
    def of(cls, config: VLFAUConfig) -> "Fusion":
        """What a checkpoint has."""
        branches = branches_of(config)
        geometry, texture = (np.array(config.shares(name)) for name in ("geometry", "texture"))
        shares = {"image": 1 - geometry - texture, "geometry": geometry, "texture": texture}
        chosen = np.stack([shares[name] for name in branches], axis=1) + 1e-9
        calibration = Calibration.of(config)
        weights = chosen / chosen.sum(axis=1, keepdims=True) * calibration.scale[:, None]
        return cls(branches, weights, calibration.bias, calibration.thresholds)

    def logits(self, said: Floats) -> Floats:
        """(n, A, K) of the branches -> (n, A) calibrated."""
        return np.asarray((said * self.weights).sum(axis=2) + self.bias)

    def probabilities(self, said: Floats) -> Floats:
        """(n, A, K) -> (n, A) calibrated, 0-1."""
        return sigmoid(self.logits(said))

    def install(self, model: VLFAUModel) -> None:
        """Make a network decide like this."""
        scale = self.weights.sum(axis=1)
        if len(self.branches) > 1:
            share = dict(zip(self.branches, (self.weights / scale[:, None]).T.clip(0, 1), strict=True))
            none = np.zeros(len(scale))
            geometry, texture = share.get("geometry", none), share.get("texture", none)
            texture = np.minimum(texture, 1 - geometry)  # the last bit of a sum
            model.set_shares(geometry.tolist(), texture.tolist())
        model.set_calibration(scale.tolist(), self.bias.tolist(), self.thresholds.tolist())


def branches_of(config: VLFAUConfig) -> tuple[str, ...]:
    """The branches that speak when a network of this configuration is shown a face with landmarks, in its order."""
    has = {"image": True, "geometry": config.geometry_tokens > 0, "texture": config.texture_tokens > 0}
    return tuple(name for name, there in has.items() if there)


def sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def misfit(logits: Floats, labels: Floats) -> Floats:
    """Cross-entropy of soft labels 0-1 with calibrated logits, one by one."""
    return np.asarray(np.logaddexp(0, logits) - labels * logits)


@dataclass(frozen=True)
class Said:
    """What a network says of people who may settle its calibration."""

    logits: Floats
    """(n, A, K) of each branch."""
    labels: Floats
    """(n, A) soft, 0-1; NaN unknown."""
    group: NDArray[np.str_]
    """(n,) whose face it is."""

    def joined(self, other: "Said") -> "Said":
        """Both, one after the other."""
        columns = ("logits", "labels", "group")
        return Said(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in columns))

    def unit(self, number: int) -> "Known":
        """What is known of one action unit, by its index."""
        known = ~np.isnan(self.labels[:, number])
        return Known(self.logits[known, number], self.labels[known, number], self.group[known])


@dataclass(frozen=True)
class Known:
    """The same of one action unit: logits (n, K), labels and group (n,)."""

    logits: Floats
    labels: Floats
    group: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, rows: NDArray[np.bool_]) -> "Known":
        return Known(self.logits[rows], self.labels[rows], self.group[rows])


@dataclass(frozen=True)
class Unit:
    """How one action unit is decided: weights (K,) and bias."""

    weights: Floats
    bias: float

    def logits(self, said: Known) -> Floats:
        """(n,) calibrated."""
        return np.asarray(said.logits @ self.weights + self.bias)


def recalibrated(base: Fusion, corrected: Said, kept: Said, kept_share: float) -> Fusion:
    """The fusion for corrected faces that does not spoil what the base knew.

    `kept` are faces of the replay; together they count `kept_share` (0-1) of all. An action unit keeps the base's
    weights and bias unless the new ones also fit better across folds of corrected people. The threshold moves along, so
    that a probability can be put right without another decision: decisions need examples of both classes.
    """
    weights, bias, thresholds = base.weights.copy(), base.bias.copy(), base.thresholds.copy()
    for number in range(len(bias)):
        new, old = corrected.unit(number), kept.unit(number)
        before = Unit(base.weights[number], float(base.bias[number]))
        if not len(new):
            continue
        after = before
        if across_folds(new, old, before, kept_share) < misfit(before.logits(new), new.labels).mean():
            after = most_probable(new, old, before, kept_share)
        start = same_decision(logit(float(base.thresholds[number])), before, after, old if len(old) else new)
        place = moved_boundary(Scored.by(after, new), Scored.by(after, old), start, kept_share)
        if len(old):
            after, place = as_sure_as_before(after, place, new, old)
        weights[number], bias[number] = after.weights, after.bias
        thresholds[number] = np.clip(sigmoid(np.array(place)), LOWEST, HIGHEST)
    return Fusion(base.branches, weights, bias, thresholds)


def most_probable(new: Known, old: Known, before: Unit, old_share: float) -> Unit:
    """Most probable weights and bias, given logits and soft labels and the prior around `before`.

    Each of `new` counts once; those of `old` share out what makes them `old_share` of all.
    """
    weight = old_share / (1 - old_share) * len(new) / max(1, len(old))
    spread = np.append(np.full(len(before.weights), WEIGHT_SD), BIAS_SD)

    def unlikely(moved: Floats) -> tuple[float, Floats]:
        unit = Unit(before.weights * np.exp(moved[:-1]), before.bias + moved[-1])
        total, slope = 0.5 * float(((moved / spread) ** 2).sum()), moved / spread**2
        for some, counts in ((new, 1.0), (old, weight)):
            logits = unit.logits(some)
            error = counts * (sigmoid(logits) - some.labels)
            total += counts * float(misfit(logits, some.labels).sum())
            slope = slope + np.append((error @ some.logits) * unit.weights, error.sum())
        return total, slope

    bounds = [(-2, 2)] * len(before.weights) + [(-6, 6)]
    moved = minimize(unlikely, np.zeros(len(spread)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Unit(before.weights * np.exp(moved[:-1]), float(before.bias + moved[-1]))


def as_sure_as_before(unit: Unit, boundary: float, new: Known, old: Known) -> tuple[Unit, float]:
    """The same decisions by probabilities that mean what they say mostly on `old`; unit and boundary.

    In a new domain more may be present, or look like it, than probabilities for both can say. Where an action unit
    begins to count is free to follow; what the base's users read as a chance is less so.
    """
    here, there = (Known(unit.logits(some)[:, None], some.labels, some.group) for some in (new, old))
    moved = most_probable(here, there, Unit(np.ones(1), 0.0), SURE_AS_BEFORE)
    scale = float(moved.weights[0])
    return Unit(scale * unit.weights, scale * unit.bias + moved.bias), scale * boundary + moved.bias


def across_folds(new: Known, old: Known, before: Unit, old_share: float) -> float:
    """Mean misfit on `new` when each fold of its people is calibrated by the others; the base's with one fold only."""
    fold = np.array([fold_of(str(person), FOLDS) for person in new.group])
    total = 0.0
    for number in np.unique(fold):
        mine, rest = new.subset(fold == number), new.subset(fold != number)
        unit = most_probable(rest, old, before, old_share) if len(rest) else before
        total += float(misfit(unit.logits(mine), mine.labels).sum())
    return total / len(new)


def same_decision(boundary: float, before: Unit, after: Unit, faces: Known) -> float:
    """Where a boundary lies in new calibrated logits; exact with one branch, for the mean face with several."""
    scale = float(after.weights.sum() / before.weights.sum())
    return scale * boundary + float((after.logits(faces) - scale * before.logits(faces)).mean())


@dataclass(frozen=True)
class Scored:
    """Calibrated logits (n,) of one action unit, with its soft labels (n,)."""

    logits: Floats
    labels: Floats

    @classmethod
    def by(cls, unit: Unit, said: Known) -> "Scored":
        return cls(unit.logits(said), said.labels)

    def expected(self) -> "Scored":
        """With labels that are partly what the network expects."""
        return Scored(self.logits, LABELS_COUNT * self.labels + (1 - LABELS_COUNT) * sigmoid(self.logits))


def moved_boundary(new: Scored, old: Scored, before: float, old_share: float) -> float:
    """The logit from which an action unit counts as present, moved towards the best expected F1.

    The further, the more examples of the rarer class there are among `new`; the F1 of `old` counts `old_share`.
    """
    rarer = min(float(new.labels.sum()), float((1 - new.labels).sum()))
    weight = rarer / (rarer + BOUNDARY_EXAMPLES)
    places = np.unique(np.concatenate([new.logits, old.logits]))
    steps = np.append((places[1:] + places[:-1]) / 2, before)
    share = old_share if len(old.labels) else 0.0
    f1 = (1 - share) * expected_f1(new.expected(), steps)
    if share:
        f1 = f1 + share * expected_f1(old.expected(), steps)
    best = steps[f1 >= f1.max() - 1e-9]
    wanted = float(best[np.abs(best - before).argmin()])  # of equally good ones, the nearest
    return before + weight * (wanted - before)


def expected_f1(said: Scored, boundaries: Floats) -> Floats:
    """F1 of soft labels at each of (k,) logits; 0 where nothing is present."""
    called = said.logits >= boundaries[:, None]
    return np.asarray(2 * (called @ said.labels) / np.maximum(called.sum(axis=1) + said.labels.sum(), 1e-9))
