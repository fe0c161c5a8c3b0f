"""The texture branch: where its patches are cut, its tokens and its statistics."""

import torch

from vlfau.config import VLFAUConfig
from vlfau.texture import CELL_PX, CENTRES, SIDE, TextureEncoder

CONFIG = VLFAUConfig.test()


def rand(*size: int) -> torch.Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(0))


PIXELS, LANDMARKS = rand(5, 3, 64, 64), 0.2 + 0.6 * rand(5, 478, 3)


def test_a_patch_shows_what_is_around_its_landmark():
    encoder = TextureEncoder(CONFIG)
    ramp = ((torch.arange(64) + 0.5) / 64).expand(1, 3, 64, 64)  # brightness is the place along x
    centres = encoder.centres(LANDMARKS[:1], 1)
    cut = encoder.patches(ramp, centres)
    side = CONFIG.texture_cells * CELL_PX
    assert cut.shape == (len(CENTRES), 1, side, side)
    assert torch.allclose(cut.mean(dim=(1, 2, 3)), centres[0, :, 0], atol=1e-3)
    assert torch.allclose(cut[..., -1] - cut[..., 0], torch.tensor(SIDE * (side - 1) / side), atol=1e-3)


def test_what_lies_outside_of_every_patch_is_not_read():
    encoder = TextureEncoder(CONFIG).eval()
    near_the_middle = 0.45 + 0.1 * LANDMARKS
    changed = PIXELS.clone()
    changed[:, :, :8] = 0.0
    assert torch.equal(encoder(PIXELS, near_the_middle), encoder(changed, near_the_middle))
    changed[:, :, 30:34, 30:34] = 0.0
    assert not torch.equal(encoder(PIXELS, near_the_middle), encoder(changed, near_the_middle))


def test_without_landmarks_the_mean_face_says_where_to_look():
    encoder = TextureEncoder(CONFIG).eval()
    alike = LANDMARKS[:1].expand(5, -1, -1)
    encoder.set_statistics(encoder.inner(PIXELS, alike), alike)
    assert encoder(PIXELS, None).shape == (5, CONFIG.texture_tokens, CONFIG.width)
    assert torch.allclose(encoder(PIXELS, None), encoder(PIXELS, alike), atol=1e-5)


def test_statistics_make_mean_0_and_spread_1():
    encoder = TextureEncoder(CONFIG)
    inner = encoder.inner(PIXELS, LANDMARKS)
    encoder.set_statistics(inner, LANDMARKS)
    normal = (inner - encoder.mean) / encoder.spread
    assert torch.allclose(normal.mean(0), torch.zeros(inner.shape[1]), atol=1e-4)
    assert torch.allclose(normal.std(0), torch.ones(inner.shape[1]), atol=1e-3)
