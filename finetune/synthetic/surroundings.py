"""What surrounds a turned face: the photo drawn anew, pulled up to the face's new outline.

The renderer moves what surrounds the face along with it, which is right for small turns; after a large one the far
cheek would still stand there.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from finetune.synthetic.texture import CROP_PX

FEATHER_PX = 3.0
"""Over how many pixels a turned face goes over into its surroundings."""


def with_surroundings(
    picture: NDArray[np.uint8],
    landmarks_px: NDArray[np.float32],
    photo: torch.Tensor,
    photo_landmarks_px: NDArray[np.float32],
    scale: float,
) -> NDArray[np.uint8]:
    """The picture (S, S, 3) inside the outline of its landmarks (478, 2), around it the photo pulled up to it.

    Along every ray from the middle of the face the photo is shifted so that the outline of its own landmarks comes
    to lie on the picture's. photo (3, H, W) 0-1; `photo_landmarks_px` are pixels of the crop, `scale` picture pixels
    per crop pixel.
    """
    here, there = Outline.around(landmarks_px), Outline.around(photo_landmarks_px)
    size = picture.shape[0]
    at = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), -1)
    ray = at - here.middle
    distance = np.linalg.norm(ray, axis=-1)
    ray /= np.maximum(distance, 1e-6)[..., None]
    beyond = (distance - here.radius(ray)) / scale
    source = there.middle + ray * (there.radius(ray) + beyond)[..., None]
    grid = torch.from_numpy(source / CROP_PX * 2 - 1).float()[None]
    around = F.grid_sample(photo[None], grid, padding_mode="border", align_corners=False)[0]
    inside = np.clip(-beyond * scale / FEATHER_PX, 0, 1)[..., None]
    mixed = picture * inside + around.permute(1, 2, 0).numpy() * 255 * (1 - inside)
    return np.round(mixed).clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Outline:
    """The convex outline of points: its middle (2,), and normals (E, 2) and distances (E,) of its sides from there."""

    middle: NDArray[np.floating]
    normals: NDArray[np.floating]
    distances: NDArray[np.floating]

    @classmethod
    def around(cls, points: NDArray[np.floating]) -> "Outline":
        """Of points (N, 2)."""
        sides = ConvexHull(points[:468]).equations  # normal . x + offset <= 0 inside
        low, high = points[:468].min(0), points[:468].max(0)
        middle = (low + high) / 2
        return cls(middle, sides[:, :2], -(sides[:, :2] @ middle + sides[:, 2]))

    def radius(self, ray: NDArray[np.floating]) -> NDArray[np.floating]:
        """How far the outline is from the middle along unit vectors (..., 2) -> (...)."""
        return 1 / (ray @ self.normals.T / self.distances).max(-1)
