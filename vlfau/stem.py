"""The multi-scale combined facial stem: four Swin stages brought to one grid and mixed.

Letters: B batch, S chip side in px, C channels of a stage, D config.width, G config.grid, N = G * G cells, M cells
along one side of the finest stage.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import SwinBackbone

from vlfau.config import VLFAUConfig
from vlfau.gradients import OrientedGradients


class StageProjection(nn.Module):
    """One Swin stage brought to the common grid: a strided convolution when finer, interpolation when coarser."""

    def __init__(self, channels: int, cells: int, config: VLFAUConfig) -> None:
        super().__init__()
        self.grid = config.grid
        stride = max(1, cells // config.grid)
        self.project = nn.Conv2d(channels, config.width, kernel_size=stride, stride=stride)

    def forward(self, stage: Tensor) -> Tensor:
        """(B, C, cells, cells) -> (B, D, G, G)."""
        x = self.project(stage)
        if x.shape[-1] != self.grid:
            x = F.interpolate(x, size=(self.grid, self.grid), mode="bilinear", align_corners=False)
        return x


class PlacedProjection(nn.Module):
    """Channels mixed by weights of its own for every cell: (B, inputs, M, M) -> (B, outputs, M, M).

    Chips are aligned, so a cell always shows the same part of the face.
    """

    def __init__(self, inputs: int, outputs: int, cells: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(cells * cells, inputs, outputs) * inputs**-0.5)
        self.bias = nn.Parameter(torch.zeros(cells * cells, outputs))

    def forward(self, x: Tensor) -> Tensor:
        side = x.shape[-1]
        each = torch.bmm(x.flatten(2).permute(2, 0, 1).contiguous(), self.weight) + self.bias[:, None]
        return each.permute(1, 2, 0).unflatten(2, (side, side))


class MultiScaleStem(nn.Module):
    """Swin Transformer whose stages are weighted per position with learned weights and mixed by a 1x1 convolution.

    With `config.gradient_grid` it sees oriented gradients, projected by each cell's own weights, instead of pixels.
    With `config.multi_scale` off only the third stage is used (the ablation "single-scale stem").
    """

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__()
        self.backbone = SwinBackbone(config.swin)
        first_cells, inputs = config.stem_cells, OrientedGradients.channels
        self.placed = (
            PlacedProjection(inputs, config.embed_dim, first_cells) if config.gradient_grid else None
        )
        scales = range(4) if config.multi_scale else (2,)
        self.scales = tuple(scales)
        self.projections = nn.ModuleList(
            StageProjection(config.embed_dim * 2**i, first_cells // 2**i, config) for i in self.scales
        )
        self.position_weight = nn.Conv2d(config.width, 1, kernel_size=1)
        self.mix = nn.Conv2d(config.width * len(self.scales), config.width, kernel_size=1)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, seen: Tensor) -> Tensor:
        """(B, 3, S, S) normalised RGB, or oriented gradients (B, 40, M, M) -> (B, N, D) stem tokens, row by row."""
        stages = self.backbone(self.placed(seen) if self.placed else seen).feature_maps
        maps = [project(stages[i]) for i, project in zip(self.scales, self.projections, strict=True)]
        weights = torch.stack([self.position_weight(m) for m in maps]).softmax(dim=0)  # (scales, B, 1, G, G)
        mixed = self.mix(torch.cat([m * w for m, w in zip(maps, weights, strict=True)], dim=1))
        return self.norm(F.gelu(mixed).flatten(2).transpose(1, 2))
