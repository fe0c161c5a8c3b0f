"""Which triangle each pixel sees: a z-buffer in tensor operations, with no loop over triangles or pictures.

Letters: B pictures, V vertices, T triangles, P covered pixels. Pixel centres lie at half-integers.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOWS_PX = (2, 4, 8, 16, 32, 64, 128)
"""Triangles are tested in square windows of these sizes; larger ones are dropped (they have a hidden corner)."""
DEPTH_RANGE_CM = 60.0
_TRIANGLE_BITS = 24
_DEPTH_STEPS = 2**30


@dataclass(frozen=True)
class Fragments:
    """The visible surface, one row per covered pixel: `pixel` (P,) flat index into B*H*W, `picture` (P,),
    `triangle` (P,), `weights` (P, 3) barycentric, summing to 1."""

    pixel: Tensor
    picture: Tensor
    triangle: Tensor
    weights: Tensor

    def interpolate(self, attributes: Tensor, triangles: Tensor) -> Tensor:
        """Vertex attributes (B, V, C) -> values at the pixels (P, C)."""
        corners = attributes[self.picture[:, None], triangles[self.triangle]]
        return (corners * self.weights[..., None]).sum(1)


def rasterise(points: Tensor, triangles: Tensor, height: int, width: int) -> Fragments:
    """Draw triangles (T, 3) over points (B, V, 3): pixel x, pixel y (down), depth in cm (larger is nearer).

    Triangles seen from behind are left out. A vertex outside everything (say at 1e6) drops its triangles.
    """
    batch = len(points)
    corners = points[:, triangles]
    area = _cross(corners[..., 1, :2] - corners[..., 0, :2], corners[..., 2, :2] - corners[..., 0, :2])
    low = torch.ceil(corners[..., :2].amin(2) - 0.5)
    high = torch.floor(corners[..., :2].amax(2) - 0.5)
    span = (high - low + 1).amax(-1)  # before clamping, or dropped vertices would pass
    limit = torch.tensor([width - 1, height - 1], device=points.device, dtype=points.dtype)
    low, high = low.clamp_min(0), torch.minimum(high, limit)
    # y points down, so triangles that face the camera have a negative area.
    drawn = (area < -1e-6) & ((high - low) >= 0).all(-1)
    buffer = torch.full((batch * height * width,), -1, dtype=torch.int64, device=points.device)
    smaller = 0
    for window in WINDOWS_PX:
        picture, triangle = torch.nonzero(drawn & (span > smaller) & (span <= window), as_tuple=True)
        smaller = window
        if len(picture):
            _draw_window(
                buffer,
                corners[picture, triangle],
                low[picture, triangle],
                picture * (height * width),
                triangle,
                window,
                (height, width),
            )
    return _fragments(buffer, corners, height, width)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _edge_coefficients(corners: Tensor) -> tuple[Tensor, Tensor]:
    """Affine maps from pixel to barycentric weights 0 and 1: each (N, 3), w = c0 * x + c1 * y + c2."""
    ax, ay = corners[:, 0, 0], corners[:, 0, 1]
    bx, by = corners[:, 1, 0], corners[:, 1, 1]
    cx, cy = corners[:, 2, 0], corners[:, 2, 1]
    inverse = 1 / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
    first = torch.stack([by - cy, cx - bx, bx * cy - by * cx], -1) * inverse[:, None]
    second = torch.stack([cy - ay, ax - cx, cx * ay - cy * ax], -1) * inverse[:, None]
    return first, second


def _local(corners: Tensor, origin: Tensor) -> Tensor:
    """Corners relative to their own window: small numbers keep float32 exact."""
    return torch.cat([corners[..., :2] - origin[:, None], corners[..., 2:]], -1)


def _draw_window(
    buffer: Tensor,
    corners: Tensor,
    low: Tensor,
    picture_start: Tensor,
    triangle: Tensor,
    window: int,
    size: tuple[int, int],
) -> None:
    """Test every pixel of each triangle's window and keep the nearest surface, packed as (depth, triangle)."""
    height, width = size
    corners = _local(corners, low)
    first, second = _edge_coefficients(corners)
    step = torch.arange(window, device=buffer.device, dtype=corners.dtype) + 0.5
    x, y = step[None, None, :], step[None, :, None]
    shape = (-1, 1, 1)
    w0 = first[:, 0].view(shape) * x + first[:, 1].view(shape) * y + first[:, 2].view(shape)
    w1 = second[:, 0].view(shape) * x + second[:, 1].view(shape) * y + second[:, 2].view(shape)
    inside = (w0 >= -1e-5) & (w1 >= -1e-5) & (w0 + w1 <= 1 + 1e-5)
    inside &= (x < width - low[:, 0].view(shape)) & (y < height - low[:, 1].view(shape))
    row, iy, ix = torch.nonzero(inside, as_tuple=True)
    w0, w1 = w0[row, iy, ix], w1[row, iy, ix]
    depths = corners[row, :, 2]
    depth = w0 * depths[:, 0] + w1 * depths[:, 1] + (1 - w0 - w1) * depths[:, 2]
    step_index = ((depth + DEPTH_RANGE_CM) / (2 * DEPTH_RANGE_CM)).clamp(0, 1) * _DEPTH_STEPS
    key = step_index.long() << _TRIANGLE_BITS | triangle[row]
    place = picture_start[row] + (low[row, 1].long() + iy) * width + low[row, 0].long() + ix
    buffer.scatter_reduce_(0, place, key, "amax")


def _fragments(buffer: Tensor, corners: Tensor, height: int, width: int) -> Fragments:
    pixel = torch.nonzero(buffer >= 0)[:, 0]
    triangle = buffer[pixel] & (2**_TRIANGLE_BITS - 1)
    picture = pixel // (height * width)
    inside = pixel % (height * width)
    centre = torch.stack([inside % width, inside // width], -1).to(corners.dtype)
    first, second = _edge_coefficients(_local(corners[picture, triangle], centre))
    w0 = 0.5 * (first[:, 0] + first[:, 1]) + first[:, 2]
    w1 = 0.5 * (second[:, 0] + second[:, 1]) + second[:, 2]
    return Fragments(pixel, picture, triangle, torch.stack([w0, w1, 1 - w0 - w1], -1))


def fill_unknown(values: Tensor, known: Tensor, levels: int = 6) -> Tensor:
    """Extend values (B, C, H, W) smoothly to where known (B, 1, H, W) is 0, by a pyramid of weighted means."""
    pyramid = [(values * known, known)]
    for _ in range(levels):
        sums, counts = pyramid[-1]
        if min(sums.shape[-2:]) < 4:
            break
        pyramid.append((F.avg_pool2d(sums, 2, ceil_mode=True), F.avg_pool2d(counts, 2, ceil_mode=True)))
    sums, counts = pyramid[-1]
    mean = sums.sum((2, 3), keepdim=True) / counts.sum((2, 3), keepdim=True).clamp_min(1e-6)
    filled = torch.where(counts > 1e-6, sums / counts.clamp_min(1e-6), mean)
    for sums, counts in reversed(pyramid[:-1]):
        coarse = F.interpolate(filled, size=sums.shape[-2:], mode="bilinear", align_corners=False)
        trust = (counts * 4).clamp(0, 1)
        filled = torch.where(
            counts > 1e-6, sums / counts.clamp_min(1e-6) * trust + coarse * (1 - trust), coarse
        )
    return filled
