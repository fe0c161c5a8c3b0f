"""Augmentation keeps shapes, ranges and meaning, and is a function of its seed."""

import torch

from finetune.augment import augment, jitter_landmarks, mirror, place
from finetune.synthetic.correspondence import Correspondence


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_shapes_ranges_and_seed():
    chips = torch.rand(6, 3, 144, 144, generator=stream())
    one, two = augment(chips, 128, stream(1)), augment(chips, 128, stream(1))
    assert one.shape == (6, 3, 128, 128)
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, two)
    assert not torch.equal(one, augment(chips, 128, stream(2)))


def test_without_jitter_placing_only_resamples():
    ramp = torch.linspace(0, 1, 144).expand(1, 3, 144, 144)
    placed = place(ramp, 72, stream(), jitter=0.0)
    expected = ramp.reshape(1, 3, 72, 2, 72, 2).mean(dim=(3, 5))
    assert torch.allclose(placed, expected, atol=1e-5)


def test_mirroring_twice_gives_the_face_back_and_once_swaps_sides():
    index = torch.from_numpy(Correspondence.load().mirror)
    chips, landmarks, intensity = torch.rand(2, 3, 8, 8), torch.rand(2, 478, 3), torch.rand(2, 2, 22)
    flip = torch.tensor([True, False])
    once = mirror(chips, landmarks, intensity, flip, index)
    assert torch.equal(once[2][0], intensity[0].flip(0))
    assert torch.equal(once[2][1], intensity[1])
    assert torch.allclose(once[1][0, 33, 0], 1 - landmarks[0, 263, 0])  # outer eye corners change places
    twice = mirror(*once, flip, index)
    for before, after in zip((chips, landmarks, intensity), twice, strict=True):
        assert torch.allclose(before, after)


def test_landmark_noise_has_the_size_that_was_asked_for():
    landmarks = torch.full((400, 478, 3), 0.5)
    noisy = jitter_landmarks(landmarks, stream(), 0.01)
    alone = noisy[..., :2] - noisy[..., :2].mean(dim=1, keepdim=True)
    assert 0.009 < alone.std().item() < 0.011
    assert torch.equal(noisy[..., 2], landmarks[..., 2])
