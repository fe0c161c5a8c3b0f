"""The geometry branch: the landmarks that alignment found anyway, as a few tokens beside the image's.

Letters: B batch, T config.geometry_tokens, D config.width.
"""

import torch
from torch import Tensor, nn

from vlfau.config import LANDMARKS, VLFAUConfig


class LandmarkEncoder(nn.Module):
    """Chip-frame landmarks -> T tokens.

    The mean and the spread of every coordinate over the training faces are buffers, so they travel with the weights.
    Only x and y go in: depth is the mesh's guess, and chips are already upright and scaled.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__()
        self.tokens, self.width = config.geometry_tokens, config.width
        coordinates = LANDMARKS * 2
        self.register_buffer("mean", torch.zeros(coordinates))
        self.register_buffer("spread", torch.ones(coordinates))
        self.layers = nn.Sequential(
            nn.Linear(coordinates, config.geometry_hidden),
            nn.GELU(),
            nn.Linear(config.geometry_hidden, config.geometry_hidden),
            nn.GELU(),
            nn.Linear(config.geometry_hidden, self.tokens * self.width),
            nn.GELU(),
        )

    def set_statistics(self, landmarks: Tensor) -> None:
        """Take mean and spread from (n, 478, >= 2) chip-frame landmarks of training faces."""
        flat = landmarks[..., :2].float().flatten(1)
        self.mean.copy_(flat.mean(dim=0))
        self.spread.copy_(flat.std(dim=0).clamp_min(1e-4))

    def forward(self, landmarks: Tensor) -> Tensor:
        """(B, 478, >= 2) in chip units (0-1 inside the chip) -> (B, T, D)."""
        flat = landmarks[..., :2].flatten(1)
        # a wrong mesh can lie many spreads away; what is that far off says nothing more about a muscle
        normal = ((flat - self.mean) / self.spread).clamp(-6, 6)
        return self.layers(normal).unflatten(1, (self.tokens, self.width))
