"""The colour of a person's skin, found in the photo and changed: more or less melanin on face, neck and ears.

Letters: B pictures, S skin vertices, N pixels of all pictures.
"""

import torch
from torch import Tensor

from finetune.synthetic.rig import Rig
from finetune.synthetic.texture import Person

MELANIN = (0.55, 0.85, 1.0)
"""How much melanin takes from red, green and blue, in log, relative to blue."""
LIPS_AND_BELOW, BELOW_BROWS = -2.0, 2.0
"""Heights in cm on the neutral rig between which the skin's colour is measured: the cheeks and the nose."""
_ALIKE = 0.16
_FLOOR = 0.03
_BRIGHTEST = 0.85


def skin_colour(rig: Rig, person: Person) -> Tensor:
    """Mean colour (B, 3) RGB of cheeks and nose in the photo of a stacked person."""
    height = rig.neutral[rig.skin, 1]
    chosen = (height > LIPS_AND_BELOW) & (height < BELOW_BROWS)
    return person.colour[:, rig.skin][:, chosen].mean(1)


def recolour_skin(pixels: Tensor, skin: Tensor, tone: Tensor, face: Tensor, protected: Tensor) -> Tensor:
    """Pixels (N, 3) whose hue is that of the skin (B, 3), multiplied by exp(tone) (B, 3).

    `face` and `protected` are indices: pixels of the face change for the greater part whatever their hue (lips, beard),
    protected ones (eyes, mouth) not at all. Pixels much brighter than the skin are none of it, and skin is not made
    brighter than `_BRIGHTEST`.
    """
    tone = torch.minimum(tone, (_BRIGHTEST / (skin + _FLOOR)).log().clamp_min(0))
    logs = (pixels.clamp_min(0) + _FLOOR).log().view(len(skin), -1, 3)
    unlike = _hue(logs) - _hue((skin + _FLOOR).log())[:, None]
    brighter = (logs[..., 1] - (skin[:, None, 1] + _FLOOR).log() - 0.6).clamp_min(0)
    alike = torch.exp(-(unlike.pow(2).sum(-1) + brighter.pow(2)) / (2 * _ALIKE**2)).view(-1)
    alike[face] = 0.6 + 0.4 * alike[face]
    alike[protected] = 0
    change = (tone[:, None] * alike.view(len(skin), -1, 1)).view(-1, 3)
    return pixels * change.exp()


def _hue(logs: Tensor) -> Tensor:
    """Log ratios (..., 2) of red and blue to green: the same in shade and in light."""
    return torch.stack([logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1]], -1)
