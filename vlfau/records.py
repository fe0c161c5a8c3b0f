"""One flat record per face, and how it is written: JSON Lines, CSV, Parquet, the columns of OpenFace and py-feat."""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, TextIO

from vlfau.action_units import AU_NUMBERS, by_number, intensity_letter

if TYPE_CHECKING:  # the predictor brings torch along, and a record needs none of it
    from vlfau.predictor import ActionUnitPrediction, FacePrediction

Record = dict[str, str | int | float | None]
"""Column -> value; None where there is nothing to say, never 0."""

FACE_COLUMNS = (
    "file",
    "frame",
    "time_s",
    "face",
    "track",
    "success",
    "box_x0",
    "box_y0",
    "box_x1",
    "box_y1",
    "score",
    "pose_yaw",
    "pose_pitch",
    "pose_roll",
    "model_version",
)
"""`frame` counts the pictures of a video from 0 and `time_s` is when it is shown; both are None for a photo.

`face` counts from 0 (the largest) in each picture, `track` numbers a face through a video. Box in photo px; score 0-1;
pose in degrees, see `HeadPose`.
"""

TEXT_FORMATS = ("jsonl", "csv", "openface", "pyfeat")
"""What a `RecordWriter` writes; the last two are CSV in the columns of those programs, and leave the words out."""

FORMATS = (*TEXT_FORMATS, "parquet")
"""How records can be written."""

WORDLESS_FORMATS = ("openface", "pyfeat")


def columns(numbers: Sequence[int] = AU_NUMBERS, words: bool = True) -> tuple[str, ...]:
    """The columns of a record, in order.

    Per action unit `AU12_p` (calibrated probability 0-1), `AU12_i` (intensity 0-5), `AU12_c` (0 or 1 at that unit's
    threshold) and `AU12_letter` (A-E where that is 1); with words `AU12_text` and `description`; last `warnings` (codes
    of `vlfau.faces.WARNING_CODES`, separated by spaces) and `error` (why there is no face to speak of).
    """
    codes = [by_number(number).code for number in numbers]
    values = [f"{code}_{kind}" for code in codes for kind in ("p", "i", "c", "letter")]
    texts = [*(f"{code}_text" for code in codes), "description"] if words else []
    return (*FACE_COLUMNS, *values, *texts, "warnings", "error")


def action_units_of(names: Sequence[str]) -> tuple[int, ...]:
    """The action units that the columns of a record speak of, in order."""
    return tuple(int(name[2:-2]) for name in names if name.startswith("AU") and name.endswith("_p"))


@dataclass(frozen=True)
class Moment:
    """Which picture of a video."""

    frame: int
    """Counted from 0."""
    time_s: float
    tracks: Sequence[int] = ()
    """The number of each face through the video, in the order of the faces."""


def photo_records(
    file: str, faces: Sequence["FacePrediction"], words: bool = True, moment: Moment | None = None
) -> list[Record]:
    """One record for each face of a photo, or of a picture of a video, in the order given."""
    return [_face_record(file, index, face, words, moment) for index, face in enumerate(faces)]


def failed_record(
    file: str,
    error: str,
    model_version: str,
    numbers: Sequence[int] = AU_NUMBERS,
    words: bool = True,
    moment: Moment | None = None,
) -> Record:
    """The one record of a picture that has no face or cannot be read: `success` 0, `error`, and nothing measured."""
    known: Record = {"file": file, "success": 0, "model_version": model_version, "error": error}
    known |= _when(moment)
    return {column: known.get(column) for column in columns(numbers, words)}


def no_face_message(width_px: int, height_px: int) -> str:
    """What to tell a person whose photo was read but shows no face."""
    return (
        f"No face was found in this photo. It was read and has {width_px} x {height_px} pixels. "
        "Use one in which the face is seen from the front, in even light and uncovered; crop closer if it is small."
    )


def to_text(records: Iterable[Record], form: str = "jsonl") -> str:
    """Records as the text of a file in one of TEXT_FORMATS."""
    records = list(records)
    text = StringIO()
    writer = RecordWriter(text, form, tuple(records[0]) if records else columns())
    for record in records:
        writer.write(record)
    return text.getvalue()


class RecordWriter:
    """Writes records to an open text file as they come; a CSV gets its header at once.

    `names` are the columns of the records that will come, as `columns(...)` gives them.
    """

    def __init__(self, file: TextIO, form: str, names: Sequence[str]) -> None:
        if form not in TEXT_FORMATS:
            raise ValueError(f"There is no text format {form!r}. Use one of {', '.join(TEXT_FORMATS)}.")
        self._file = file
        self._form = form
        self._frame = -1
        self._last_file: str | int | float | None = None
        if form != "jsonl":
            empty: Record = dict.fromkeys(names)
            self._csv = csv.DictWriter(file, list(self._convert(empty)), lineterminator="\n")
            self._csv.writeheader()

    def write(self, record: Record) -> None:
        """Add one record; all faces of a photo, and all pictures of a video, come one after the other."""
        if self._frame < 0 or record["file"] != self._last_file:
            self._frame, self._last_file = self._frame + 1, record["file"]
        if self._form == "jsonl":
            self._file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
        else:
            self._csv.writerow(self._convert(record))

    def _convert(self, record: Record) -> Record:
        frame = self._frame if record["frame"] is None else int(record["frame"])
        if self._form == "openface":
            return _as_openface(record, frame)
        return _as_pyfeat(record, frame) if self._form == "pyfeat" else record


