"""What an action unit does to the rig: intensity 0-5 on each side -> weights of expression shapes.

Letters: B faces, A 22 action units, K expression shapes. Sides are the person's own, left first.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finetune.synthetic.rig import Rig
from vlfau.action_units import AU_NUMBERS

SIDES = ("L", "R")
INDEX = {number: index for index, number in enumerate(AU_NUMBERS)}
"""Position of an action unit in every array."""
WEIGHT_AT_INTENSITY = (0.0, 0.18, 0.38, 0.58, 0.80, 1.0)
"""Part of the full movement at intensities 0 and A to E: B is slight but seen. A judgement by eye, not by coders."""
HIGHEST_WEIGHT = 1.25
STARTS_AT = {27: 0.42, 43: 0.35, 5: 0.18, 7: 0.18, 14: 0.2, 18: 0.08, 23: 0.2, 24: 0.12}
"""Part of the full movement at which a unit begins: the stretched mouth goes on where the dropped jaw (26) ends, lids
that droop by less belong to a face at rest, and the smallest movements would be lost among faces at rest."""

# A name ending in * stands for the pair of its left and right shape.
SHAPES: dict[int, dict[str, float]] = {
    1: {"browInnerUp*": 1.15},
    2: {"browOuterUp*": 1.15},
    4: {"browDown*": 1.1, "browKnit*": 1.2},
    5: {"eyeWide*": 1.0, "lidLift*": 0.85},
    6: {"cheekSquint*": 1.1, "cheekRaiser*": 0.7, "eyeSquint*": 0.4, "lidTighten*": 0.3},
    7: {"eyeSquint*": 0.9, "lidTighten*": 0.9, "eyeBlink*": 0.17},
    9: {"noseWrinkle*": 1.2, "browDown*": 0.4},
    10: {"mouthUpperUp*": 0.75, "noseSneer*": 0.12},
    12: {"mouthSmile*": 1.0},
    14: {"dimple*": 1.35, "mouthDimple*": 0.4, "mouthPress*": 0.2},
    15: {"mouthFrown*": 1.2},
    17: {"mouthShrugLower": 1.0, "mouthShrugUpper": 0.35},
    18: {"mouthPucker": 0.95},
    20: {"mouthStretch*": 1.2},
    22: {"mouthFunnel": 0.28, "mouthPucker": 0.35, "lipFlare*": 1.0},
    23: {"lipTighten*": 1.15, "mouthPucker": 0.12},
    24: {"mouthPress*": 1.0, "lipTighten*": 0.45},
    25: {"mouthLowerDown*": 0.45, "mouthUpperUp*": 0.2, "jawOpen": 0.06},
    26: {"jawOpen": 0.33, "mouthLowerDown*": 0.12},
    27: {"jawOpen": 0.85, "mouthStretch*": 0.1, "mouthUpperUp*": 0.2, "mouthLowerDown*": 0.25},
    28: {"lipSuck*": 1.0},
    43: {"eyeBlink*": 1.05},
}

_OPEN, _SHUT = (22, 25, 26, 27), (23, 24, 28)
# fmt: off
NEVER_TOGETHER = frozenset(
    frozenset(pair)
    for pair in [
        *((opening, shutting) for opening in _OPEN for shutting in _SHUT),
        *combinations(_SHUT, 2),
        (5, 43), (12, 15), (12, 18), (12, 22), (14, 18), (14, 22), (15, 20), (15, 22), (18, 20), (20, 22),
        (18, 24), (18, 28), (20, 24), (20, 28), (10, 28), (10, 24), (17, 26), (17, 27), (17, 22), (26, 27),
        (18, 27), (14, 27), (15, 27), (22, 27), (22, 26),
    ]
)
# fmt: on
"""Pairs that pull against each other or cannot be told apart in a picture, so that no face is given both."""


def intensities(units: Mapping[int | str, float] | Mapping[int, float]) -> NDArray[np.float32]:
    """Intensities (2, A), left and right: `{12: 3}` means both sides, `{"12L": 3}` the person's left."""
    table = np.zeros((2, len(AU_NUMBERS)), np.float32)
    for unit, intensity in units.items():
        if isinstance(unit, str):
            table[SIDES.index(unit[-1]), INDEX[int(unit[:-1])]] = intensity
        else:
            table[:, INDEX[unit]] = intensity
    return table


def movement(intensity: NDArray[np.floating]) -> NDArray[np.float32]:
    """Intensity 0-5 -> part of the full movement 0-1, linear between the letters."""
    return np.interp(intensity, range(6), WEIGHT_AT_INTENSITY).astype(np.float32)


def intensity_of(moved: NDArray[np.floating]) -> NDArray[np.float32]:
    """The inverse of `movement`, for labels that are measured on the rendered geometry."""
    return np.interp(moved, WEIGHT_AT_INTENSITY, range(6)).astype(np.float32)


def rig_weights(rig: Rig, intensity: NDArray[np.floating]) -> Tensor:
    """Intensities (B, 2, A), left and right, -> expression weights (B, K) on the rig's device."""
    moved = movement(intensity)
    for number, start in STARTS_AT.items():
        part = moved[..., INDEX[number]]
        moved[..., INDEX[number]] = np.where(part > 0, start + (1 - start) * part, 0)
    strength = torch.from_numpy(moved).to(rig.device)
    return (strength.flatten(1) @ _basis(rig)).clamp(0, HIGHEST_WEIGHT)


def _basis(rig: Rig) -> Tensor:
    """(2 * A, K): what each action unit of each side adds at full movement; midline shapes get half from each side."""
    basis = torch.zeros(2, len(AU_NUMBERS), len(rig.expression_names), device=rig.device)
    for number, shapes in SHAPES.items():
        for name, weight in shapes.items():
            for side, letter in enumerate(SIDES):
                if name.endswith("*"):
                    basis[side, INDEX[number], rig.shape_index(f"{name[:-1]}_{letter}")] += weight
                else:
                    basis[side, INDEX[number], rig.shape_index(name)] += weight / 2
    return basis.flatten(0, 1)
