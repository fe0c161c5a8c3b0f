"""The inside of the mouth, which no photo shows: teeth, tongue and cheeks, darker the deeper they lie.

Letters: B pictures, P covered pixels, P' those of them inside the mouth.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from finetune.synthetic.raster import Fragments
from finetune.synthetic.rig import MATERIALS, Rig
from finetune.synthetic.surface import Surface
from finetune.synthetic.texture import Person

_MOUTH_COLOUR = {"socket": (0.46, 0.17, 0.16), "gums": (0.72, 0.36, 0.35), "teeth": (1.06, 1.02, 0.93)}
_FADING_PER_CM = {"socket": 0.34, "gums": 0.20, "teeth": 0.13}
"""How fast the inside of the mouth grows dark with depth behind the lips; the tongue is part of the gums."""
TOOTH_GAP_PX = 5
"""Slits between teeth up to this wide are closed: at this size teeth show as one band."""


def mouth_colours(
    rig: Rig,
    person: Person,
    expression: Tensor,
    tooth_tone: Tensor | None,
    surface: Surface,
    fragments: Fragments,
    turned: Tensor,
    photo: Tensor,
    gap: Tensor,
    size_px: int,
) -> Tensor:
    """Inside of the mouth (P', 3): darker with depth behind the lips; lips that stay shut keep the photo's own line."""
    mouth = surface.mouth
    picture = fragments.picture[mouth]
    material = _without_slits(surface, fragments, size_px)
    table = torch.zeros(len(MATERIALS), 4, device=photo.device)
    for name, paint in _MOUTH_COLOUR.items():
        table[MATERIALS.index(name)] = table.new_tensor((*paint, _FADING_PER_CM[name]))
    colour = table[material, :3] * person.tooth_brightness[picture][:, None]
    teeth = material == MATERIALS.index("teeth")
    if tooth_tone is not None:
        colour = colour * torch.where(teeth[:, None], tooth_tone[picture], 0).exp()
    behind = (person.lip_depth[picture] - surface.depth[mouth]).clamp_min(0)
    fading = torch.exp(-behind * table[material, 3])
    aside = (surface.rest[mouth, 0].abs() / 2.6).clamp(0, 1.2)
    light = (torch.where(teeth, 0.22, 0.14) + 0.92 * fading) * (1.05 - 0.6 * aside**2)
    corners = turned[picture[:, None], rig.triangles[fragments.triangle[mouth]]]
    normal = torch.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], dim=-1)
    light = light * (0.62 + 0.38 * F.normalize(normal, dim=-1)[:, 2].clamp(0, 1))
    # Little light falls past lips that are pushed forwards, or through a narrow slit.
    light = light * (1 - 0.6 * _funnelled(rig, expression)[picture])
    wide = (gap[picture] / 0.30).clamp(0, 1)[:, None]
    colour = colour * light[:, None] * wide + person.lip_shadow[picture] * (1 - wide)
    parted = torch.maximum((gap / 0.18).clamp(0, 1), person.mouth_was_open)[picture][:, None]
    return colour * parted + photo[mouth] * (1 - parted)


def _funnelled(rig: Rig, expression: Tensor) -> Tensor:
    """How far (B,) the lips are pushed forwards around the opening, 0-1."""
    shapes = [rig.shape_index(name) for name in ("mouthFunnel", "lipFlare_L", "lipFlare_R")]
    return (0.5 * expression[:, shapes].sum(1)).clamp(0, 1)


def _without_slits(surface: Surface, fragments: Fragments, size_px: int) -> Tensor:
    """Materials (P',) of the mouth's pixels, with teeth also where there is only a slit between teeth."""
    mouth = surface.mouth
    material, pixel = surface.material[mouth], fragments.pixel[mouth]
    tooth = MATERIALS.index("teeth")
    if not len(pixel):
        return material
    rows = torch.zeros((int(fragments.pixel.max()) // size_px + 1) * size_px, device=pixel.device)
    rows[pixel[material == tooth]] = 1
    rows = rows.view(1, -1, size_px)
    half = TOOTH_GAP_PX // 2
    wider = F.max_pool1d(rows, TOOTH_GAP_PX, 1, half)
    closed = -F.max_pool1d(-wider, TOOTH_GAP_PX, 1, half)
    return torch.where(closed.flatten()[pixel] > 0, tooth, material)