def _when(moment: Moment | None, index: int | None = None) -> Record:
    if moment is None:
        return {}
    track = moment.tracks[index] if index is not None and moment.tracks else None
    return {"frame": moment.frame, "time_s": _number(moment.time_s, 6), "track": track}


def _face_record(
    file: str, index: int, prediction: "FacePrediction", words: bool, moment: Moment | None
) -> Record:
    face = prediction.face
    x0, y0, x1, y1 = (_number(value, 1) for value in face.box_xyxy_px)
    known: Record = {"file": file, "face": index, "success": 1}
    known |= {"box_x0": x0, "box_y0": y0, "box_x1": x1, "box_y1": y1} | _when(moment, index)
    known |= {"score": _number(face.score), "model_version": prediction.model_version}
    known |= {
        "pose_yaw": _number(face.pose.yaw_deg, 1),
        "pose_pitch": _number(face.pose.pitch_deg, 1),
        "pose_roll": _number(face.pose.roll_deg, 1),
    }
    for unit in prediction.action_units:
        code = by_number(unit.number).code
        known |= {
            f"{code}_p": _number(unit.probability),
            f"{code}_i": _number(unit.intensity),
            f"{code}_c": int(unit.active),
            f"{code}_letter": _letter(unit),
            f"{code}_text": unit.text,
        }
    known["description"] = prediction.description
    known["warnings"] = " ".join(warning.code for warning in face.warnings)
    numbers = [unit.number for unit in prediction.action_units]
    return {column: known.get(column) for column in columns(numbers, words)}


def _letter(unit: "ActionUnitPrediction") -> str | None:
    """A to E; a unit that is present has at least an A."""
    if not unit.active or not math.isfinite(unit.intensity):
        return None
    return intensity_letter(unit.intensity) or "A"


def _number(value: float, digits: int = 4) -> float | None:
    """Rounded to what is meant; None for NaN, which JSON does not have."""
    return round(float(value), digits) if math.isfinite(value) else None


def _codes(record: Mapping[str, object]) -> list[str]:
    return [name.removesuffix("_p") for name in record if name.startswith("AU") and name.endswith("_p")]


def _as_openface(record: Record, frame: int) -> Record:
    """Columns of OpenFace 2 (wiki page "Output Format"): frames count from 1, angles are radians, `_r` is 0-5.

    In a video `face_id` is the track. OpenFace turns about x to the right, y down and z away from the camera (its issue
    66), so that chin up is a negative Rx, a turn to the person's own left a negative Ry, and a lean to the own left
    shoulder a positive Rz.
    """
    codes = _codes(record)
    track = record["face"] if record["track"] is None else record["track"]
    row: Record = {"frame": frame + 1, "face_id": track, "timestamp": record["time_s"] or 0.0}
    row |= {"confidence": record["score"], "success": record["success"]}
    row |= {
        "pose_Rx": _radians(record["pose_pitch"], -1),
        "pose_Ry": _radians(record["pose_yaw"], -1),
        "pose_Rz": _radians(record["pose_roll"], 1),
    }
    row |= {f"{code}_r": record[f"{code}_i"] for code in codes}
    row |= {f"{code}_c": record[f"{code}_c"] for code in codes}
    return row | {"file": record["file"], "error": record["error"]}


def _as_pyfeat(record: Record, frame: int) -> Record:
    """Columns of py-feat: the box as corner and size, pose in degrees, `AU12` a probability 0-1, frames from 0.

    A last column `track` is ours; py-feat's `Identity` would say that a face was recognised, which nothing here does.
    """
    x0, y0, x1, y1 = (record[f"box_{name}"] for name in ("x0", "y0", "x1", "y1"))
    row: Record = {
        "FaceRectX": x0,
        "FaceRectY": y0,
        "FaceRectWidth": _minus(x1, x0),
        "FaceRectHeight": _minus(y1, y0),
    }
    row |= {"FaceScore": record["score"]}
    row |= {"Pitch": record["pose_pitch"], "Roll": record["pose_roll"], "Yaw": record["pose_yaw"]}
    row |= {code: record[f"{code}_p"] for code in _codes(record)}
    row |= {"input": record["file"], "frame": frame, "approx_time": _minutes(record["time_s"])}
    return row | {"error": record["error"], "track": record["track"]}


def _minutes(time_s: str | float | None) -> str | None:
    return None if time_s is None else f"{int(float(time_s)) // 60:02d}:{int(float(time_s)) % 60:02d}"


def _radians(degrees: str | float | None, sign: int) -> float | None:
    return None if degrees is None else round(sign * math.radians(float(degrees)), 4) + 0.0


def _minus(high: str | float | None, low: str | float | None) -> float | None:
    return None if high is None or low is None else round(float(high) - float(low), 1)
