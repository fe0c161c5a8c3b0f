"""How a stored chip looks in training and in tests: placed, mirrored and coloured at random, or as it is.

Letters: B batch, S stored side, s network side.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from finetune.reproduction.config import ReproduceConfig

Look = tuple[Tensor, Tensor]
"""pixels (B, 3, s, s) in 0-1 and landmarks (B, 478, >= 2) in chip units."""


def plain(chips: Tensor, landmarks: Tensor, side: int) -> Look:
    """chips (B, S, S, 3) uint8 -> the look that tests see."""
    return F.interpolate(_planes(chips), size=(side, side), mode="bilinear", antialias=True), landmarks


def varied(
    chips: Tensor,
    landmarks: Tensor,
    side: int,
    mirror: Tensor,
    generator: torch.Generator,
    c: ReproduceConfig,
) -> Look:
    """chips (B, S, S, 3) uint8 -> a look as the field trains on; picture and landmarks move together.

    `mirror` (478,) is each landmark's partner on the other side. The random numbers do not depend on the device.
    """
    flip = torch.rand(len(chips), generator=generator) < 0.5
    where = flip.to(chips.device)[:, None, None]
    pixels = _planes(chips)
    pixels = torch.where(where[..., None], pixels.flip(-1), pixels)
    mirrored = landmarks[:, mirror].clone()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    landmarks = torch.where(where, mirrored, landmarks)
    pixels, landmarks = _placed(pixels, landmarks, side, generator, c)
    return _coloured(pixels, generator, c.colour), landmarks


def _planes(chips: Tensor) -> Tensor:
    return chips.permute(0, 3, 1, 2).float() / 255


def _placed(
    pixels: Tensor, landmarks: Tensor, side: int, generator: torch.Generator, c: ReproduceConfig
) -> Look:
    """Turn, zoom and shift: a point at `turn_and_zoom @ p + shift` before is at p after (-1 to 1 over the chip)."""
    count, device = len(pixels), pixels.device
    turn = torch.randn(count, generator=generator) * math.radians(c.turn_deg)
    zoom = torch.exp(torch.randn(count, generator=generator) * c.zoom)
    shift = (torch.randn(count, 2, 1, generator=generator) * 2 * c.shift).to(device)
    cos, sin = torch.cos(turn) * zoom, torch.sin(turn) * zoom
    linear = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1).to(device)
    grid = F.affine_grid(torch.cat([linear, shift], 2), [count, 3, side, side], align_corners=False)
    before = landmarks[..., :2] * 2 - 1
    after = torch.linalg.solve(linear, before.transpose(1, 2) - shift).transpose(1, 2)
    moved = torch.cat([(after + 1) / 2, landmarks[..., 2:]], dim=-1)
    shrunk = _shrunk(pixels, side)
    return F.grid_sample(shrunk, grid, padding_mode="border", align_corners=False), moved


def _shrunk(pixels: Tensor, side: int) -> Tensor:
    """Averaged to at most one and a half times the network's side, so that sampling does not alias."""
    largest = side * 3 // 2
    if pixels.shape[-1] <= largest:
        return pixels
    return F.interpolate(pixels, size=(largest, largest), mode="bilinear", antialias=True)


def _coloured(pixels: Tensor, generator: torch.Generator, most: float) -> Tensor:
    """Brightness, then contrast, then saturation, each multiplied by 1 - most to 1 + most."""
    factors = 1 + (torch.rand(3, len(pixels), 1, 1, 1, generator=generator) * 2 - 1) * most
    brightness, contrast, saturation = factors.to(pixels.device)
    x = (pixels * brightness).clamp(0, 1)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = ((x - mean) * contrast + mean).clamp(0, 1)
    grey = x.mean(dim=1, keepdim=True)
    return ((x - grey) * saturation + grey).clamp(0, 1)
