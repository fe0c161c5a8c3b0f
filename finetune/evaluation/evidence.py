"""Whether evidence maps show what decides: erase where a map points and see how far the logit falls.

Only pixels are erased; the landmarks that came with the face stay. So the logit that counts is the one that the
network gives from pixels alone; the fused logit, in which the landmarks speak too, is reported beside it.
Letters: n pairs of a face and an action unit it shows, A action units, G grid side, S chip side (px).
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from finetune.evaluation.render_scores import PRESENT_FROM
from finetune.faces import LabelledFaces
from vlfau.action_units import AU_NUMBERS
from vlfau.model import VLFAUModel
from vlfau.regions import region_prior

ERASED_SHARE = 0.1
"""Share of the map's cells that are erased: the ones with the highest evidence."""

RANDOM_AREAS = 4
"""Random areas of the face that each positive is compared with."""

LEAST_FALL = 0.01
"""A mean fall by random areas below this counts as this, in logits, so that the ratio stays finite."""


@dataclass(frozen=True)
class Erasure:
    """What erasing did: falls (n,) of the logit from pixels alone and of the fused one, and where the mass lies."""

    unit: NDArray[np.int64]
    """(n,) index of the action unit."""
    pixels_top: NDArray[np.floating]
    pixels_random: NDArray[np.floating]
    fused_top: NDArray[np.floating]
    fused_random: NDArray[np.floating]
    mass: NDArray[np.floating]
    """(n,) share of the map inside the action unit's region, 0-1."""

    def take(self, rows: NDArray) -> "Erasure":
        """Some of the positives, by index or mask."""
        return Erasure(*(getattr(self, field.name)[rows] for field in fields(self)))


def positives(peak: NDArray[np.floating], per_unit: int, seed: int = 0) -> list[tuple[int, int]]:
    """Up to `per_unit` (face, unit) pairs of each action unit at intensity B or more; `peak` (faces, A)."""
    rng = np.random.default_rng(seed)
    pairs = []
    for unit in range(peak.shape[1]):
        rows = np.flatnonzero(np.nan_to_num(peak[:, unit]) >= PRESENT_FROM)
        pairs += [(int(row), unit) for row in rng.permutation(rows)[:per_unit]]
    return pairs


def top_cells(maps: Tensor, count: int) -> Tensor:
    """(n, G, G) evidence -> (n, G, G) bool: the `count` cells with the most."""
    best = maps.flatten(1).topk(count, dim=1).indices
    return torch.zeros_like(maps.flatten(1), dtype=torch.bool).scatter_(1, best, True).view(maps.shape)


