"""Augmentation keeps shapes, ranges and meaning, and is a function of its seed."""

import torch

from finetune.augment import augment, jitter_landmarks, mirror, place
from finetune.synthetic.correspondence import Correspondence


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_shapes_ranges_and_seed():
    chips, marks = torch.rand(6, 3, 144, 144, generator=stream()), torch.rand(6, 478, 3, generator=stream())
    (one, moved), (two, again) = (augment(chips, marks, 128, stream(1)) for _ in range(2))
    assert one.shape == (6, 3, 128, 128)
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, two)
    assert torch.equal(moved, again)
    assert not torch.equal(one, augment(chips, marks, 128, stream(2))[0])


def test_without_jitter_placing_only_resamples():
    ramp = torch.linspace(0, 1, 144).expand(1, 3, 144, 144)
    marks = torch.rand(1, 478, 3, generator=stream())
    placed, moved = place(ramp, marks, 72, stream(), jitter=0.0)
    expected = ramp.reshape(1, 3, 72, 2, 72, 2).mean(dim=(3, 5))
    assert torch.allclose(placed, expected, atol=1e-5)
    assert torch.allclose(moved, marks, atol=1e-6)


def test_landmarks_stay_on_what_they_mark():
    chips, marks = torch.zeros(8, 3, 96, 96), torch.tensor([0.3, 0.6, 0.1]).expand(8, 1, 3)
    chips[:, :, 56:59, 28:30] = 1.0  # a bright spot around (0.302, 0.599)
    placed, moved = place(chips, marks, 96, stream(3), jitter=4.0)
    at = (torch.arange(96) + 0.5) / 96
    mass = placed[:, 0]
    x, y = ((mass.sum(dim=k) * at).sum(-1) / mass.sum(dim=(1, 2)) for k in (1, 2))
    assert torch.allclose(torch.stack([x, y], -1), moved[:, 0, :2], atol=0.008)
    assert (moved[:, 0, :2] - torch.tensor([0.3, 0.6])).abs().amax() > 0.02
    assert torch.equal(moved[..., 2], marks[..., 2])


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
