"""Oriented gradients: what a chip looks like apart from its light and colour, as a few numbers for each small cell.

After histograms of oriented gradients (Dalal and Triggs, CVPR 2005), written as fixed convolutions so that they run
inside the network on any device. Letters: B batch, S chip side in px, G config.gradient_grid.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""

DIRECTIONS = 8
"""Directions of an edge from dark to bright, all the way round."""

SIGMA_PX = 0.8
"""Standard deviation of the Gaussian whose derivative is taken; the coarse scale has it on a chip of half the size."""

FAINTEST = 0.002
"""Contrast (of 1) below which a cell counts as flat, so that noise is not blown up."""


class OrientedGradients(nn.Module):
    """(B, 3, S, S) RGB 0-1 -> (B, `channels`, G, G): strength of edges by direction, relative to their surroundings.

    Each of the G x G cells holds four fine cells (directions x 4) and a coarse one (directions). Values are 0 to
    about 3; the square root evens out strong and weak edges.
    """

    channels = DIRECTIONS * 5
    smooth: Tensor
    slope: Tensor
    turn: Tensor
    luminance: Tensor

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.grid = grid
        for name, value in self.constants().items():
            self.register_buffer(name, value, persistent=False)

    def constants(self) -> dict[str, Tensor]:
        """`smooth` and `slope` (1, 1, 1, k): a Gaussian and its derivative; `luminance`; `turn` (2, half, 1, 1)."""
        radius = math.ceil(3 * SIGMA_PX)
        at = torch.arange(-radius, radius + 1.0)
        smooth = torch.exp(-(at**2) / (2 * SIGMA_PX**2))
        slope = at * smooth
        angle = 2 * math.pi * torch.arange(DIRECTIONS // 2) / DIRECTIONS
        return {
            "smooth": (smooth / smooth.sum())[None, None, None],
            "slope": (slope / slope.abs().sum())[None, None, None],
            "turn": torch.stack([angle.cos(), angle.sin()])[..., None, None],
            "luminance": torch.tensor(LUMINANCE)[:, None, None],
        }

    def grey(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) RGB -> (B, 1, S, S) brightness."""
        return (pixels * self.luminance).sum(dim=1, keepdim=True)

    def forward(self, pixels: Tensor) -> Tensor:
        grey = self.grey(pixels)
        fine = self.cells(grey, self.grid * 2)
        coarse = self.cells(F.avg_pool2d(grey, 2), self.grid)
        return torch.cat([F.pixel_unshuffle(fine, 2), coarse], dim=1)

    def along(self, kernel: Tensor, side: int) -> Tensor:
        """(1, 1, 1, k) -> (s, s): the matrix that filters rows of s numbers, whose ends go on beyond them."""
        pad = kernel.shape[-1] // 2
        rows = torch.eye(side, dtype=kernel.dtype, device=kernel.device)[:, None]
        return F.conv1d(F.pad(rows, (pad, pad), mode="replicate"), kernel[0])[:, 0]

    def cells(self, grey: Tensor, count: int) -> Tensor:
        """(B, 1, s, s) -> (B, 8, count, count) edge strengths of one scale."""
        size = grey.shape[-1] // count
        slope, smooth = self.along(self.slope, grey.shape[-1]), self.along(self.smooth, grey.shape[-1])
        across = smooth.T @ (grey @ slope)
        down = slope.T @ (grey @ smooth)
        slopes = across * self.turn[0] + down * self.turn[1]  # (B, 4, s, s)
        one_way = F.avg_pool2d(F.relu(slopes), size)
        net = F.avg_pool2d(across, size) * self.turn[0] + F.avg_pool2d(down, size) * self.turn[1]
        both = torch.cat([one_way, one_way - net], dim=1)  # relu(-x) = relu(x) - x
        around = F.avg_pool2d(both.mean(dim=1, keepdim=True), 3, stride=1, padding=1, count_include_pad=False)
        return (both.clamp_min(0) / (around + FAINTEST) + 1e-6).sqrt()
