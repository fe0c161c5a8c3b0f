"""The multi-scale combined facial stem: four Swin stages brought to one grid and mixed.

Letters: B batch, S chip side in px, C channels of a stage, D config.width, G config.grid, N = G * G cells.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import SwinBackbone

from vlfau.config import VLFAUConfig


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


class MultiScaleStem(nn.Module):
    """Swin Transformer whose stages are weighted per position with learned weights and mixed by a 1x1 convolution.

    With `config.multi_scale` off only the third stage is used (the ablation "single-scale stem").
    """

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__()
        self.backbone = SwinBackbone(config.swin)
        first_cells = config.chip_size_px // config.patch_size
        scales = range(4) if config.multi_scale else (2,)
        self.scales = tuple(scales)
        self.projections = nn.ModuleList(
            StageProjection(config.embed_dim * 2**i, first_cells // 2**i, config) for i in self.scales
        )
        self.position_weight = nn.Conv2d(config.width, 1, kernel_size=1)
        self.mix = nn.Conv2d(config.width * len(self.scales), config.width, kernel_size=1)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) normalised RGB -> (B, N, D) stem tokens, row by row."""
        stages = self.backbone(pixels).feature_maps
        maps = [project(stages[i]) for i, project in zip(self.scales, self.projections, strict=True)]
        weights = torch.stack([self.position_weight(m) for m in maps]).softmax(dim=0)  # (scales, B, 1, G, G)
        mixed = self.mix(torch.cat([m * w for m, w in zip(maps, weights, strict=True)], dim=1))
        return self.norm(F.gelu(mixed).flatten(2).transpose(1, 2))
