"""How good a version is on corrected faces of people it was not trained on, beside the base it began from.

Letters: n faces, A action units. A figure without evidence is None.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.annotated_faces import AnnotatedFaces
from finetune.division import Part
from finetune.fit import none_for_nan
from finetune.people_groups import pose_groups
from finetune.preparation import Prepared
from finetune.recalibrate import Calibration
from finetune.scores import run_faces
from vlfau.action_units import AU_NUMBERS, by_number
from vlfau.metrics import auprc_per_au, auroc_per_au, balanced_accuracy_per_au, ece_per_au, f1_per_au, macro
from vlfau.model import VLFAUModel

CODES = tuple(by_number(number).code for number in AU_NUMBERS)


def figures(
    labels: NDArray[np.floating], probability: NDArray[np.floating], thresholds: NDArray
) -> dict[str, Any]:
    """All measures of (n, A) hard labels and calibrated probabilities: by action unit, and their means."""
    measures = {
        "f1": f1_per_au(labels, probability, thresholds),
        "auroc": auroc_per_au(labels, probability),
        "auprc": auprc_per_au(labels, probability),
        "balanced_accuracy": balanced_accuracy_per_au(labels, probability, thresholds),
        "ece": ece_per_au(labels, probability),
    }
    units: dict[str, dict[str, Any]] = {}
    for index, code in enumerate(CODES):
        known = labels[:, index][~np.isnan(labels[:, index])]
        units[code] = {"known": len(known), "present": int(known.sum())}
        units[code] |= {name: none_for_nan(values[index]) for name, values in measures.items()}
    means = {f"{name}_macro": none_for_nan(macro(values)) for name, values in measures.items()}
    return {"faces": len(labels), **means, "action_units": units}


def probabilities(model: VLFAUModel, faces: AnnotatedFaces) -> NDArray[np.floating]:
    """(n, A) calibrated, 0-1."""
    return Calibration.of(model.config).probabilities(
        run_faces(model, faces.faces)["fused"].astype(np.float64)
    )


def compare(base: VLFAUModel, version: VLFAUModel, prepared: Prepared) -> dict[str, Any]:
    """Both networks on the test people's corrected faces (all, blind or known, by group) and on the replay's."""
    corrected, replayed = prepared.part(Part.TEST)
    report: dict[str, Any] = {"test": None, "test_known_or_blind": None, "groups": {}, "replay_test": None}
    if len(corrected):
        said = {"base": probabilities(base, corrected), "version": probabilities(version, corrected)}
        networks = {"base": base, "version": version}
        groups = corrected.faces.groups
        report["test"] = _both(corrected, said, networks, np.arange(len(corrected)))
        report["test"]["people"] = len(set(groups["group"].tolist()))
        honest = np.flatnonzero(groups["gold"] | groups["blind"])
        if len(honest):
            report["test_known_or_blind"] = _both(corrected, said, networks, honest)
        for name, rows in pose_groups(groups["yaw_deg"]).items():
            if len(rows):
                report["groups"][name] = _both(corrected, said, networks, rows, units=False)
    if len(replayed):
        said = {"base": probabilities(base, replayed), "version": probabilities(version, replayed)}
        rows = np.arange(len(replayed))
        report["replay_test"] = _both(replayed, said, {"base": base, "version": version}, rows)
    return report


def _both(
    faces: AnnotatedFaces,
    said: dict[str, NDArray[np.floating]],
    networks: dict[str, VLFAUModel],
    rows: NDArray[np.integer],
    units: bool = True,
) -> dict[str, Any]:
    both: dict[str, Any] = {"faces": len(rows)}
    for name, probability in said.items():
        thresholds = np.array(networks[name].config.thresholds)
        both[name] = figures(faces.labels[rows], probability[rows], thresholds)
        if not units:
            del both[name]["action_units"]
    return both
