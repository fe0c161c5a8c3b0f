"""Calibration and thresholds of a trained network, fitted on people who were not trained on.

Platt scaling (Platt 1999) per action unit. Where photos hold enough positives, photos alone decide; elsewhere the
positives come from renders and the negatives from both, weighted to a stated prevalence, because no photo shows
these action units.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from finetune.faces import LabelledFaces
from finetune.scores import run_faces
from vlfau.action_units import AU_NUMBERS
from vlfau.model import VLFAUModel

ENOUGH_POSITIVES = 8
"""Photos with the action unit from which photos alone are used."""

ASSUMED_PREVALENCE = 0.1
"""Share of positives assumed where they come from renders."""

FALSE_POSITIVE_LIMIT = 0.01
"""Largest share of photos coded absent that may be called present."""

PRESENT_FROM = 2.0
"""Intensity (B) from which a render counts as a positive; below 0.4 it is a negative, between them it is left out."""


def platt(logits: NDArray, labels: NDArray, weights: NDArray) -> tuple[float, float]:
    """Scale and bias of sigmoid(scale * logit + bias), weakly pulled towards small scales."""
    fit = LogisticRegression(C=1.0).fit(logits[:, None], labels.astype(int), sample_weight=weights)
    return max(float(fit.coef_[0, 0]), 0.05), float(fit.intercept_[0])


def prevalence_weights(labels: NDArray, prevalence: float) -> NDArray:
    """Weights that give positives a total share of `prevalence`; they sum to the number of examples."""
    positives = max(int(labels.sum()), 1)
    negatives = max(len(labels) - positives, 1)
    return np.where(labels, prevalence * len(labels) / positives, (1 - prevalence) * len(labels) / negatives)


def best_threshold(probability: NDArray, labels: NDArray, weights: NDArray, absent: NDArray) -> float:
    """Threshold with the best weighted F1 whose false positive rate on `absent` photos stays within the limit."""
    floor = float(np.quantile(absent, 1 - FALSE_POSITIVE_LIMIT)) if len(absent) else 0.0
    steps = np.arange(0.05, 0.951, 0.01)
    allowed = steps[steps > floor]
    if not len(allowed):
        return round(float(steps[-1]), 2)
    called = probability >= allowed[:, None]
    true = (called & labels) @ weights
    f1 = 2 * true / np.maximum(called @ weights + weights @ labels, 1e-9)
    return round(float(np.median(allowed[f1 >= f1.max() - 1e-9])), 2)  # the middle of what is equally good


def calibrate(model: VLFAUModel, photos: LabelledFaces, renders: LabelledFaces) -> None:
    """Set `calibration_scale`, `calibration_bias` and `thresholds` in the network's config and buffers."""
    on_photos, on_renders = run_faces(model, photos)["fused"], run_faces(model, renders)["fused"]
    scales, biases, thresholds = [], [], []
    for i in range(len(AU_NUMBERS)):
        labels, logits, weights, absent = _evidence(i, photos.peak, on_photos, renders.peak, on_renders)
        scale, bias = platt(logits, labels, weights)
        probability, p_absent = (1 / (1 + np.exp(-(scale * x + bias))) for x in (logits, absent))
        scales.append(scale)
        biases.append(bias)
        thresholds.append(best_threshold(probability, labels, weights, p_absent))
    model.set_calibration(scales, biases, thresholds)


def _evidence(
    unit: int, photo_peak: NDArray, photo_logits: NDArray, render_peak: NDArray, render_logits: NDArray
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Labels, logits and weights for one action unit, and the logits of photos coded absent."""
    known = ~np.isnan(photo_peak[:, unit])
    labels, logits = photo_peak[known, unit] > 0, photo_logits[known, unit]
    absent = logits[~labels]
    if labels.sum() >= ENOUGH_POSITIVES:
        return labels, logits, np.ones(len(labels)), absent
    strong, none = render_peak[:, unit] >= PRESENT_FROM, render_peak[:, unit] < 0.4
    labels = np.concatenate([labels, np.ones(strong.sum(), bool), np.zeros(none.sum(), bool)])
    logits = np.concatenate([logits, render_logits[strong, unit], render_logits[none, unit]])
    return labels, logits, prevalence_weights(labels, ASSUMED_PREVALENCE), absent
