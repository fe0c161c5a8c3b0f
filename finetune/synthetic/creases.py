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

APPEARS_EARLY = 0.65
"""Creases grow with this power of the movement: a slight pull already folds the skin."""

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
        """Creases for intensities (B, 2, A) on skins of a style (B, 12); style 0 says how deep, seldom almost none."""
        smooth = style[:, :1, None]
        depth = np.where(smooth < 0.06, 0.2, 0.55 + 0.8 * smooth)
        varied = (
            movement(intensity) ** APPEARS_EARLY
            * depth
            * rng.uniform(0.65, 1.25, intensity.shape[::2])[:, None]
        )
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
    shade = shade + _eye(x, y, style, amount) + _cheek(x, y, style, amount)
    return shade + _lips(x, y, style, amount) + _chin(x, y, style, amount)


def _bump(value: Tensor, width: Tensor | float) -> Tensor:
    return torch.exp(-((value / width) ** 2))


def _lines(position: Tensor, phase: Tensor) -> Tensor:
    """Dark lines at every whole step of position, with slightly lit skin between them."""
    return torch.exp(-(((torch.remainder(position + phase, 1.0) - 0.5) / 0.16) ** 2)) - 0.22


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
    place = 0.45 + 0.35 * style[6]
    faded = torch.where(x < 0, (style[7] * 2).clamp(0.35, 1), ((1 - style[7]) * 2).clamp(0.35, 1))
    width = 0.17 + 0.10 * style[8]
    upright = _bump(y - 5.6, 1.15)
    furrows = 0.46 * faded * _bump(x.abs() - place - lean, width) * upright
    swelling = -0.12 * _bump(x.abs() - place - lean - 0.5, 0.3) * upright
    bridge = (0.10 + 0.20 * style[9]) * _bump(y - 4.1, 0.25) * _bump(x, 1.0)
    return amount(4) * (furrows + swelling + bridge + 0.12 * _bump(x, 1.6) * _bump(y - 5.0, 0.8))


def _nose(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    slant = 0.2 + 0.4 * style[4]
    spacing = 0.65 + 0.35 * style[2]
    area = _bump(y - 3.0, 1.2) * _bump(x, 1.25)
    root = 0.22 * _bump(y - 4.2, 0.3) * _bump(x, 1.1)
    wing = 0.22 * _bump(x.abs() - 1.75 + 0.25 * (y - 0.3), 0.22) * _bump(y - 0.3, 0.8)
    return amount(9) * (0.30 * _lines((y + slant * x.abs()) / spacing, style[8]) * area + root + wing)


def _eye(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    dx, dy = x.abs() - 4.55, y - 3.35
    radius = torch.sqrt(dx**2 + dy**2 + 1e-6)
    spread = 0.32 + 0.25 * style[5]
    rays = (
        torch.exp(-(((torch.remainder(torch.atan2(dy, dx) / spread + style[1], 1.0) - 0.5) / 0.2) ** 2)) - 0.3
    )
    crow = (0.14 + 0.18 * style[10]) * rays * _bump(radius - 1.2, 0.8) * torch.sigmoid((dx - 0.1) * 8)
    under = y - 2.40 + 0.10 * (x.abs() - 3.2) ** 2
    inside = _bump(x.abs() - 3.2, 1.25)
    pouch = 0.32 * _bump(under + 0.30 + 0.25 * style[6], 0.20 + 0.08 * style[3]) * inside
    # A tightened lid swells at its edge above one clear line; the cheek stays as it is.
    line = (0.42 * _bump(under + 0.08 * style[6], 0.15) - 0.14 * _bump(under - 0.27, 0.16)) * inside
    return amount(6) * (crow + pouch) + amount(7) * line


def _cheek(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    """The fold from the wing of the nose past the mouth corner, the pits of a dimple, the folds of drawn corners."""
    down = (0.6 - y) / 3.9
    edge = 1.75 + 0.2 * style[3] + (1.4 + 0.4 * style[11]) * down.clamp(0, 1.2) ** 0.8
    width = 0.20 + 0.14 * style[8]
    fold = _bump(x.abs() - edge, width) - 0.15 * _bump(x.abs() - edge - 0.5, 0.4)
    fold = fold * torch.sigmoid(down * 12) * torch.sigmoid((1.05 - down) * 10)
    folded = (amount(12) + amount(10) + 0.7 * amount(9)).clamp(0, 1.2)
    arc = x.abs() - 2.95 - 0.15 * style[5] + 0.22 * (y + 3.45) ** 2
    dimple = (0.54 * _bump(arc, 0.24) - 0.08 * _bump(arc - 0.55, 0.3)) * _bump(y + 3.45, 0.75)
    droop = 0.38 * _bump(x.abs() - 2.95 + 0.12 * (y + 4.2), 0.22) * _bump(y + 4.6, 0.8)
    taut = 0.26 * _bump(x.abs() - 3.35 - 0.2 * style[6], 0.20) * _bump(y + 3.9, 0.9)
    return 0.24 * fold * folded + amount(14) * dimple + amount(15) * droop + amount(20) * taut


def _lips(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    """Fine upright lines of tightened and puckered lips, the line and the bulges of pressed ones."""
    above = y + 3.40 + 0.02 * x.abs()
    far = above.abs()
    upright = _lines(x / (0.55 + 0.2 * style[2]), style[1])
    fine = upright * _bump(far - 1.15, 0.45) * _bump(x, 2.2)
    rim = _bump(far - 0.98, 0.16) * _bump(x, 2.3)
    line = _bump(above, 0.20) * torch.sigmoid((2.7 - x.abs()) * 5)
    bulge = _bump(far - 1.35, 0.35) * _bump(x, 1.9)
    below = _bump(above + 1.75, 0.28) * _bump(x, 1.5)
    tightened = amount(23) * (0.14 * fine + 0.24 * rim)
    pressed = amount(24) * (0.42 * line - 0.16 * bulge + 0.26 * below)
    sucked = amount(28) * (0.40 * _bump(above, 0.45) * _bump(x, 2.4) + 0.06 * fine)
    return tightened + pressed + sucked + 0.14 * amount(18) * fine


def _chin(x: Tensor, y: Tensor, style: Style, amount: Amount) -> Tensor:
    across = torch.sin(x * 5.3 + 2.1 * torch.sin(y * 2.3 + style[1] * 5) + style[1] * 6)
    upright = torch.sin(y * 6.1 + 1.7 * torch.sin(x * 2.9 + style[1] * 3) + style[2] * 9)
    pebbled = 0.15 * across * upright * _bump(x, 1.4) * _bump(y + 6.5, 0.9)
    groove = 0.28 * _bump(y + 5.15 + 0.12 * x**2, 0.26) * _bump(x, 1.5)
    return amount(17) * (pebbled + groove)
