"""A mildly perspective camera: rig centimetres to picture pixels.

Letters: B batch, N points. Rig axes: x to the person's left, y up, z towards the viewer.
Picture axes: x right, y down; pixel centres lie at half-integers.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

DISTANCE_CM = 150.0
"""Assumed distance between camera and head; photos rarely say, and faces change little beyond a metre."""


def rotation_matrix(rotation: Tensor) -> Tensor:
    """Rotation vectors (B, 3) in radians -> matrices (B, 3, 3), differentiable at zero."""
    angle = (rotation.pow(2).sum(-1, keepdim=True) + 1e-12).sqrt()
    x, y, z = (rotation / angle).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(-1, 3, 3)
    identity = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    sine, cosine = angle.sin()[:, :, None], angle.cos()[:, :, None]
    return identity + sine * cross + (1 - cosine) * (cross @ cross)


@dataclass(frozen=True)
class Camera:
    """One camera per batch item: `rotation` (B, 3) rad, `translation` (B, 2) px, `scale` (B,) px per cm at z = 0."""

    rotation: Tensor
    translation: Tensor
    scale: Tensor

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Rig points (B, N, 3) cm -> pixels (B, N, 2) and the rotated points (B, N, 3) cm."""
        turned = points @ rotation_matrix(self.rotation).transpose(1, 2)
        return self.project_turned(turned), turned

    def project_turned(self, turned: Tensor) -> Tensor:
        """Already rotated points (B, N, 3) cm -> pixels (B, N, 2)."""
        nearness = DISTANCE_CM / (DISTANCE_CM - turned[..., 2:3])
        flat = turned[..., :2] * nearness * self.scale[:, None, None]
        return torch.stack(
            [flat[..., 0] + self.translation[:, None, 0], self.translation[:, None, 1] - flat[..., 1]], -1
        )

    def cropped(self, offset_px: Tensor, zoom: Tensor) -> "Camera":
        """The same view in a picture whose pixels are (p - offset) * zoom; offset (B, 2), zoom (B,)."""
        return replace(
            self, translation=(self.translation - offset_px) * zoom[:, None], scale=self.scale * zoom
        )
