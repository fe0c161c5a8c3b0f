"""Export: what a project holds, as a data set that others can load."""

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.errors import StoreError
from db.projects import project_row
from db.records import (
    ANSWER_COLUMNS,
    ANSWER_UNIT_COLUMNS,
    CODES,
    FACE_COLUMNS,
    FACE_UNIT_COLUMNS,
    Records,
    Row,
    columns,
    records,
)
from db.roles import Actor
from db.rows import in_parts
from db.store import Store, Work
from db.tables import Export
from db.transfer import write_store
from db.values import Consent

FORMATS = ("parquet", "jsonl", "openface", "pyfeat")
FACES, ANSWERS = "faces", "answers"
PRIVATE = Path("private") / "store.jsonl"
_FACES_AT_ONCE = 64
"""Photos in memory while Parquet is written."""


@dataclass(frozen=True)
class ExportReport:
    """What was written."""

    folder: Path
    faces: int
    answers: int


def export(
    store: Store,
    actor: Actor,
    project_id: int,
    folder: str | Path,
    form: str = "parquet",
    scope: Consent = Consent.ANNOTATE,
) -> ExportReport:
    """Write a project into a folder that is new or empty; admins only.

    parquet   `faces.parquet` with the photos, `answers.parquet`, for Hugging Face `datasets`
    jsonl     the same two tables as JSON Lines, photos in `images/`; and the whole store, complete and with names,
              in `private/store.jsonl`, from which `db.transfer.read_store` makes the same store again
    openface, pyfeat   `faces.csv` in the columns of those programs

    `scope` publish takes only people who agreed to that, and writes nothing private. Annotators are pseudonyms, people
    in the photos are numbers. Whoever withdrew is in none.
    """
    folder = Path(folder)
    if form not in FORMATS:
        raise StoreError(f"There is no such format. Found '{form}'. Use one of {', '.join(FORMATS)}.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"The export would mix with other files. {folder} is not empty. Name a new folder.")
    with store.reading(actor, "export") as work:
        project_row(work, project_id)
        found = records(work, project_id, scope)
        folder.mkdir(parents=True, exist_ok=True)
        if form == "jsonl":
            _write_jsonl(work, folder, found, private=scope == Consent.ANNOTATE)
        elif form == "parquet":
            _write_parquet(work, folder, found)
        else:
            _write_csv(folder / "faces.csv", found.faces, openface_row if form == "openface" else pyfeat_row)
    with store.unit_of_work(actor, "export") as work:
        counts = {"faces": len(found.faces), "responses": len(found.answers)}
        work.add(Export(project_id=project_id, format=form, scope=scope, at=work.now, **counts))
    return ExportReport(folder, len(found.faces), len(found.answers))


def openface_row(row: Row, frame: int) -> Row:
    """OpenFace 2's columns: `AU12_r` intensity 0-5, `AU12_c` 0 or 1; angles in radians; empty where masked."""
    known: Row = {
        "frame": frame + 1,
        "face_id": 0,
        "timestamp": 0.0,
        "confidence": row["score"],
        "success": 1,
    }
    known["pose_Rx"] = -math.radians(row["pose_pitch"]) + 0.0
    known["pose_Ry"] = -math.radians(row["pose_yaw"]) + 0.0
    known["pose_Rz"] = math.radians(row["pose_roll"])
    known |= {f"{code}_r": row[f"{code}_intensity"] for code in CODES.values()}
    known |= {f"{code}_c": None if row[code] is None else int(row[code] >= 0.5) for code in CODES.values()}
    return known | {"file": f"{row['sha256']}.png"}


def pyfeat_row(row: Row, frame: int) -> Row:
    """py-feat's columns: box as corner and size, angles in degrees, `AU12` the soft label 0-1; empty where masked."""
    known: Row = {
        "FaceRectX": row["box_x0"],
        "FaceRectY": row["box_y0"],
        "FaceRectWidth": row["box_x1"] - row["box_x0"],
        "FaceRectHeight": row["box_y1"] - row["box_y0"],
        "FaceScore": row["score"],
        "Pitch": row["pose_pitch"],
        "Roll": row["pose_roll"],
        "Yaw": row["pose_yaw"],
    }
    known |= {code: row[code] for code in CODES.values()}
    return known | {"input": f"{row['sha256']}.png", "frame": frame}


def _write_csv(path: Path, rows: list[Row], convert: Any) -> None:
    empty = dict.fromkeys(columns(FACE_COLUMNS, FACE_UNIT_COLUMNS), 0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(convert(empty, 0)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(convert(row, frame) for frame, row in enumerate(rows))


def _write_jsonl(work: Work, folder: Path, found: Records, private: bool) -> None:
    _write_lines(folder / f"{FACES}.jsonl", ({**row, "file_name": _place(row)} for row in found.faces))
    _write_lines(folder / f"{ANSWERS}.jsonl", found.answers)
    for row in found.faces:
        _copy(work, row["sha256"], folder)
    if private:
        path = folder / PRIVATE
        path.parent.mkdir()
        for sha256 in write_store(work, path):
            _copy(work, sha256, folder)


def _write_lines(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def _place(row: Row) -> str:
    return f"images/{row['sha256'][:2]}/{row['sha256']}.png"


def _copy(work: Work, sha256: str, folder: Path) -> None:
    target = folder / "images" / sha256[:2] / f"{sha256}.png"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(work.images.data(sha256))


def _write_parquet(work: Work, folder: Path, found: Records) -> None:
    from datasets import Features, Image, Value

    def with_photo(row: Row) -> Row:
        return {**row, "image": {"bytes": work.images.data(row["sha256"]), "path": f"{row['sha256']}.png"}}

    types = columns(FACE_COLUMNS, FACE_UNIT_COLUMNS)
    faces = Features({"image": Image()} | {name: Value(kind) for name, kind in types.items()})
    _write_table(folder / f"{FACES}.parquet", faces, map(with_photo, found.faces))
    types = columns(ANSWER_COLUMNS, ANSWER_UNIT_COLUMNS)
    answers = Features({name: Value(kind) for name, kind in types.items()})
    _write_table(folder / f"{ANSWERS}.parquet", answers, found.answers)
    (folder / "README.md").write_text(_CARD, encoding="utf-8")


def _write_table(path: Path, features: Any, rows: Iterable[Row]) -> None:
    """In parts, so that the photos are never in memory all at once."""
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    schema = features.arrow_schema
    with parquet.ParquetWriter(path, schema) as writer:
        for part in in_parts(rows, _FACES_AT_ONCE):
            writer.write_table(pa.Table.from_pylist(part, schema=schema))


_CARD = """---
configs:
- config_name: faces
  data_files: faces.parquet
  default: true
- config_name: answers
  data_files: answers.parquet
---
# Facial action units, annotated by people

`faces`: one row per face with its photo. `AU12` is the soft label (0-1, null: nobody judged it, mask it), `AU12_n` how
many people judged, `AU12_agreement` the share of them that say what most say, `AU12_intensity` 0-5, `AU12_laid_down`
whether a reviewer settled it, `AU12_text` a sentence as a person wrote it, `AU12_model` what the model had said.
`person` numbers the people: split by it. Do not train on rows with `gold` or `blind`: they measure people and models.

`answers`: one row per person and face, as it was given: `AU12` present, absent, unsure or not_visible (null: not
answered), intensity 1-5 (A-E), side of the person in the photo, seconds spent, whether the prediction was shown.
"""
