"""Shapes that the rig lacks or has poorly, sculpted from its own geometry.

Letters: V vertices. Positions are cm on the neutral rig: the lips meet at y = -3.4, the mouth corners lie at
x = +-2.5, the eye slits at y = 3.4, the brows near y = 5.5; the person's left is x > 0.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SCULPTED = (
    *("noseWrinkle", "browKnit", "lidTighten", "lidLift"),
    *("lipTighten", "lipSuck", "lipFlare", "dimple"),
)
"""Names of the sculpted shapes without their side."""

_LIP_HEIGHT = 0.95
"""From the line between the lips to the outer edge of the red, in the middle."""


def sculpted_shapes(neutral: Array, shapes: dict[str, Array], skin: slice) -> dict[str, Array]:
    """New expression shapes by name, each (V, 3) cm at weight 1, from the rig's own `shapes` and `neutral` (V, 3)."""
    only_skin = np.zeros((len(neutral), 1), np.float32)
    only_skin[skin] = 1
    made: dict[str, Array] = {}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        half = _half(neutral, sign)
        made[f"noseWrinkle_{side}"] = _nose_wrinkle(neutral, shapes[f"noseSneer_{side}"])
        made[f"browKnit_{side}"] = _brow_knit(neutral, sign) * half
        made[f"lidTighten_{side}"] = _lid_tighten(neutral, sign)
        made[f"lidLift_{side}"] = _lid_lift(neutral, shapes[f"eyeWide_{side}"])
        made[f"lipTighten_{side}"] = _lip_tighten(neutral) * half
        made[f"lipSuck_{side}"] = _lip_suck(neutral) * half
        made[f"lipFlare_{side}"] = _lip_flare(neutral) * half
        made[f"dimple_{side}"] = _dimple(neutral, sign)
    return {name: (offsets * only_skin).astype(np.float32) for name, offsets in made.items()}


def _half(neutral: Array, sign: float) -> Array:
    """1 on one side of the face, 0 on the other, soft over the midline; both sides sum to 1."""
    return (1 / (1 + np.exp(-sign * neutral[:, :1] / 0.25))).astype(np.float32)


def _bump(value: Array, width: float) -> Array:
    return np.exp(-((value / width) ** 2))


def _step(value: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    part = np.clip(value, 0, 1)
    return part * part * (3 - 2 * part)


def _nose_wrinkle(neutral: Array, sneer: Array) -> Array:
    """The rig's sneer without what it does to the lips, so that the nose wrinkles over a closed mouth."""
    return sneer * _step((neutral[:, 1:2] + 2.3) / 1.7)


def _brow_knit(neutral: Array, sign: float) -> Array:
    """The inner brow drawn towards the midline and a little down."""
    x, y = neutral[:, 0] * sign, neutral[:, 1]
    area = _bump(x - 1.9, 1.2) * _bump(y - 5.4, 1.1) * _step(x / 0.8)
    swell = _bump(x - 0.6, 0.5) * _bump(y - 5.4, 0.9)
    return np.stack([-0.42 * sign * area, -0.20 * area, 0.16 * swell], 1)


def _lid_tighten(neutral: Array, sign: float) -> Array:
    """The lower lid raised and straightened, most in its middle; the upper lid and the cheek stay."""
    x, y = neutral[:, 0] * sign, neutral[:, 1]
    below = np.clip(2.7 - y, 0, None)
    area = _step((3.35 - y) / 0.3) * _bump(below, 0.6) * _bump(x - 3.15, 1.05)
    return np.stack([np.zeros_like(x), 0.36 * area, 0.08 * area], 1)


def _lid_lift(neutral: Array, wide: Array) -> Array:
    """What the rig's widened eye does to the upper lid, once more: alone it hardly bares the white of the eye."""
    return wide * _step((neutral[:, 1:2] - 3.2) / 0.4)


def _squeezed(neutral: Array, reach: float) -> tuple[Array, Array]:
    """Height (V,) over the line between the lips, faded out beyond the red within `reach` cm; and that fading."""
    x, y = neutral[:, 0], neutral[:, 1]
    above = y + 3.40 + 0.02 * np.abs(x)
    beyond = np.clip(np.abs(above) - _LIP_HEIGHT, 0, None)
    area = _bump(beyond, reach) * _step((3.0 - np.abs(x)) / 1.2)
    return above * area, area * (np.abs(above) < 2.5)


def _lip_tighten(neutral: Array) -> Array:
    """The red of both lips narrowed without pressing or parting them."""
    height, area = _squeezed(neutral, 0.6)
    return np.stack([-0.06 * neutral[:, 0] * area, -0.48 * height, -0.12 * area], 1)


def _lip_suck(neutral: Array) -> Array:
    """Both lips drawn in over the teeth: the red all but gone, the skin around it following."""
    height, area = _squeezed(neutral, 0.95)
    return np.stack([-0.03 * neutral[:, 0] * area, -0.84 * height, -0.22 * area], 1)


def _lip_flare(neutral: Array) -> Array:
    """Both lips turned outwards and forwards like a funnel: more of the red, less width."""
    height, area = _squeezed(neutral, 0.5)
    return np.stack([-0.12 * neutral[:, 0] * area, 0.24 * height, 0.40 * area], 1)


def _dimple(neutral: Array, sign: float) -> Array:
    """The mouth corner tightened: pulled back into the cheek and slightly outwards, without being lifted."""
    x, y = neutral[:, 0] * sign, neutral[:, 1]
    pit = _bump(x - 2.8, 0.65) * _bump(y + 3.5, 0.65)
    bulge = _bump(x - 3.7, 0.5) * _bump(y + 3.5, 1.0)
    flat = -0.55 * (y + 3.5) * _bump(x - 2.2, 0.7) * _bump(y + 3.5, 0.8)
    return np.stack([0.26 * sign * pit - 0.15 * sign * bulge, flat, -0.36 * pit + 0.12 * bulge], 1)
