"""Baseline: how a face is at rest, taken off what is said of it.

Faces differ at rest: brows lie low, mouth corners point down, cheeks are full. A reading of one photo cannot tell that
from a movement. FACS therefore scores changes from the person's neutral face (Ekman, Friesen & Hager 2002). OpenFace
calibrates by the median face of a video (Baltrusaitis, Mahmoud & Robinson, FG 2015) and by a low percentile of what it
predicts for a person (Baltrusaitis, Robinson & Morency, WACV 2016). Here the probabilities and intensities of a neutral
photo, or of the calmest pictures of a video, are subtracted; the readings themselves stay as they are.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from vlfau.action_units import by_number
from vlfau.errors import OutputError
from vlfau.records import WORDLESS_FORMATS, Record

AUTO = "auto"
"""Instead of a photo: the calmest pictures of each face of each video."""

CALM_SHARE = 0.1
"""Of the pictures of a face in a video, those in which the least moves."""

MOST_CALM = 200
LEAST_PICTURES = 10
"""A face that is seen in fewer pictures has no calm ones: nothing is subtracted."""

MEASURES = ("p", "i")
Values = dict[int, tuple[float, float]]
"""Action unit -> probability 0-1 and intensity 0-5."""


def difference_columns(numbers: Sequence[int]) -> tuple[str, ...]:
    """`AU12_p_diff` (-1 to 1) and `AU12_i_diff` (-5 to 5) for each action unit: what is said less the baseline."""
    return tuple(f"{by_number(number).code}_{measure}_diff" for number in numbers for measure in MEASURES)


def check_baseline(asked: str | None, form: str, to_file: bool = True) -> None:
    """Raises OutputError where a baseline and the form or place of the results do not go together."""
    if asked and form in WORDLESS_FORMATS:
        raise OutputError(
            f"--baseline adds columns that this form does not have. --format is {form}. "
            "Use csv, jsonl or parquet; the columns are explained in docs/cli.md."
        )
    if asked == AUTO and not to_file:
        raise OutputError(
            "--baseline auto needs a file. What is calm is known when a whole video has been read. Give --out FILE; "
            "of a folder of part files, `python -m vlfau join FOLDER --out FILE --baseline auto` makes one."
        )


@dataclass(frozen=True)
class Baseline:
    """What is said of a face at rest."""

    values: Values

    @classmethod
    def of_record(cls, record: Mapping[str, object], numbers: Sequence[int]) -> "Baseline":
        """Of the record of a face in a neutral photo."""
        return cls({number: _values(record, number) for number in numbers})

    def differences(self, record: Mapping[str, object]) -> Record:
        """The columns of `difference_columns` for a record; None where one of the two is not known."""
        found: Record = {}
        for number, rest in self.values.items():
            code = by_number(number).code
            for measure, value, before in zip(MEASURES, _values(record, number), rest, strict=True):
                known = math.isfinite(value) and math.isfinite(before)
                found[f"{code}_{measure}_diff"] = round(value - before, 4) + 0.0 if known else None
        return found


class VideoBaselines:
    """Adds the columns of `difference_columns` to records, for each face of each video against its own baseline."""

    def __init__(self, baselines: Mapping[tuple[str, int], Baseline], numbers: Sequence[int]) -> None:
        self._baselines = baselines
        self.columns = difference_columns(numbers)

    def added(self, record: Record) -> Record:
        """None in all of them for photos, pictures without a face, and faces that were hardly seen."""
        face = (str(record["file"]), record["track"]) if isinstance(record["track"], int) else None
        baseline = self._baselines.get(face) if face else None
        known = baseline.differences(record) if baseline else {}
        return record | {column: known.get(column) for column in self.columns}


class CalmestPictures:
    """Finds the calmest pictures of one face in a video; holds MOST_CALM of them, however many there are.

    A picture is the calmer the smaller the sum of its intensities is. Of the calmest tenth, at most MOST_CALM, the
    median is taken for each action unit by itself.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = tuple(numbers)
        self._calm: list[tuple[float, int, list[tuple[float, float]]]] = []
        self._count = 0

    def add(self, record: Mapping[str, object]) -> None:
        """The record of the face in one picture."""
        values = [_values(record, number) for number in self._numbers]
        restless = sum(intensity for _, intensity in values if math.isfinite(intensity))
        item = (-restless, self._count, values)
        self._count += 1
        if len(self._calm) < MOST_CALM:
            heapq.heappush(self._calm, item)
        else:
            heapq.heappushpop(self._calm, item)

    def baseline(self) -> Baseline | None:
        """None for a face that was hardly seen."""
        if self._count < LEAST_PICTURES:
            return None
        count = max(1, round(CALM_SHARE * self._count))
        calmest = [values for _, _, values in sorted(self._calm, reverse=True)[:count]]
        return Baseline(
            {
                number: (
                    _median(values[place][0] for values in calmest),
                    _median(values[place][1] for values in calmest),
                )
                for place, number in enumerate(self._numbers)
            }
        )


def video_baselines(records: Iterable[Mapping[str, object]], numbers: Sequence[int]) -> VideoBaselines:
    """From the records of whole videos; a face is known by its file and track."""
    faces: dict[tuple[str, int], CalmestPictures] = {}
    for record in records:
        track = record["track"]
        if isinstance(track, int) and record["success"]:
            faces.setdefault((str(record["file"]), track), CalmestPictures(numbers)).add(record)
    found = {face: calm.baseline() for face, calm in faces.items()}
    return VideoBaselines(
        {face: baseline for face, baseline in found.items() if baseline is not None}, numbers
    )


def _values(record: Mapping[str, object], number: int) -> tuple[float, float]:
    code = by_number(number).code
    probability, intensity = (record.get(f"{code}_{measure}") for measure in MEASURES)
    return _number(probability), _number(intensity)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _median(values: Iterable[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return median(known) if known else math.nan
