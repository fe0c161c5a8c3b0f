"""The texture branch: its tokens and its statistics."""

import torch

from vlfau.config import VLFAUConfig
from vlfau.gradients import OrientedGradients
from vlfau.texture import TextureEncoder

CONFIG = VLFAUConfig.test()
GRADIENTS = torch.rand(5, OrientedGradients.channels, 8, 8, generator=torch.Generator().manual_seed(0))


def test_the_outermost_cells_are_not_read():
    encoder = TextureEncoder(CONFIG).eval()
    changed = GRADIENTS.clone()
    changed[:, :, 0] = changed[:, :, :, -1] = 9.0
    assert torch.equal(encoder(GRADIENTS), encoder(changed))
    assert encoder(GRADIENTS).shape == (5, CONFIG.texture_tokens, CONFIG.width)


def test_statistics_make_mean_0_and_spread_1():
    encoder = TextureEncoder(CONFIG)
    inner = encoder.inner(GRADIENTS)
    encoder.set_statistics(inner)
    normal = (inner - encoder.mean) / encoder.spread
    assert torch.allclose(normal.mean(0), torch.zeros(inner.shape[1]), atol=1e-5)
    assert torch.allclose(normal.std(0), torch.ones(inner.shape[1]), atol=1e-4)
