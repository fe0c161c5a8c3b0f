"""The texture branch: the oriented gradients of the whole chip, as a few tokens beside the image's.

Chips are aligned, so every cell has weights of its own and a crease is learnt where it appears, from few faces.
Letters: B batch, A action units, T config.texture_tokens, D config.width, G config.gradient_grid.
"""

import torch
from torch import Tensor, nn

from vlfau.config import VLFAUConfig
from vlfau.gradients import OrientedGradients


class TextureEncoder(nn.Module):
    """Oriented gradients -> T tokens; mean and spread of every number over the training faces travel with the weights.

    The outermost ring of cells is left out: it shows background.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__()
        self.tokens, self.width = config.texture_tokens, config.width
        inputs = OrientedGradients.channels * (config.gradient_grid - 2) ** 2
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.layers = nn.Sequential(
            nn.Dropout(config.texture_dropout / 2),
            nn.Linear(inputs, config.texture_hidden),
            nn.GELU(),
            nn.Dropout(config.texture_dropout),
            nn.Linear(config.texture_hidden, self.tokens * self.width),
            nn.GELU(),
        )

    @staticmethod
    def inner(gradients: Tensor) -> Tensor:
        """(B, C, G, G) -> (B, C * (G - 2)^2): the numbers that this branch reads."""
        return gradients[:, :, 1:-1, 1:-1].flatten(1)

    def set_statistics(self, inner: Tensor) -> None:
        """Take mean and spread from (n, inputs) of training faces."""
        self.mean.copy_(inner.float().mean(dim=0))
        self.spread.copy_(inner.float().std(dim=0).clamp_min(1e-3))

    def read(self, inner: Tensor) -> Tensor:
        """(B, inputs) -> (B, T, D)."""
        normal = ((inner - self.mean) / self.spread).clamp(-5, 5)
        return self.layers(normal).unflatten(1, (self.tokens, self.width))

    def forward(self, gradients: Tensor) -> Tensor:
        """(B, C, G, G) -> (B, T, D)."""
        return self.read(self.inner(gradients))
