"""Fits the rules that say whether a mouth or eyes are covered: `python -m finetune.occlusion --data DIR --out FILE`.

Masks and dark glasses are painted over photos of the training persons, and the rules learn to tell these from the same
photos without them. They are measured on photos of other persons, and on renders, whose occluders are labelled.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from finetune.synthetic.occluders import BEHIND_MASK, BEHIND_SUNGLASSES, place
from finetune.synthetic.persons import FACES, RIG_FILE, Photo, all_photos
from finetune.synthetic.rig import Rig
from vlfau.action_units import AU_NUMBERS
from vlfau.finder import MediaPipeFinder
from vlfau.images import read_image
from vlfau.occlusion import CHIP_PX, chip_features, face_features

KIND_OF = {"mouth": "mask", "eyes": "sunglasses"}
KINDS = ("", "mask", "sunglasses", "glasses", "object", "hair")
SIDE_PX = 640
STRENGTH = 0.005
"""Inverse of the L2 penalty of the logistic regression."""

MOST_PHOTOS = 160
"""Of the training persons, and half as many of the others, drawn by chance."""

ALLOWED_ALARMS = 0.01
"""Share of the training persons' uncovered photos on which a rule may speak."""


@dataclass(frozen=True)
class Painted:
    """Photos with and without something in front of the face: `kinds` (N) and features (N, F)."""

    kinds: NDArray[np.str_]
    features: NDArray[np.float32]


def paint(data: Path, photos: Sequence[Photo], seed: int = 0) -> Painted:
    """Every photo as it is and with a thing of each kind; those on which no mesh lies any more are left out."""
    rig, finder, rng = Rig.load(data / RIG_FILE), MediaPipeFinder(), np.random.default_rng(seed)
    resting = rig.landmarks(rig.neutral).numpy()
    found = [row for photo in photos for row in _painted(data / FACES / photo.file, finder, resting, rng)]
    return Painted(np.array([kind for kind, _ in found]), np.stack([features for _, features in found]))


def _painted(
    file: Path, finder: MediaPipeFinder, resting: NDArray[np.floating], rng: np.random.Generator
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    photo = read_image(file)
    scale = min(1.0, SIDE_PX / max(photo.shape[:2]))
    image = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    for face in finder.find(image)[:1]:
        for kind in KINDS:
            shown = place(rng, kind, image, face.landmarks_px[:, :2].astype(np.float64), resting)
            landmarks = finder.mesh(shown.picture, face.box_xyxy_px)
            if landmarks is not None:
                yield kind, face_features(shown.picture, landmarks)


def fit(painted: Painted) -> dict[str, dict[str, Any]]:
    """Part -> `weights` (F) and `bias` of its rule."""
    from sklearn.linear_model import LogisticRegression

    rules = {}
    for part, kind in KIND_OF.items():
        used = np.isin(painted.kinds, ["", *KIND_OF.values()])
        features, covered = painted.features[used], painted.kinds[used] == kind
        mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
        model = LogisticRegression(C=STRENGTH, max_iter=5000, class_weight="balanced")
        model.fit((features - mean) / spread, covered)
        weights = (model.coef_[0] / spread).astype(np.float64)
        scores = features @ weights
        highest = float(np.quantile(scores[painted.kinds[used] == ""], 1 - ALLOWED_ALARMS))
        bias = min(float(model.intercept_[0] - mean @ weights), -highest)
        rules[part] = {"weights": [round(float(weight), 6) for weight in weights], "bias": round(bias, 5)}
    return rules


def measure(rules: dict[str, dict[str, Any]], painted: Painted) -> dict[str, dict[str, float]]:
    """Part -> AUROC against uncovered photos, share of them with a false alarm, and share noticed of each kind."""
    from sklearn.metrics import roc_auc_score

    found = {}
    for part, rule in rules.items():
        scores = painted.features @ np.array(rule["weights"]) + rule["bias"]
        plain, target = scores[painted.kinds == ""], scores[painted.kinds == KIND_OF[part]]
        labels = np.r_[np.zeros(len(plain)), np.ones(len(target))]
        found[part] = {
            "auroc": float(roc_auc_score(labels, np.r_[plain, target])),
            "false_alarms": float((plain > 0).mean()),
        }
        found[part] |= {
            f"noticed_{kind}": float((scores[painted.kinds == kind] > 0).mean())
            for kind in KINDS[1:]
            if (painted.kinds == kind).any()
        }
    return found


def read_renders(folder: Path) -> Painted:
    """Renders whose visible action units say what covers them: a mask, dark glasses, or nothing at all."""
    kinds, features = [], []
    for shard in sorted(folder.glob("shard-*")):
        visible = np.load(shard / "visible.npy") == 1
        chips = np.load(shard / "chips.npy", mmap_mode="r")
        landmarks = np.load(shard / "landmarks.npy", mmap_mode="r")
        for row, seen in enumerate(visible):
            kind = _kind(seen)
            if kind is not None:
                chip = cv2.resize(chips[row], (CHIP_PX, CHIP_PX), interpolation=cv2.INTER_AREA)
                kinds.append(kind)
                features.append(chip_features(np.asarray(chip, np.uint8), landmarks[row].astype(np.float32)))
    return Painted(np.array(kinds), np.stack(features))


def _kind(seen: NDArray[np.bool_]) -> str | None:
    """None where it cannot be told, because a part of a thing's region is seen."""
    behind_mask, behind_glasses = np.isin(AU_NUMBERS, BEHIND_MASK), np.isin(AU_NUMBERS, BEHIND_SUNGLASSES)
    if not seen[behind_mask].any():
        return "mask"
    if not seen[behind_glasses].any() and seen[behind_mask].any():
        return "sunglasses"
    return "" if seen.sum() >= len(AU_NUMBERS) - 2 else None


def main() -> None:
    """Fit on the training persons, measure on the others, write the rules."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces/ and face_rig/")
    parser.add_argument(
        "--renders", type=Path, help="folder of renders of other persons, to measure on them too"
    )
    parser.add_argument("--out", type=Path, required=True, help="file of the rules: vlfau/occlusion.json")
    options = parser.parse_args()
    photos = list(all_photos(options.data))
    np.random.default_rng(0).shuffle(photos)  # type: ignore[arg-type]
    training = [photo for photo in photos if photo.split == "train"][:MOST_PHOTOS]
    strangers = [photo for photo in photos if photo.split != "train"][: MOST_PHOTOS // 2]
    rules = fit(paint(options.data, training))
    others = {"photos of other persons": paint(options.data, strangers, seed=1)}
    if options.renders:
        others["renders of other persons"] = read_renders(options.renders)
    for name, painted in others.items():
        for part, found in measure(rules, painted).items():
            figures = ", ".join(f"{key} {value:.3f}" for key, value in found.items())
            sys.stdout.write(f"{name}, {part}: {figures}\n")
    options.out.write_text(json.dumps(rules) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
