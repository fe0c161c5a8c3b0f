"""How much worse a network reads faces that are small, compressed, turned or lit from the side."""

import numpy as np
from numpy.typing import NDArray

from finetune.evaluation.degraded import CONDITIONS, PHOTO
from finetune.faces import LabelledFaces
from finetune.scores import MEASURED_ON_PHOTOS, run_faces
from vlfau.action_units import AU_NUMBERS
from vlfau.metrics import auroc_per_au, bootstrap_by_person, macro
from vlfau.model import VLFAUModel


def robustness(model: VLFAUModel, faces: dict[str, LabelledFaces], repeats: int = 200) -> dict[str, dict]:
    """For each condition what `fall` gives; `faces` is what `finetune.evaluation.degraded.degraded_faces` returns."""
    logits = {name: run_faces(model, some)["fused"] for name, some in faces.items()}
    return {
        name: fall(faces[PHOTO], logits[PHOTO], faces[name], logits[name], repeats)
        for name in CONDITIONS
        if name in faces and name != PHOTO
    }


def fall(
    photos: LabelledFaces, before: NDArray, degraded: LabelledFaces, after: NDArray, repeats: int = 200
) -> dict[str, float | int | list[float]]:
    """Macro AUROC of the photos and of their degraded versions, on those photos that have one, and the fall.

    `before` and `after` (n, A) are scores of the rows of `photos` and `degraded`. `left_out` counts photos without a
    degraded version: the rig could not be fitted, or no face was found in it any more.
    """
    here, there = matching_rows(photos.groups["photo"], degraded.groups["photo"])
    columns = [AU_NUMBERS.index(number) for number in MEASURED_ON_PHOTOS]
    peak = photos.peak[here][:, columns]
    labels = np.where(np.isnan(peak), np.nan, peak > 0)
    one, other = before[here][:, columns], after[there][:, columns]

    def difference(rows: NDArray[np.int64]) -> float:
        return macro(auroc_per_au(labels[rows], one[rows])) - macro(auroc_per_au(labels[rows], other[rows]))

    interval = bootstrap_by_person(difference, photos.person[here], repeats)
    return {
        "photos": len(here),
        "left_out": len(photos) - len(here),
        "auroc_macro_photo": macro(auroc_per_au(labels, one)),
        "auroc_macro": macro(auroc_per_au(labels, other)),
        "fall": interval.value,
        "fall_95": [interval.low, interval.high],
    }


def matching_rows(one: NDArray, other: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers in two lists of names, without repetition, at which the same names stand, in the first's order."""
    place = {name: row for row, name in enumerate(other.tolist())}
    pairs = [(row, place[name]) for row, name in enumerate(one.tolist()) if name in place]
    rows = np.array(pairs, np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]
