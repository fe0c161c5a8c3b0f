"""DAIR, the dual-level AU individual refinement: channel attention, then spatial attention, for all action units at
once.

VL-FAU (2024) gives the module's purpose, not its equations; this follows CBAM (Woo et al. 2018) with one set of
weights per action unit and no exchange between them. Letters: B batch, A action units, N = G * G cells, D config.width.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlfau.config import VLFAUConfig
from vlfau.regions import region_prior


class Refined(NamedTuple):
    """What DAIR finds for each action unit."""

    vector: Tensor
    """(B, A, D) refined vector, pooled with the spatial map."""
    halves: Tensor
    """(B, A, 2, D) the same pooled over the left and over the right half of the chip, for words about sides."""
    map_logits: Tensor
    """(B, A, N) spatial map before the softmax over cells."""


class PerUnitLinear(nn.Module):
    """One linear layer per action unit in one batched product: (B, A, in) -> (B, A, out)."""

    def __init__(self, units: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(units, inputs, outputs) * inputs**-0.5)
        self.bias = nn.Parameter(torch.zeros(units, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bai,aio->bao", x, self.weight) + self.bias


class TokenRefinement(nn.Module):
    """Every action unit weighs tokens of the whole face channel by channel: (B, T, D) -> (B, A, D)."""

    def __init__(self, units: int, tokens: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(units, tokens, width) / tokens**0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.einsum("btd,atd->bad", tokens, self.weight)


class ChannelAttention(nn.Module):
    """Average- and max-pooled stem through a shared bottleneck per action unit -> gates in 0-1."""

    def __init__(self, units: int, width: int, reduction: int = 8) -> None:
        super().__init__()
        self.units = units
        hidden = max(2, width // reduction)
        self.squeeze = PerUnitLinear(units, width, hidden)
        self.expand = PerUnitLinear(units, hidden, width)

    def forward(self, stem: Tensor) -> Tensor:
        """(B, N, D) -> (B, A, D)."""
        pooled = (stem.mean(dim=1), stem.amax(dim=1))
        each = [self.expand(F.relu(self.squeeze(p[:, None].expand(-1, self.units, -1)))) for p in pooled]
        return torch.sigmoid(each[0] + each[1])


def gated_peak(stem: Tensor, gate: Tensor) -> Tensor:
    """(B, N, D), (B, A, D) -> (B, A, N): the largest gated channel of every cell.

    With gradients the largest is looked up first and then taken by its index: a third of the time of a backward pass
    through the maximum.
    """
    # channels before cells: on a CPU the maximum over them is then taken for many cells at once
    planes = stem.transpose(1, 2).contiguous()
    if not torch.is_grad_enabled():  # unit by unit: what is multiplied then stays in the processor's cache
        return torch.stack([(planes * one[..., None]).amax(dim=1) for one in gate.unbind(dim=1)], dim=1)
    with torch.no_grad():
        index = (planes[:, None] * gate[..., None]).max(dim=2).indices
    return planes.gather(1, index) * gate.gather(2, index)


class SpatialAttention(nn.Module):
    """Mean and max over the gated channels -> a 7x7 convolution per action unit -> one map each.

    A learned bias per cell starts at the unit's region on the aligned chip, so that a map has a reason to be where
    it is.
    """

    def __init__(self, config: VLFAUConfig, kernel: int = 7) -> None:
        super().__init__()
        units, self.grid = len(config.au_numbers), config.grid
        self.conv = nn.Conv2d(2 * units, units, kernel, padding=kernel // 2, groups=units)
        prior = region_prior(tuple(config.au_numbers), config.grid).flatten(1)
        self.position = nn.Parameter(torch.log(prior + 0.05))

    def forward(self, stem: Tensor, gate: Tensor) -> Tensor:
        """(B, N, D), (B, A, D) -> (B, A, N) map logits."""
        mean = torch.einsum("bnd,bad->ban", stem, gate) / stem.shape[-1]
        peak = gated_peak(stem, gate)
        both = torch.stack([mean, peak], dim=2).flatten(1, 2).unflatten(-1, (self.grid, self.grid))
        return self._convolve(both).flatten(2) + self.position

    def _convolve(self, both: Tensor) -> Tensor:
        """`self.conv`, two channels per group, as a depthwise convolution and a sum: eight times faster on a CPU."""
        conv = self.conv
        channels = both.shape[1]
        depthwise = conv.weight.reshape(channels, 1, *conv.weight.shape[2:])
        each = F.conv2d(both, depthwise, padding=conv.padding, groups=channels)
        assert conv.bias is not None
        return each.unflatten(1, (channels // 2, 2)).sum(dim=2) + conv.bias[:, None, None]


class DualLevelRefinement(nn.Module):
    """Channel attention, then spatial attention; either can be switched off for the paper's ablations."""

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__()
        self.units, self.grid = len(config.au_numbers), config.grid
        self.channel = ChannelAttention(self.units, config.width) if config.channel_attention else None
        self.spatial = SpatialAttention(config) if config.spatial_attention else None
        self.transform = PerUnitLinear(self.units, config.width, config.width)
        for name, value in self.constants().items():
            self.register_buffer(name, value, persistent=False)

    def constants(self) -> dict[str, Tensor]:
        """`halves` (2, N): the cells of the person's left, which is the right of the picture, and of their right."""
        right = (torch.arange(self.grid) < self.grid / 2).repeat(self.grid)
        return {"halves": torch.stack([~right, right]).float()}

    def forward(self, stem: Tensor) -> Refined:
        """(B, N, D) -> `Refined`."""
        batch, cells, width = stem.shape
        gate = self.channel(stem) if self.channel else stem.new_ones(batch, self.units, width)
        logits = self.spatial(stem, gate) if self.spatial else stem.new_zeros(batch, self.units, cells)
        attention = logits.softmax(dim=-1)
        # the whole is the sum of its halves, so two pooled products give all three
        halves = torch.einsum("ban,hn,bnd->bahd", attention, self.halves, stem) * gate[:, :, None]
        vector = F.gelu(self.transform(halves.sum(dim=2)))
        return Refined(vector, halves, logits)
