"""Where on the aligned chip each action unit is seen: ellipses in chip units, the same for every face.

The chip's template puts the midpoint of the eyes at (0.5, 0.36) and the eye centres 0.30 apart (`vlfau.alignment`),
so brows, lids, nose, mouth and chin of an upright face lie at known places. x grows to the right of the picture, y
downwards.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the pages draw the regions before torch is loaded
    from torch import Tensor

Ellipse = tuple[float, float, float, float]
"""Centre x, centre y, half width, half height, in chip units."""


def _pair(x: float, y: float, rx: float, ry: float) -> tuple[Ellipse, ...]:
    """An ellipse and its mirror image; x is measured from the middle of the face."""
    return (0.5 - x, y, rx, ry), (0.5 + x, y, rx, ry)


_MOUTH = ((0.5, 0.71, 0.20, 0.11),)
_CORNERS = _pair(0.13, 0.71, 0.10, 0.10)

REGIONS: dict[int, tuple[Ellipse, ...]] = {
    1: ((0.5, 0.22, 0.16, 0.13),),
    2: _pair(0.19, 0.22, 0.12, 0.13),
    4: ((0.5, 0.28, 0.20, 0.11),),
    5: _pair(0.15, 0.34, 0.12, 0.09),
    6: _pair(0.19, 0.43, 0.13, 0.11),
    7: _pair(0.15, 0.37, 0.12, 0.08),
    9: ((0.5, 0.42, 0.13, 0.15),),
    10: ((0.5, 0.61, 0.18, 0.11),),
    12: _pair(0.14, 0.66, 0.13, 0.14),
    14: _CORNERS,
    15: _pair(0.13, 0.75, 0.11, 0.11),
    17: ((0.5, 0.83, 0.15, 0.11),),
    18: _MOUTH,
    20: _pair(0.14, 0.73, 0.13, 0.11),
    22: _MOUTH,
    23: _MOUTH,
    24: _MOUTH,
    25: _MOUTH,
    26: ((0.5, 0.79, 0.22, 0.18),),
    27: ((0.5, 0.79, 0.24, 0.20),),
    28: _MOUTH,
    43: _pair(0.15, 0.36, 0.12, 0.08),
}


def region_prior(numbers: tuple[int, ...], grid: int) -> "Tensor":
    """(A, grid, grid) in 0-1: 1 inside the unit's region, falling off smoothly to 0 outside."""
    import torch

    at = (torch.arange(grid) + 0.5) / grid
    y, x = torch.meshgrid(at, at, indexing="ij")
    maps = []
    for number in numbers:
        distances = [((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 for cx, cy, rx, ry in REGIONS[number]]
        nearest = torch.stack(distances).amin(dim=0)
        maps.append(torch.sigmoid((1.0 - nearest) * 4))
    return torch.stack(maps)