def random_cells(face: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(n, G, G) bool: `count` cells of each face (n, G, G) bool at random, hanging together as evidence does."""
    noise = torch.rand(face.shape, generator=generator)
    smooth = F.avg_pool2d(F.pad(noise[:, None], (1, 1, 1, 1), mode="replicate"), 3, 1)[:, 0]
    return top_cells(torch.where(face, smooth, smooth - 10), count)


def face_cells(landmarks: Tensor, grid: int) -> Tensor:
    """(n, G, G) bool cells inside the ellipse around each face's landmarks (n, 478, 3), in chip units."""
    points = landmarks[..., :2]
    low, high = points.amin(1), points.amax(1)
    at = (torch.arange(grid) + 0.5) / grid
    y, x = torch.meshgrid(at, at, indexing="ij")
    places = torch.stack([x, y], -1)[None]
    middle, half = ((low + high) / 2)[:, None, None], ((high - low) / 2).clamp_min(1e-6)[:, None, None]
    return ((places - middle) / half).pow(2).sum(-1) <= 1


def erase(pixels: Tensor, cells: Tensor) -> Tensor:
    """Chips (n, 3, S, S) with cells (n, G, G) bool replaced by a strong blur, softly at their edges."""
    side = pixels.shape[-1]
    blurred = F.interpolate(
        F.adaptive_avg_pool2d(pixels, 6), size=(side, side), mode="bilinear", align_corners=False
    )
    mask = F.interpolate(cells[:, None].float(), size=(side, side), mode="bilinear", align_corners=False)
    return pixels * (1 - mask) + blurred * mask


@torch.inference_mode()
def erasures(
    model: VLFAUModel, faces: LabelledFaces, pairs: list[tuple[int, int]], batch: int = 32, seed: int = 0
) -> Erasure:
    """Erase the top tenth of the map, and random equal areas of the face, for (face, unit) pairs."""
    if not pairs:
        return Erasure(np.empty(0, np.int64), *(np.empty(0) for _ in range(5)))
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    parts = [
        _erase_batch(model, faces, pairs[start : start + batch], generator)
        for start in range(0, len(pairs), batch)
    ]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Erasure(np.array([unit for _, unit in pairs], np.int64), *columns)


def _erase_batch(
    model: VLFAUModel, faces: LabelledFaces, pairs: list[tuple[int, int]], generator: torch.Generator
) -> tuple[NDArray, ...]:
    device, side, grid = next(model.parameters()).device, model.config.chip_size_px, model.config.grid
    rows, units = np.array([row for row, _ in pairs]), torch.tensor([unit for _, unit in pairs])
    chips = torch.from_numpy(np.asarray(faces.chips[rows])).permute(0, 3, 1, 2).float() / 255
    pixels = F.interpolate(chips, size=(side, side), mode="bilinear", antialias=True)
    landmarks = torch.from_numpy(np.asarray(faces.landmarks[rows], np.float32))

    def look(shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits from pixels alone (n,) and fused (n,), and the map (n, G, G), of each pair's own unit."""
        output = model(shown.to(device), landmarks.to(device))
        own = torch.arange(len(units)), units.to(device)
        geometry = output.branches.pop("geometry", None)
        pixels = output.logits if geometry is None else model.fuse(output.branches).logits
        return pixels[own].float().cpu(), output.logits[own].float().cpu(), output.evidence[own].float().cpu()

    alone, fused, maps = look(pixels)
    count = max(round(ERASED_SHARE * grid * grid), 1)
    without = look(erase(pixels, top_cells(maps, count)))
    face = face_cells(landmarks, grid)
    others = [look(erase(pixels, random_cells(face, count, generator))) for _ in range(RANDOM_AREAS)]
    inside = region_prior(AU_NUMBERS, grid)[units] >= 0.5
    figures = (
        alone - without[0],
        torch.stack([alone - other[0] for other in others]).mean(0),
        fused - without[1],
        torch.stack([fused - other[1] for other in others]).mean(0),
        (maps * inside).sum((1, 2)),
    )
    return tuple(figure.numpy() for figure in figures)


def ratio(top: NDArray[np.floating], random: NDArray[np.floating]) -> NDArray[np.floating]:
    """(n,) how many times further the logit fell by the top tenth than by random areas."""
    return top / np.maximum(random, LEAST_FALL)


def evidence_scores(model: VLFAUModel, *sources: LabelledFaces, per_unit: int = 12) -> dict:
    """Medians over positives of all sources, overall and per action unit; units without a positive are left out."""
    found = joined([erasures(model, some, positives(some.peak, per_unit)) for some in sources])
    by_unit = {
        f"AU{AU_NUMBERS[unit]}": medians(found.take(found.unit == unit))
        for unit in sorted(set(found.unit.tolist()))
    }
    return medians(found) | {"by_unit": by_unit}


def medians(found: Erasure) -> dict[str, float | int]:
    """The figures of some positives; NaN without any."""
    if not len(found.unit):
        return {"positives": 0, "pixels_ratio": float("nan"), "mass_in_region": float("nan")}
    return {
        "positives": len(found.unit),
        "pixels_ratio": float(np.median(ratio(found.pixels_top, found.pixels_random))),
        "pixels_fall_top": float(np.median(found.pixels_top)),
        "pixels_fall_random": float(np.median(found.pixels_random)),
        "fused_ratio": float(np.median(ratio(found.fused_top, found.fused_random))),
        "mass_in_region": float(np.median(found.mass)),
    }


def joined(parts: list[Erasure]) -> Erasure:
    """Several erasures as one."""
    return Erasure(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Erasure))
    )
