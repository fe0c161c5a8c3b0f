"""Branch shares, calibration and thresholds, fitted on what was said about people who were not trained on.

Platt scaling (Platt 1999) per action unit. Where photos hold enough positives, photos alone decide; elsewhere the
positives come from renders and the negatives from both, weighted to a stated prevalence, because no photo shows
these action units.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from finetune.cross_fit import CrossFit, HeldOut
from vlfau.action_units import AU_NUMBERS
from vlfau.model import VLFAUModel

ENOUGH_POSITIVES = 8
"""Photos with the action unit from which photos alone are used."""

ASSUMED_PREVALENCE = 0.1
"""Share of positives assumed where they come from renders."""

FALSE_POSITIVE_LIMIT = 0.02
"""Largest share of photos coded absent that may be called present where photos show the action unit."""

UNSEEN_FALSE_POSITIVE_LIMIT = 0.003
"""The same where no photo shows it: then a call is more often wrong, and there are many such action units."""

PRESENT_FROM = 2.0
"""Intensity (B) from which a render counts as a positive; below 0.4 it is a negative, between them it is left out."""

IMAGE_SHARE = 0.1
"""Share of the image branch in a fused logit; the folds, trained without it, cannot choose it."""

TEXTURE_SHARES = np.arange(0.1, 0.81, 0.1)
"""Shares of the texture branch that are tried; the geometry branch has the rest beside the image branch."""


class Evidence(NamedTuple):
    """One action unit's examples: labels (n,) bool, features (n, branches), weights (n,), and the absent photos'."""

    labels: NDArray[np.bool_]
    features: NDArray[np.floating]
    weights: NDArray[np.floating]
    absent: NDArray[np.floating]
    on_photos: bool


def platt(logits: NDArray, labels: NDArray, weights: NDArray) -> tuple[float, float]:
    """Scale and bias of sigmoid(scale * logit + bias), weakly pulled towards small scales."""
    fit = LogisticRegression(C=1.0).fit(logits[:, None], labels.astype(int), sample_weight=weights)
    return max(float(fit.coef_[0, 0]), 0.05), float(fit.intercept_[0])


def prevalence_weights(labels: NDArray, prevalence: float) -> NDArray:
    """Weights that give positives a total share of `prevalence`; they sum to the number of examples."""
    positives = max(int(labels.sum()), 1)
    negatives = max(len(labels) - positives, 1)
    return np.where(labels, prevalence * len(labels) / positives, (1 - prevalence) * len(labels) / negatives)


def best_threshold(
    probability: NDArray, labels: NDArray, weights: NDArray, absent: NDArray, limit: float
) -> float:
    """Threshold with the best weighted F1 whose false positive rate on `absent` photos stays within `limit`."""
    floor = float(np.quantile(absent, 1 - limit)) if len(absent) else 0.0
    steps = np.arange(0.05, 0.951, 0.01)
    allowed = steps[steps > floor]
    if not len(allowed):
        return round(float(steps[-1]), 2)
    called = probability >= allowed[:, None]
    true = (called & labels) @ weights
    f1 = 2 * true / np.maximum(called @ weights + weights @ labels, 1e-9)
    return round(float(np.median(allowed[f1 >= f1.max() - 1e-9])), 2)  # the middle of what is equally good


def evidence(unit: int, photos: HeldOut, renders: HeldOut) -> Evidence:
    """What is known of one action unit (an index)."""

    def logits(held: HeldOut, rows: NDArray) -> NDArray:
        return np.stack([held.logits[name][rows, unit] for name in ("geometry", "texture")], axis=1)

    known = ~np.isnan(photos.peak[:, unit])
    labels, features = photos.peak[known, unit] > 0, logits(photos, known)
    absent = features[~labels]
    if labels.sum() >= ENOUGH_POSITIVES:
        return Evidence(labels, features, np.ones(len(labels)), absent, True)
    strong, none = renders.peak[:, unit] >= PRESENT_FROM, renders.peak[:, unit] < 0.4
    labels = np.concatenate([labels, np.ones(strong.sum(), bool), np.zeros(none.sum(), bool)])
    features = np.concatenate([features, logits(renders, strong), logits(renders, none)])
    return Evidence(labels, features, prevalence_weights(labels, ASSUMED_PREVALENCE), absent, False)


def fused(features: NDArray, texture_share: float) -> NDArray:
    """Logits of the fusion without the image branch: (n, 2) geometry and texture -> (n,)."""
    rest = 1 - IMAGE_SHARE
    return features @ np.array([(rest - texture_share) / rest, texture_share / rest])


def texture_share(given: Evidence) -> float:
    """The texture branch's share under which Platt's probabilities fit best (weighted log loss)."""

    def misfit(share: float) -> float:
        logits = fused(given.features, share)
        scale, bias = platt(logits, given.labels, given.weights)
        probability = 1 / (1 + np.exp(-(scale * logits + bias)))
        return float(log_loss(given.labels, probability, sample_weight=given.weights))

    return round(float(min(TEXTURE_SHARES, key=misfit)), 2)


def calibrate(model: VLFAUModel, told: CrossFit) -> None:
    """Set branch shares, calibration and thresholds in the network's config and buffers."""
    shares, scales, biases, thresholds = [], [], [], []
    for unit in range(len(AU_NUMBERS)):
        given = evidence(unit, told.photos, told.renders)
        share = texture_share(given)
        logits = fused(given.features, share)
        scale, bias = platt(logits, given.labels, given.weights)
        probability, p_absent = (
            1 / (1 + np.exp(-(scale * x + bias))) for x in (logits, fused(given.absent, share))
        )
        limit = FALSE_POSITIVE_LIMIT if given.on_photos else UNSEEN_FALSE_POSITIVE_LIMIT
        shares.append(share)
        scales.append(scale)
        biases.append(bias)
        thresholds.append(best_threshold(probability, given.labels, given.weights, p_absent, limit))
    model.set_shares([1 - IMAGE_SHARE - share for share in shares], shares)
    model.set_calibration(scales, biases, thresholds)
