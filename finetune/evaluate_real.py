"""How good a checkpoint is on coded photos of people it never saw: `python -m finetune.evaluate_real --data DIR
--json`.

Whole photos go in, as on the page: found, aligned, read, worded. People of `dev` are reported on and never used
otherwise.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from finetune.faces import read_catalogue, row_codes
from finetune.scores import MEASURED_ON_PHOTOS
from vlfau import metrics
from vlfau.action_units import AU_NUMBERS
from vlfau.images import read_image
from vlfau.predictor import FacePrediction, Predictor
from vlfau.sentences import read_description, read_state

ENOUGH_FOR_ICC = 20
"""Positives from which an intensity agreement is reported."""

SMALLEST_GROUP = 15
"""Photos from which a group of people is reported."""


@dataclass
class Readings:
    """Photos with their codes and what the checkpoint said; letters: n photos with a face, A action units."""

    rows: list[dict[str, str]]
    said: list[FacePrediction]
    missed: list[str]
    """Files in which no face was found."""

    @property
    def codes(self) -> NDArray[np.float32]:
        """(n, A) coded intensity 0-5, NaN where the coders did not settle."""
        return np.stack([row_codes(row) for row in self.rows])

    @property
    def labels(self) -> NDArray:
        """(n, A) 1 present, 0 absent, NaN unknown."""
        return np.where(np.isnan(self.codes), np.nan, self.codes > 0)

    def column(self, field: str) -> NDArray:
        """(n, A) of a field of the predictions: probability, active, intensity, text, ..."""
        return np.array([[getattr(unit, field) for unit in face.action_units] for face in self.said])

    @property
    def people(self) -> NDArray:
        return np.array([row["person"] for row in self.rows])


def read_photos(predictor: Predictor, data: Path, split: str) -> Readings:
    """Run the predictor over all coded photos of one split of people; the largest face of each photo counts."""
    readings = Readings([], [], [])
    wanted = [row for row in read_catalogue(data) if row["split"] == split]
    for row in tqdm(wanted, desc=split, file=sys.stderr):
        found = predictor.predict(read_image(data / "faces" / row["file"]))
        if found:
            readings.rows.append(row)
            readings.said.append(found[0])
        else:
            readings.missed.append(row["file"])
    return readings


def report(readings: Readings, repeats: int = 1000) -> dict:
    """Every figure as plain JSON types; shares are 0-1."""
    labels, probability = readings.labels, readings.column("probability")
    thresholds = np.array([unit.threshold for unit in readings.said[0].action_units])
    columns = [AU_NUMBERS.index(n) for n in MEASURED_ON_PHOTOS]
    five, p5 = labels[:, columns], probability[:, columns]

    def macro_auroc(rows: NDArray) -> float:
        return metrics.macro(metrics.auroc_per_au(five[rows], p5[rows]))

    interval = metrics.bootstrap_by_person(macro_auroc, readings.people, repeats)
    result = {
        "photos": len(readings.rows),
        "people": len(set(readings.people)),
        "no_face": readings.missed,
        "positives": named(np.nansum(labels, axis=0), MEASURED_ON_PHOTOS),
        "auroc": named(metrics.auroc_per_au(labels, probability), MEASURED_ON_PHOTOS),
        "auroc_macro": interval.value,
        "auroc_macro_95": [interval.low, interval.high],
        "f1": named(metrics.f1_per_au(labels, probability, thresholds), MEASURED_ON_PHOTOS),
        "f1_macro": metrics.macro(metrics.f1_per_au(five, p5, thresholds[columns])),
        "ece_macro": metrics.macro(metrics.ece_per_au(five, p5)),
        "false_positive_rate": named(false_positives(labels, readings.column("active"))),
        "neutral_with_any": neutral_with_any(labels, readings.column("active")),
        "cheeks_apart_from_smile": cheeks_among_smiles(readings),
        "intensity_icc": intensity_agreement(readings),
        "words": words_agreement(readings),
        "worst_group_false_positive_rate": worst_groups(readings),
    }
    return plain(result)


def named(values: NDArray, numbers: tuple[int, ...] = AU_NUMBERS) -> dict[str, float]:
    """{"AU12": value} for some columns of an (A,) array."""
    return {f"AU{n}": values[AU_NUMBERS.index(n)] for n in numbers}


def false_positives(labels: NDArray, active: NDArray) -> NDArray:
    """(A,) share of faces coded absent that were called present; NaN when none was coded absent."""
    absent = labels == 0
    return np.where(
        absent.any(axis=0), (absent & active).sum(axis=0) / np.maximum(absent.sum(axis=0), 1), np.nan
    )


def neutral_with_any(labels: NDArray, active: NDArray) -> float:
    """Share of faces without any coded action unit on which some unit coded absent was called present."""
    neutral = ~(labels == 1).any(axis=1)
    return float((active & (labels == 0))[neutral].any(axis=1).mean()) if neutral.any() else float("nan")


def cheeks_among_smiles(readings: Readings) -> dict[str, float]:
    """AUROC of AU6 where AU12 is coded, by AU6's own output and by AU12's: only a higher first one means anything."""
    six, twelve = AU_NUMBERS.index(6), AU_NUMBERS.index(12)
    smiles = readings.labels[:, twelve] == 1
    label = readings.labels[smiles][:, [six, six]]
    own, other = metrics.auroc_per_au(label, readings.column("probability")[smiles][:, [six, twelve]])
    return {"photos": int(smiles.sum()), "by_AU6": own, "by_AU12": other}


def intensity_agreement(readings: Readings) -> dict[str, float]:
    """ICC(2,1) with the coders' mean intensity for units with enough positives; 0 counts where coded absent."""
    codes, intensity = readings.codes, readings.column("intensity")
    found = {}
    for i, number in enumerate(AU_NUMBERS):
        known = ~np.isnan(codes[:, i])
        if (codes[known, i] > 0).sum() >= ENOUGH_FOR_ICC:
            found[f"AU{number}"] = metrics.icc_2_1(np.stack([codes[known, i], intensity[known, i]], axis=1))
    return found


