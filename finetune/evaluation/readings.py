"""What a checkpoint says about coded photos, whole photos in as on the page, and how that compares with the codes.

Letters: n photos with a face, A action units. Shares are 0-1; a figure without evidence is NaN.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

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
"""Photos from which a group of people is reported, and coded-absent photos from which its false positive rate is."""


@dataclass
class Readings:
    """Photos with their codes and what the checkpoint said."""

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


def photo_report(readings: Readings, repeats: int = 1000) -> dict:
    """Every figure that coded photos give, by name."""
    labels, probability = readings.labels, readings.column("probability")
    thresholds = np.array([unit.threshold for unit in readings.said[0].action_units])
    columns = [AU_NUMBERS.index(n) for n in MEASURED_ON_PHOTOS]
    five, p5 = labels[:, columns], probability[:, columns]
    f1 = metrics.f1_per_au(five, p5, thresholds[columns])
    return {
        "photos": len(readings.rows),
        "people": len(set(readings.people)),
        "no_face": readings.missed,
        "positives": measured(np.nansum(five, axis=0).astype(int)),
        "f1": measured(f1),
        "f1_macro": metrics.macro(f1),
        "ece_macro": metrics.macro(metrics.ece_per_au(five, p5)),
        "false_positive_rate": named(false_positives(labels, readings.column("active"))),
        "group_false_positive_rate": group_false_positives(readings),
        "neutral_with_any": neutral_with_any(labels, readings.column("active")),
        "cheeks_apart_from_smile": cheeks_among_smiles(readings),
        "intensity_icc": intensity_agreement(readings),
        "words": words_agreement(readings),
    } | auroc_with_intervals(five, p5, readings.people, repeats)


def auroc_with_intervals(labels: NDArray, probability: NDArray, people: NDArray, repeats: int) -> dict:
    """AUROC per measured action unit and their mean, each with the interval of a bootstrap over people."""

    def interval(columns: list[int]) -> metrics.Interval:
        def auroc(rows: NDArray) -> float:
            return metrics.macro(
                metrics.auroc_per_au(labels[rows][:, columns], probability[rows][:, columns])
            )

        return metrics.bootstrap_by_person(auroc, people, repeats)

    each = [interval([column]) for column in range(len(MEASURED_ON_PHOTOS))]
    macro = interval(list(range(len(MEASURED_ON_PHOTOS))))
    return {
        "auroc": measured([one.value for one in each]),
        "auroc_95": measured([[one.low, one.high] for one in each]),
        "auroc_macro": macro.value,
        "auroc_macro_95": [macro.low, macro.high],
    }


def named(values: NDArray, numbers: tuple[int, ...] = AU_NUMBERS) -> dict:
    """{"AU12": value} for an array with one value per number."""
    return {f"AU{number}": value for number, value in zip(numbers, values, strict=True)}


def measured(values: list | NDArray) -> dict:
    """The same for the action units that photos can measure."""
    return named(values, MEASURED_ON_PHOTOS)  # type: ignore[arg-type]


def false_positives(labels: NDArray, active: NDArray, least: int = 1) -> NDArray:
    """(A,) share of faces coded absent that were called present; NaN where fewer than `least` were coded absent."""
    absent = labels == 0
    count = absent.sum(axis=0)
    return np.where(count >= least, (absent & active).sum(axis=0) / np.maximum(count, 1), np.nan)


def group_false_positives(readings: Readings) -> dict[str, dict]:
    """Per group of at least 15 photos: the false positive rate of each action unit coded absent on at least 15."""
    labels, active = readings.labels, readings.column("active")
    found = {}
    for name in ("gender", "age_band", "ethnicity"):
        column = np.array(
            [age_band(row["age"]) if name == "age_band" else row[name] for row in readings.rows]
        )
        for value in sorted(set(column) - {""}):
            rows = column == value
            if rows.sum() >= SMALLEST_GROUP:
                rates = false_positives(labels[rows], active[rows], SMALLEST_GROUP)
                found[f"{name}={value}"] = {"photos": int(rows.sum()), "rate": named(rates)}
    return found


def age_band(age: str) -> str:
    """Decade of an age in years, or "" when it is not known."""
    return f"{int(float(age)) // 10 * 10}s" if age.replace(".", "").isdigit() else ""


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
