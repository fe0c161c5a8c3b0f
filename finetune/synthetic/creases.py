"""Creases that come with an action unit, drawn by rule and different from person to person.

Letters: B faces, P pixels, A 22 action units. Places are cm on the neutral rig.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finetune.synthetic.actions import INDEX, movement

CREASE_STYLES = 12
"""Numbers in 0-1 that describe how a person's skin folds: depth, phase, spacing, waves, widths, asymmetry."""
TINT = (0.72, 1.05, 1.15)
"""Darkening of red, green and blue: red suffers least, since light in a fold has come through skin."""

Style = tuple[Tensor, ...]
Amount = Callable[[int], Tensor]
"""Amplitude (P,) of an action unit at the pixels."""


@dataclass(frozen=True)
class Creases:
    """Creases of a batch: `amplitude` (B, 2, A) 0-1 by side, and `style` (B, 12) in 0-1, one row a person's skin."""

    amplitude: Tensor
    style: Tensor

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        style: NDArray[np.floating],
        intensity: NDArray[np.float32],
        device: torch.device,
    ) -> "Creases":
        """Creases for intensities (B, 2, A) on skins of a style (B, 12); style 0 says how deep, down to none."""
        depth = 1.25 * np.clip(style[:, :1, None] * 1.2 - 0.12, 0, 1)
        varied = movement(intensity) * depth * rng.uniform(0.5, 1.3, intensity.shape[::2])[:, None]
        return cls(
            torch.as_tensor(varied, dtype=torch.float32, device=device),
            torch.as_tensor(style, dtype=torch.float32, device=device),
        )


def crease_shade(place: Tensor, picture: Tensor, creases: Creases) -> Tensor:
    """Log darkening (P, 3) of red, green and blue at places (P, 2); `picture` (P,) says which face."""
    shade = place.new_zeros(len(place))
    # Half of the faces are at rest or smooth: nothing to draw there.
    folded = (creases.amplitude.flatten(1).amax(1) > 0)[picture]
    shade[folded] = _depth(place[folded, 0], place[folded, 1], picture[folded], creases)
    return shade[:, None] * place.new_tensor(TINT)


def _depth(x: Tensor, y: Tensor, picture: Tensor, creases: Creases) -> Tensor:
    style = creases.style[picture].unbind(-1)
    left = x > 0

    def amount(number: int) -> Tensor:
        both = creases.amplitude[:, :, INDEX[number]]
        return torch.where(left, both[picture, 0], both[picture, 1])

    shade = _forehead(x, y, style, amount) + _glabella(x, y, style, amount) + _nose(x, y, style, amount)
    return shade + _eye(x, y, style, amount) + _cheek(x, y, style, amount) + _chin(x, y, style, amount)


def _bump(value: Tensor, width: Tensor | float) -> Tensor:
    return torch.exp(-((value / width) ** 2))


def _lines(position: Tensor, phase: Tensor) -> Tensor:
    """Dark lines at every whole step of position, with slightly lit skin between them."""
    return torch.exp(-(((torch.remainder(position + phase, 1.0) - 0.5) / 0.16) ** 2)) - 0.28


def _forehead(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    inside = torch.sigmoid((y - 6.9) * 3) * torch.sigmoid((10.8 - y) * 2)
    spacing = 0.85 + 0.8 * style[2]
    wave = (0.04 + 0.16 * style[3]) * torch.sin(x * (0.6 + 0.6 * style[4]) + style[1] * 6)
    bow = (0.015 + 0.04 * style[5]) * x**2
    middle, outer = _bump(x, 2.6), 0.9 * _bump(x.abs() - 3.6, 1.9)
    return (
        0.17
        * _lines((y - bow) / spacing + wave, style[1])
        * inside
        * (amount(1) * middle + amount(2) * outer)
    )


def _glabella(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    # One to two furrows, seldom alike: the right one fades out for part of the persons.
    lean = 0.10 * (y - 5.2)
    place = 0.40 + 0.35 * style[6]
    faded = torch.where(x < 0, (style[7] * 2).clamp(0.2, 1), ((1 - style[7]) * 2).clamp(0.2, 1))
    width = 0.14 + 0.12 * style[8]
    furrows = 0.26 * faded * _bump(x.abs() - place - lean, width) * _bump(y - 5.6, 1.15)
    bridge = 0.16 * style[9] * _bump(y - 4.1, 0.25) * _bump(x, 1.0)
    return amount(4) * (furrows + bridge)


def _nose(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    slant = 0.2 + 0.4 * style[4]
    spacing = 0.6 + 0.35 * style[2]
    area = _bump(y - 3.1, 1.1) * _bump(x, 1.15)
    return 0.20 * amount(9) * _lines((y + slant * x.abs()) / spacing, style[8]) * area


def _eye(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    dx, dy = x.abs() - 4.55, y - 3.35
    radius = torch.sqrt(dx**2 + dy**2 + 1e-6)
    spread = 0.32 + 0.25 * style[5]
    rays = (
        torch.exp(-(((torch.remainder(torch.atan2(dy, dx) / spread + style[1], 1.0) - 0.5) / 0.2) ** 2)) - 0.3
    )
    crow = 0.22 * style[10] * rays * _bump(radius - 1.2, 0.8) * torch.sigmoid((dx - 0.1) * 8)
    lower = y - 2.45 + 0.25 * style[6] + 0.10 * (x.abs() - 3.2) ** 2
    pouch = 0.22 * (amount(6) + 0.8 * amount(7)).clamp(0, 1) * _bump(lower, 0.14 + 0.08 * style[3])
    return amount(6) * crow + pouch * _bump(x.abs() - 3.1, 1.2)


def _cheek(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    """The fold from the wing of the nose past the mouth corner, and the pits of a dimple."""
    down = (0.6 - y) / 3.9
    edge = 1.75 + 0.2 * style[3] + (1.4 + 0.4 * style[11]) * down.clamp(0, 1.2) ** 0.8
    width = 0.20 + 0.14 * style[8]
    fold = _bump(x.abs() - edge, width) - 0.12 * _bump(x.abs() - edge - 0.5, 0.4)
    fold = fold * torch.sigmoid(down * 12) * torch.sigmoid((1.05 - down) * 10)
    folded = (amount(12) + 0.8 * amount(10) + 0.6 * amount(9)).clamp(0, 1.1)
    dimple = 0.24 * amount(14) * _bump(x.abs() - 3.1, 0.3) * _bump(y + 3.45, 0.55)
    droop = 0.16 * amount(15) * _bump(x.abs() - 2.95 + 0.12 * (y + 4.2), 0.22) * _bump(y + 4.6, 0.8)
    return 0.15 * fold * folded + dimple + droop


def _chin(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    across = torch.sin(x * 5.3 + 2.1 * torch.sin(y * 2.3 + style[1] * 5) + style[1] * 6)
    upright = torch.sin(y * 6.1 + 1.7 * torch.sin(x * 2.9 + style[1] * 3) + style[2] * 9)
    return 0.07 * amount(17) * across * upright * _bump(x, 1.3) * _bump(y + 6.6, 0.8)