def words_agreement(readings: Readings) -> dict[str, float]:
    """Whether sentences say what was decided, whether that is true, and whether descriptions name the decided units."""
    active, labels = readings.column("active"), readings.labels
    read = np.array(
        [[read_state(unit.number, unit.text or "") for unit in face.action_units] for face in readings.said],
        float,
    )  # NaN where a sentence says neither
    known = ~np.isnan(labels)
    decided = [frozenset(u.number for u in face.action_units if u.active) for face in readings.said]
    named_units = [read_description(face.description or "") for face in readings.said]
    return {
        "sentence_says_decision": float((read == active).mean()),
        "sentence_says_truth": float((read == labels)[known].mean()),
        "always_absent_says_truth": float((labels[known] == 0).mean()),
        "description_names_decisions": float(
            np.mean([a == b for a, b in zip(decided, named_units, strict=True)])
        ),
    }


def worst_groups(readings: Readings) -> dict[str, dict[str, float]]:
    """For each group of at least 15 photos: the highest false positive rate over action units."""
    found = {}
    for name in ("gender", "age_band", "ethnicity"):
        column = np.array(
            [age_band(row["age"]) if name == "age_band" else row[name] for row in readings.rows]
        )
        for value in sorted(set(column) - {""}):
            rows = column == value
            if rows.sum() >= SMALLEST_GROUP:
                rates = false_positives(readings.labels[rows], readings.column("active")[rows])
                worst = int(np.nanargmax(rates))
                found[f"{name}={value}"] = {"photos": int(rows.sum()), f"AU{AU_NUMBERS[worst]}": rates[worst]}
    return found


def age_band(age: str) -> str:
    """Decade of an age in years, or "" when it is not known."""
    return f"{int(float(age)) // 10 * 10}s" if age.replace(".", "").isdigit() else ""


def plain(value: Any) -> Any:
    """numpy scalars to Python's, rounded to four places; NaN to None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else round(float(value), 4)
    return int(value) if isinstance(value, np.integer) else value


def table(result: dict) -> str:
    """The report for people, Markdown."""
    lines = ["| | " + " | ".join(result["auroc"]) + " | macro |", "|---" * (len(result["auroc"]) + 2) + "|"]
    for name in ("auroc", "f1"):
        cells = [f"{v:.3f}" for v in result[name].values()] + [f"{result[f'{name}_macro']:.3f}"]
        lines.append(f"| {name.upper()} | " + " | ".join(cells) + " |")
    low, high = result["auroc_macro_95"]
    lines += [
        "",
        f"macro AUROC {result['auroc_macro']:.3f} [{low:.3f}, {high:.3f}], {result['photos']} photos",
    ]
    others = ("ece_macro", "neutral_with_any", "cheeks_apart_from_smile", "intensity_icc", "words")
    return "\n".join(lines + [f"{name}: {json.dumps(result[name])}" for name in others])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m finetune.evaluate_real", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with faces/ (photos, faces.csv, codes.csv)"
    )
    parser.add_argument(
        "--model", default=None, help="checkpoint folder or Hub repository; the embedded one if left out"
    )
    parser.add_argument("--split", default="dev", choices=("dev", "val"), help="people to report on")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args()
    result = report(read_photos(Predictor.load(args.model), args.data, args.split))
    sys.stdout.write((json.dumps(result) if args.json else table(result)) + "\n")


if __name__ == "__main__":
    main()
