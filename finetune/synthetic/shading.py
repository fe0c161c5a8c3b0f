"""Light on skin: normals, grooves, and soft light as spherical harmonics.

Letters: B faces, V vertices, S skin vertices.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from finetune.synthetic.rig import Rig

LUMINANCE = (0.299, 0.587, 0.114)
LIGHT_TERMS = 9


def skin_normals(rig: Rig, points: Tensor) -> Tensor:
    """Unit normals (B, S, 3) of the skin from points (B, V, 3)."""
    triangles = rig.skin_triangles
    corners = points[:, triangles]
    face = torch.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0], dim=-1)
    total = torch.zeros(len(points), rig.skin.stop, 3, device=points.device)
    for corner in range(3):
        total.index_add_(1, triangles[:, corner], face)
    return F.normalize(total, dim=-1)


def concavity(rig: Rig, points: Tensor, normals: Tensor) -> Tensor:
    """How much the neighbours of each skin vertex rise above it (B, S): positive in a groove, unitless."""
    around = points[:, rig.skin_neighbours] - points[:, rig.skin, None]
    return ((around * normals[:, :, None]).sum(-1) / around.norm(dim=-1).clamp_min(1e-4)).mean(-1)


def light_basis(normals: Tensor) -> Tensor:
    """Second-order spherical harmonics (..., 9) of unit normals (..., 3), unnormalised."""
    x, y, z = normals.unbind(-1)
    one = torch.ones_like(x)
    return torch.stack([one, x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], -1)


def fit_light(normals: Tensor, luminance: Tensor, weights: Tensor, rounds: int = 6) -> Tensor:
    """Light (9,) that explains luminance (S,) on normals (S, 3), ridge and outliers damped (brows, beard, spots)."""
    basis = light_basis(normals)
    ridge = torch.tensor([0.01] + [0.02] * 3 + [0.08] * 5, device=normals.device)
    trust = weights
    light = torch.zeros(LIGHT_TERMS, device=normals.device)
    for _ in range(rounds):
        weighted = basis * trust[:, None]
        light = torch.linalg.solve(
            weighted.T @ basis + torch.diag(ridge) * trust.sum().clamp_min(1.0), weighted.T @ luminance
        )
        trust = weights / (1 + ((luminance - basis @ light) / 0.08) ** 2)
    return light


def log_ratio(normals_then: Tensor, light_then: Tensor, normals_now: Tensor, light_now: Tensor) -> Tensor:
    """Log of how much brighter each skin vertex (B, S) is now than in the photo; lights are (B, 9)."""
    then = (light_basis(normals_then) * light_then[:, None]).sum(-1).clamp_min(0.08)
    now = (light_basis(normals_now) * light_now[:, None]).sum(-1).clamp_min(0.08)
    return torch.log(now / then).clamp(-0.9, 0.7)
