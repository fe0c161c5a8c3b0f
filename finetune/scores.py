"""How well a network reads labelled faces, straight from stored chips: what training looks at while it runs.

The figures that are published come from whole photos instead (`finetune.evaluate_real`).
"""

import numpy as np
import torch
from numpy.typing import NDArray

from finetune.cross_fit import HeldOut
from finetune.faces import LabelledFaces
from vlfau.action_units import AU_NUMBERS
from vlfau.metrics import auroc_per_au
from vlfau.model import VLFAUModel

MEASURED_ON_PHOTOS = (1, 4, 6, 12, 25)
"""The action units with enough positives among the coded photos."""


@torch.inference_mode()
def run_faces(model: VLFAUModel, faces: LabelledFaces, batch: int = 64) -> dict[str, NDArray]:
    """Logits (n, A) of every branch and fused, and expected intensity (n, A), for stored faces in their order."""
    device, side = next(model.parameters()).device, model.config.chip_size_px
    model.eval()
    gathered: dict[str, list[NDArray]] = {}
    for start in range(0, len(faces), batch):
        rows = np.arange(start, min(start + batch, len(faces)))
        chips = torch.from_numpy(np.asarray(faces.chips[rows])).to(device).permute(0, 3, 1, 2).float() / 255
        pixels = torch.nn.functional.interpolate(chips, size=(side, side), mode="bilinear", antialias=True)
        output = model(pixels, torch.from_numpy(np.asarray(faces.landmarks[rows], np.float32)).to(device))
        said = {"fused": output.logits, "intensity": output.intensity}
        said |= {name: branch.logits for name, branch in output.branches.items()}
        for name, value in said.items():
            gathered.setdefault(name, []).append(value.float().cpu().numpy())
    return {name: np.concatenate(values) for name, values in gathered.items()}


def photo_scores(parts: list[HeldOut]) -> dict[str, dict[str, float]]:
    """AUROC per branch of the action units that photos can measure, and their mean as `macro`."""
    held = HeldOut.joined(parts)
    columns = [AU_NUMBERS.index(n) for n in MEASURED_ON_PHOTOS]
    labels = np.where(np.isnan(held.peak), np.nan, held.peak > 0)[:, columns]
    scores = {}
    for name, logits in held.logits.items():
        each = auroc_per_au(labels, logits[:, columns])
        scores[name] = {f"AU{n}": round(float(a), 4) for n, a in zip(MEASURED_ON_PHOTOS, each, strict=True)}
        scores[name]["macro"] = round(float(np.nanmean(each)), 4)
    return scores
