"""How well a network tells each action unit on renders, the only faces that show all of them."""

import numpy as np
from numpy.typing import NDArray

from finetune.faces import LabelledFaces
from finetune.scores import run_faces
from vlfau.action_units import AU_NUMBERS
from vlfau.metrics import auroc_per_au, bootstrap_by_person, macro
from vlfau.model import VLFAUModel

PRESENT_FROM = 2.0
"""Intensity (B) from which a render counts as present."""

ABSENT_BELOW = 0.4
"""Intensity below which it counts as absent; what lies between is left out."""


def clear_labels(peak: NDArray[np.floating]) -> NDArray[np.floating]:
    """Intensities (n, A) -> labels (n, A): 1 from B up, 0 below 0.4, NaN between them and where unknown."""
    labels = np.full(peak.shape, np.nan)
    labels[peak >= PRESENT_FROM] = 1
    labels[peak < ABSENT_BELOW] = 0
    return labels


def render_scores(model: VLFAUModel, renders: LabelledFaces, repeats: int = 100) -> dict:
    """AUROC per action unit, fused and of the image branch alone, with intervals by person."""
    said = run_faces(model, renders)
    labels = clear_labels(renders.peak)
    fused = auroc_per_au(labels, said["fused"])
    names = [f"AU{number}" for number in AU_NUMBERS]
    interval = bootstrap_by_person(
        lambda rows: macro(auroc_per_au(labels[rows], said["fused"][rows])), renders.person, repeats
    )
    return {
        "renders": len(renders),
        "people": len(set(renders.person.tolist())),
        "positives": dict(zip(names, np.nansum(labels, axis=0).astype(int), strict=True)),
        "auroc": dict(zip(names, fused, strict=True)),
        "auroc_macro": interval.value,
        "auroc_macro_95": [interval.low, interval.high],
        "auroc_macro_by_branch": {
            name: macro(auroc_per_au(labels, scores))
            for name, scores in said.items()
            if name not in ("fused", "intensity")
        },
    }
