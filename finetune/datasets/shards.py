"""Prepared faces on disk: one Parquet shard for each subject, with chips, landmarks and codes, and their reading.

A row is one face: `chip` (a JPEG, RGB, square), `landmarks` (478 x 3 float16, chip units, flat), `occurrence` (A
float32, 1, 0 or NaN), `intensity` (A float32, 0-5 or NaN), `subject`, `task`, `frame`. The `datasets` library reads it
too.
Letters: n faces, A action units of the table, S chip side in px.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

JPEG_QUALITY = 95
ROWS_AT_ONCE = 256
"""Faces gathered in memory before they are written."""

_CHIP = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_LANDMARKS = pa.list_(pa.float16(), 478 * 3)
_CODES = pa.list_(pa.float32(), len(AU_NUMBERS))
_SCHEMA = pa.schema(
    [
        ("chip", _CHIP),
        ("landmarks", _LANDMARKS),
        ("occurrence", _CODES),
        ("intensity", _CODES),
        ("subject", pa.string()),
        ("task", pa.string()),
        ("frame", pa.int32()),
    ]
)


@dataclass(frozen=True)
class PreparedFace:
    """One aligned face with its codes."""

    chip: NDArray[np.uint8]
    """(S, S, 3) RGB"""
    landmarks: NDArray[np.float32]
    """(478, 3) chip units"""
    occurrence: NDArray[np.float32]
    """(A,) 1, 0 or NaN"""
    intensity: NDArray[np.float32]
    """(A,) 0-5 or NaN"""
    subject: str
    task: str
    frame: int

    def row(self) -> dict[str, object]:
        """As it is stored."""
        fine = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        encoded = cv2.imencode(".jpg", np.ascontiguousarray(self.chip[..., ::-1]), fine)[1]
        return {
            "chip": {"bytes": encoded.tobytes(), "path": None},
            "landmarks": self.landmarks.astype(np.float16).ravel(),
            "occurrence": self.occurrence,
            "intensity": self.intensity,
            "subject": self.subject,
            "task": self.task,
            "frame": self.frame,
        }


class ShardWriter:
    """Writes one shard front to back; the file has its name only when it is complete."""

    def __init__(self, file: Path) -> None:
        self.file, self.part = file, file.with_suffix(".part")
        self.rows: list[dict[str, object]] = []
        self.writer = pq.ParquetWriter(self.part, _SCHEMA, compression="zstd")

    def add(self, face: PreparedFace) -> None:
        self.rows.append(face.row())
        if len(self.rows) >= ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self.rows:
            self.writer.write_table(pa.Table.from_pylist(self.rows, _SCHEMA))
            self.rows = []

    def finish(self, notes: dict[str, object]) -> None:
        """Write what is left and the notes, and give the file its name."""
        self.flush()
        self.writer.add_key_value_metadata({"notes": json.dumps(notes)})
        self.writer.close()
        self.part.rename(self.file)

    def discard(self) -> None:
        """Remove what was written of an unfinished shard."""
        try:
            self.writer.close()
        finally:
            self.part.unlink(missing_ok=True)


def read_notes(file: Path) -> dict:
    """What the preparation noted in a finished shard; raises `DataError` for another file."""
    try:
        return dict(json.loads(pq.read_metadata(file).metadata[b"notes"]))
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"A shard cannot be read. {file} gave: {error!r}. Delete it and run `python -m finetune.datasets prepare` "
            "again."
        ) from error


@dataclass
class PreparedFaces:
    """All faces of a prepared dataset; chips stay encoded until they are asked for."""

    dataset: str
    chips: pa.ChunkedArray
    landmarks: NDArray[np.float16]
    """(n, 478, 3) chip units"""
    occurrence: NDArray[np.float32]
    """(n, A)"""
    intensity: NDArray[np.float32]
    """(n, A)"""
    subject: NDArray[np.str_]
    """(n,)"""
    task: NDArray[np.str_]
    frame: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.landmarks)

    def chip(self, row: int) -> NDArray[np.uint8]:
        """(S, S, 3) RGB."""
        encoded = self.chips[row]["bytes"].as_py()
        return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))

    def rows_of(self, subjects: tuple[str, ...]) -> NDArray[np.int64]:
        """Rows of some subjects, in their order."""
        return np.flatnonzero(np.isin(self.subject, subjects)).astype(np.int64)


def shard_files(folder: Path) -> list[Path]:
    """Finished shards in the order of their subjects; raises `DataError` when there are none."""
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise DataError(
            f"There are no prepared faces. {folder} has no *.parquet. Make them: python -m finetune.datasets prepare "
            f"disfa --source DIR --out {folder}."
        )
    return files


def load_prepared(folder: str | Path) -> PreparedFaces:
    """All shards of a folder; raises `DataError` when they are missing, damaged or of several datasets."""
    files = shard_files(Path(folder))
    notes = [read_notes(file) for file in files]
    kinds = {(note["dataset"], tuple(note["action_units"])) for note in notes}
    if len(kinds) > 1 or next(iter(kinds))[1] != tuple(AU_NUMBERS):
        raise DataError(
            f"The shards do not fit together or not this version. {folder} has {sorted(kinds)}. Prepare each dataset "
            "into an empty folder of its own."
        )
    table = pa.concat_tables([pq.read_table(file, schema=_SCHEMA) for file in files])

    def numbers(name: str, width: int) -> NDArray:
        flat = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table.column(name).chunks]
        return np.concatenate(flat).reshape(-1, width)

    return PreparedFaces(
        notes[0]["dataset"],
        table.column("chip"),
        numbers("landmarks", 478 * 3).reshape(-1, 478, 3),
        numbers("occurrence", len(AU_NUMBERS)),
        numbers("intensity", len(AU_NUMBERS)),
        np.array(table.column("subject").to_pylist()),
        np.array(table.column("task").to_pylist()),
        table.column("frame").to_numpy(),
    )
