"""What the pixels of a picture show: the rig's attributes interpolated at every covered pixel.

Letters: P covered pixels.
"""

from dataclasses import dataclass

from torch import Tensor

from finetune.synthetic.rig import MATERIALS


@dataclass(frozen=True)
class Surface:
    """Interpolated at the covered pixels: photo_px (P, 2), shown (P,), colour (P, 3), log_shade (P,), rest (P, 2) the
    place on the neutral rig, depth (P,) cm, material (P,)."""

    photo_px: Tensor
    shown: Tensor
    colour: Tensor
    log_shade: Tensor
    rest: Tensor
    depth: Tensor
    material: Tensor

    @property
    def skin(self) -> Tensor:
        return self.material == MATERIALS.index("skin")

    @property
    def eye(self) -> Tensor:
        return self.material >= MATERIALS.index("eye_left")

    @property
    def mouth(self) -> Tensor:
        return ~self.skin & ~self.eye
