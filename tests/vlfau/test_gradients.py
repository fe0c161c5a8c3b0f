"""Oriented gradients: directions, and what they do not depend on."""

import pytest
import torch

from vlfau.gradients import DIRECTIONS, OrientedGradients


def ramp(angle_deg: float, side: int = 64) -> torch.Tensor:
    """(1, 3, side, side) that grows brighter towards an angle, measured from the x axis downwards."""
    at = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(at, at, indexing="ij")
    angle = torch.deg2rad(torch.tensor(angle_deg))
    return (0.5 + 0.3 * (x * angle.cos() + y * angle.sin()))[None, None].expand(1, 3, -1, -1)


@pytest.mark.parametrize("direction", range(DIRECTIONS))
def test_the_strongest_direction_points_to_the_bright_side(direction):
    seen = OrientedGradients(8)(ramp(360 * direction / DIRECTIONS))
    assert seen.shape == (1, OrientedGradients.channels, 8, 8)
    coarse = seen[0, -DIRECTIONS:, 4, 4]
    assert int(coarse.argmax()) == direction


def test_opposite_directions_are_those_of_the_picture_turned_around():
    picture = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    gradients = OrientedGradients(8)
    turned = gradients(picture.flip(-1, -2))[:, -DIRECTIONS:].flip(-1, -2)
    assert torch.allclose(
        turned.roll(DIRECTIONS // 2, dims=1), gradients(picture)[:, -DIRECTIONS:], atol=1e-4
    )


def test_brightness_and_contrast_matter_little():
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    gradients = OrientedGradients(8)
    darker = gradients(picture * 0.5 + 0.1)
    assert (darker - gradients(picture)).abs().mean() < 0.05 * gradients(picture).mean()


def test_a_flat_picture_shows_no_edges():
    assert OrientedGradients(8)(torch.full((1, 3, 64, 64), 0.4)).max() < 0.01
