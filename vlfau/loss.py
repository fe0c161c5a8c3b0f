"""The joint objective: occurrence, intensity, evidence region and words, with masks for what nobody labelled.

Unknown labels are NaN and count nowhere. Letters: B batch, A action units, N cells, R sentences, L tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vlfau.language import PAD


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` where `mask` is true; 0 when it is nowhere true."""
    mask = mask.to(values.dtype)
    return (values * mask).sum() / mask.sum().clamp_min(1.0)


def unit_weights(rates: Tensor) -> Tensor:
    """(A,) share of active examples -> weights w_i = (1 / r_i) / sum_j (1 / r_j) * A (ME-GraphAU, Luo et al. 2022)."""
    inverse = 1.0 / rates.clamp_min(1e-3)
    return inverse / inverse.sum() * len(rates)


def weighted_asymmetric_loss(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Occurrence loss of ME-GraphAU (Luo et al. 2022): -w [y log p + (1 - y) p log(1 - p)], the factor p not
    propagated.

    logits, target (B, A), target soft in 0-1 or NaN; weights (A,). Mean over known labels.
    """
    known = ~target.isnan()
    y = target.nan_to_num()
    p = torch.sigmoid(logits).detach()
    loss = -(y * F.logsigmoid(logits) + (1 - y) * p * F.logsigmoid(-logits)) * weights
    return masked_mean(loss, known)


def bce_loss(logits: Tensor, target: Tensor, weights: Tensor, smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy with soft, masked labels; `smoothing` s moves targets to s / 2 and 1 - s / 2."""
    known = ~target.isnan()
    y = target.nan_to_num() * (1 - smoothing) + smoothing / 2
    return masked_mean(F.binary_cross_entropy_with_logits(logits, y, reduction="none") * weights, known)


def ordinal_loss(level_logits: Tensor, intensity: Tensor) -> Tensor:
    """Cumulative-logit loss (CORAL, Cao et al. 2020): (B, A, 5) logits of "at least A..E", intensity (B, A) 0-5 or NaN.

    A fractional intensity gives soft targets: 2.5 means B surely and C half.
    """
    known = ~intensity.isnan()
    levels = torch.arange(5, device=intensity.device)
    target = (intensity.nan_to_num()[..., None] - levels).clamp(0, 1)
    loss = F.binary_cross_entropy_with_logits(level_logits, target, reduction="none").mean(dim=-1)
    return masked_mean(loss, known)


def sentence_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """Cross-entropy of the next token: (R, L, vocabulary) logits, (R, L) ids without PAD; mean over sentences."""
    each = F.cross_entropy(logits.transpose(1, 2), ids, reduction="none", ignore_index=PAD)
    lengths = (ids != PAD).sum(dim=1)
    return masked_mean(each.sum(dim=1) / lengths.clamp_min(1), lengths > 0)


def region_loss(map_logits: Tensor, prior: Tensor, target: Tensor) -> Tensor:
    """How far an active unit's evidence is from covering its region: Kullback-Leibler divergence from region to map.

    map_logits (B, A, N), prior (A, N) in 0-1, target (B, A) as in the occurrence loss (NaN and low targets do not
    count). Asking only for mass inside the region lets a map shrink to a spot.
    """
    region = prior / prior.sum(dim=-1, keepdim=True)
    divergence = F.kl_div(map_logits.log_softmax(dim=-1), region.expand_as(map_logits), reduction="none").sum(
        -1
    )
    return masked_mean(divergence, target.nan_to_num() >= 0.5)
