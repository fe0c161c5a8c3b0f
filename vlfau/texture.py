"""The texture branch: what the skin looks like around points of the mesh, as a few tokens beside the image's.

Small patches are cut out around landmarks, so that a crease at a mouth corner meets the same weights wherever the
corner has moved to. After regions of interest placed by landmarks (Li et al., EAC-Net, FG 2017; Shao et al., JAA-Net,
ECCV 2018); which points, and oriented gradients as their features, are ours.
Letters: B batch, S chip side in px, P patches, c config.texture_cells, n patch side in px, T config.texture_tokens,
D config.width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlfau.config import VLFAUConfig
from vlfau.gradients import DIRECTIONS, OrientedGradients

CENTRES: tuple[tuple[int, ...], ...] = (
    *((61,), (291,), (0,), (17,), (13, 14)),  # mouth: corners, upper and lower lip, between them
    *((199,), (205,), (425,)),  # chin boss, cheeks beside the nasolabial furrows
    *((129,), (358,), (168,), (9,)),  # wings and root of the nose, glabella
    *((55,), (285,), (105,), (334,), (46,), (276,)),  # inner, middle and outer brows
    *((33, 133), (263, 362), (145,), (374,)),  # eyes and lower lids
    *((33,), (263,), (151,)),  # outer corners of the eyes, forehead
)
"""Points of the 478-point mesh around which patches are cut; of several points the middle."""

SIDE = 0.22
"""Side of a patch, chip units."""

CELL_PX = 4
"""Side of a cell in a patch, px."""


class TextureEncoder(nn.Module):
    """Patches around landmarks -> T tokens; statistics of the training faces travel with the weights."""

    mean: Tensor
    spread: Tensor
    middle: Tensor

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__()
        self.tokens, self.width = config.texture_tokens, config.width
        self.gradients = OrientedGradients(config.texture_cells)
        inputs = len(CENTRES) * DIRECTIONS * config.texture_cells**2
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.register_buffer("middle", torch.full((len(CENTRES), 2), 0.5))
        self.layers = nn.Sequential(
            nn.Dropout(config.texture_dropout / 2),
            nn.Linear(inputs, config.texture_hidden),
            nn.GELU(),
            nn.Dropout(config.texture_dropout),
            nn.Linear(config.texture_hidden, self.tokens * self.width),
            nn.GELU(),
        )

    def centres(self, landmarks: Tensor | None, count: int) -> Tensor:
        """(B, 478, >= 2) chip units -> (B, P, 2); without landmarks where they are on the mean training face."""
        if landmarks is None:
            return self.middle.expand(count, -1, -1)
        return torch.stack([landmarks[:, list(points), :2].mean(dim=1) for points in CENTRES], dim=1)

    def patches(self, pixels: Tensor, centres: Tensor) -> Tensor:
        """(B, 3, S, S) RGB 0-1, (B, P, 2) -> (B * P, 1, n, n) brightness."""
        side = self.gradients.grid * CELL_PX
        at = (torch.arange(side, device=pixels.device) + 0.5) / side * SIDE - SIDE / 2
        window = torch.stack(torch.meshgrid(at, at, indexing="xy"), dim=-1)  # (n, n, 2), x first
        grid = (centres[:, :, None, None] + window) * 2 - 1  # grid_sample spans -1..1
        grey = self.gradients.grey(pixels)
        cut = F.grid_sample(
            grey, grid.flatten(1, 2).to(grey.dtype), padding_mode="border", align_corners=False
        )
        return cut.unflatten(2, (-1, side)).squeeze(1).flatten(0, 1).unsqueeze(1)

    def inner(self, pixels: Tensor, landmarks: Tensor | None) -> Tensor:
        """(B, 3, S, S) RGB 0-1 and (B, 478, >= 2) -> (B, P * 8 * c^2): the numbers that this branch reads."""
        cut = self.patches(pixels, self.centres(landmarks, len(pixels)))
        return self.gradients.cells(cut, self.gradients.grid).reshape(len(pixels), -1)

    def set_statistics(self, inner: Tensor, landmarks: Tensor) -> None:
        """Take mean and spread from (n, inputs), and the mean face from (n, 478, >= 2), of training faces."""
        self.mean.copy_(inner.float().mean(dim=0))
        self.spread.copy_(inner.float().std(dim=0).clamp_min(1e-3))
        self.middle.copy_(self.centres(landmarks, len(landmarks)).mean(dim=0))

    def read(self, inner: Tensor, noise: Tensor | float = 0.0) -> Tensor:
        """(B, inputs) -> (B, T, D); `noise` is added to the normalised numbers in training."""
        normal = ((inner - self.mean) / self.spread).clamp(-5, 5) + noise
        return self.layers(normal).unflatten(1, (self.tokens, self.width))

    def forward(self, pixels: Tensor, landmarks: Tensor | None) -> Tensor:
        """(B, 3, S, S) RGB 0-1 and (B, 478, >= 2) chip units or None -> (B, T, D)."""
        return self.read(self.inner(pixels, landmarks))
