"""Augmentation of a batch of chips and landmarks: the light, lenses and files that strangers' photos come with.

All in batched torch, on any device. Letters: B batch, S stored side, s network side.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def generator_for(*numbers: int) -> torch.Generator:
    """A random stream of its own for a seed, an epoch, a step: a resumed run draws what a straight run draws."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number + 1) % (2**31)
    return torch.Generator().manual_seed(mixed)


def uniform(generator: torch.Generator, size: tuple[int, ...], low: float, high: float) -> Tensor:
    return torch.rand(size, generator=generator) * (high - low) + low


def chance(generator: torch.Generator, count: int, share: float) -> Tensor:
    """(count,) bool, each true with probability `share`."""
    return torch.rand(count, generator=generator) < share


def mirror(
    chips: Tensor, landmarks: Tensor, intensity: Tensor, flip: Tensor, mirror_index: Tensor
) -> tuple[Tensor, ...]:
    """Exchange left and right where `flip` (B,) is true.

    chips (B, 3, S, S), landmarks (B, 478, 3) in chip units, intensity (B, 2, A).
    """
    mirrored = landmarks[:, mirror_index].clone()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    pick = flip[:, None, None]
    return (
        torch.where(pick[..., None], chips.flip(-1), chips),
        torch.where(pick, mirrored, landmarks),
        torch.where(pick, intensity.flip(1), intensity),
    )


def place(
    chips: Tensor, landmarks: Tensor, side: int, generator: torch.Generator, jitter: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Turn (sd 1.5 deg), zoom (sd 2 %) and shift (sd 0.75 %) at random; `jitter` scales them.

    (B, 3, S, S) -> (B, 3, side, side), and landmarks (B, N, >= 2) in chip units move along.
    """
    count = len(chips)
    turn = torch.randn(count, generator=generator) * math.radians(1.5) * jitter
    zoom = torch.exp(torch.randn(count, generator=generator) * 0.02 * jitter)
    shift = torch.randn(count, 2, generator=generator) * 0.015 * jitter  # grid_sample spans -1..1
    cos, sin = torch.cos(turn) * zoom, torch.sin(turn) * zoom
    theta = torch.stack(
        [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1
    )
    theta = theta.to(chips.device)
    grid = F.affine_grid(theta, [count, 3, side, side], align_corners=False)
    placed = F.grid_sample(chips, grid, padding_mode="border", align_corners=False)
    # theta leads from a place in the result to its source, both -1..1; points go the other way
    back = torch.linalg.inv(theta[:, :, :2]).to(landmarks)
    source = landmarks[..., :2] * 2 - 1 - theta[:, None, :, 2].to(landmarks)
    points = (source @ back.mT + 1) / 2
    return placed, torch.cat([points, landmarks[..., 2:]], dim=-1)


def recolour(chips: Tensor, generator: torch.Generator) -> Tensor:
    """Exposure, contrast, gamma and colour cast of each chip; one in ten becomes grey."""
    count, device = len(chips), chips.device
    gamma = torch.exp(torch.randn(count, 1, 1, 1, generator=generator) * 0.25).to(device)
    gain = torch.exp(torch.randn(count, 3, 1, 1, generator=generator) * 0.07).to(device)
    contrast = torch.exp(torch.randn(count, 1, 1, 1, generator=generator) * 0.2).to(device)
    exposure = (torch.randn(count, 1, 1, 1, generator=generator) * 0.08).to(device)
    x = chips.clamp(1e-4, 1) ** gamma * gain
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = (x - mean) * contrast + mean + exposure
    grey = chance(generator, count, 0.1).to(device)[:, None, None, None]
    return torch.where(grey, x.mean(dim=1, keepdim=True).expand_as(x), x).clamp(0, 1)


def shade(chips: Tensor, generator: torch.Generator, share: float = 0.3) -> Tensor:
    """A smooth brightness ramp across some chips, as light from one side gives."""
    count, side, device = len(chips), chips.shape[-1], chips.device
    angle = uniform(generator, (count, 1, 1), 0, 2 * math.pi).to(device)
    strength = (
        uniform(generator, (count, 1, 1), 0.0, 0.8).to(device)
        * chance(generator, count, share).to(device)[:, None, None]
    )
    at = torch.linspace(-1, 1, side, device=device)
    ramp = at[None, None, :] * torch.cos(angle) + at[None, :, None] * torch.sin(angle)
    return (chips * torch.exp(-strength * ramp)[:, None]).clamp(0, 1)


def degrade(chips: Tensor, generator: torch.Generator, share: float = 0.35) -> Tensor:
    """Low resolution (down to about 40 px) for one group of chips, noise for another."""
    count, side = len(chips), chips.shape[-1]
    coarse = chance(generator, count, share).nonzero()[:, 0].to(chips.device)
    if len(coarse):
        small = int(uniform(generator, (1,), 0.3, 0.95).item() * side)
        shrunk = F.interpolate(chips[coarse], size=(small, small), mode="bilinear", antialias=True)
        chips = chips.index_copy(0, coarse, F.interpolate(shrunk, size=(side, side), mode="bilinear"))
    sigma = (
        uniform(generator, (count, 1, 1, 1), 0.0, 0.06) * chance(generator, count, share)[:, None, None, None]
    )
    noise = torch.randn(chips.shape, generator=generator) * sigma
    return (chips + noise.to(chips.device)).clamp(0, 1)


def cover(chips: Tensor, generator: torch.Generator, share: float = 0.1) -> Tensor:
    """A flat patch over a small part of some chips, so that no single place decides everything."""
    chips = chips.clone()
    side = chips.shape[-1]
    for row in chance(generator, len(chips), share).nonzero()[:, 0].tolist():
        x, y, w, h = (
            (uniform(generator, (4,), 0.0, 1.0) * torch.tensor([0.8, 0.8, 0.25, 0.25]) * side).int().tolist()
        )
        chips[row, :, y : y + h, x : x + w] = torch.rand(3, 1, 1, generator=generator).to(chips.device)
    return chips


def jitter_landmarks(landmarks: Tensor, generator: torch.Generator, sigma: float) -> Tensor:
    """Noise of the mesh: a small turn, zoom and shift of all points and independent noise, `sigma` in chip units."""
    count, device = len(landmarks), landmarks.device
    turn = torch.randn(count, 1, generator=generator).to(device) * 0.01
    zoom = torch.exp(torch.randn(count, 1, generator=generator).to(device) * 0.01)
    shift = torch.randn(count, 1, 2, generator=generator).to(device) * 0.003
    x, y = (landmarks[..., :2] - 0.5).unbind(dim=-1)
    turned = torch.stack([(x - turn * y) * zoom, (y + turn * x) * zoom], dim=-1) + 0.5 + shift
    noise = torch.randn(turned.shape, generator=generator).to(device) * sigma
    return torch.cat([turned + noise, landmarks[..., 2:]], dim=-1)


def augment(chips: Tensor, landmarks: Tensor, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(B, 3, S, S) in 0-1 -> (B, 3, s, s) in 0-1, everything above applied to the picture; landmarks move along."""
    chips, landmarks = place(chips, landmarks, side, generator)
    chips = shade(recolour(chips, generator), generator)
    return cover(degrade(chips, generator), generator), landmarks
