"""Reading back what `predict` wrote, to find the events of the videos in it."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from vlfau.action_units import by_number
from vlfau.au_events import AUEvent, AUEventFinder
from vlfau.config import VLFAUConfig
from vlfau.errors import DataError
from vlfau.parts import PartFolder, records_of
from vlfau.records import Record

_WHOLE = {"frame", "face", "track", "success"}


def read_records(path: Path) -> Iterator[Record]:
    """The records of a JSONL, CSV or Parquet file of ours, or of a folder of finished parts, one by one.

    Raises OutputError for a folder in which parts are missing, DataError for what is none of these; of a CSV, only
    numbers that events are made of are read as numbers.
    """
    if not path.exists():
        raise _unreadable(path, "nothing of that name exists")
    kinds = {".jsonl": _of_jsonl, ".csv": _of_csv, ".parquet": _of_parquet}
    read = _of_folder if path.is_dir() else kinds.get(path.suffix.lower())
    if read is None:
        raise _unreadable(path, "its name ends in neither .jsonl nor .csv nor .parquet, and it is no folder")
    try:
        for record in read(path):
            if not {"file", "frame", "track", "success", "model_version"} <= record.keys():
                raise _unreadable(path, "columns are missing, as in the forms 'openface' and 'pyfeat'")
            yield record
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error


def events_of(records: Iterable[Record], config: VLFAUConfig) -> Iterator[tuple[str, list[AUEvent]]]:
    """Each video with its events, in the order of the records; thresholds are those of `config`.

    Photos are passed over. Raises DataError when another version spoke: its probabilities have other thresholds.
    """
    thresholds = dict(zip(config.au_numbers, config.thresholds, strict=True))
    codes = [by_number(number).code for number in config.au_numbers]
    for file, group in groupby(records, key=lambda record: str(record["file"])):
        finder, events, moving = AUEventFinder(thresholds), list[AUEvent](), False
        for record in group:
            _check(record, codes, config.model_version)
            moving |= record["frame"] is not None
            events += finder.update([record])
        if moving:
            yield file, events + finder.end()


def _check(record: Mapping[str, object], codes: list[str], version: str) -> None:
    if record["model_version"] != version or not {f"{code}_p" for code in codes} <= record.keys():
        raise DataError(
            f"These records are of another model. They are of '{record['model_version']}', and the thresholds at hand "
            f"are those of '{version}'. Name the checkpoint that made them with --model."
        )


def _of_jsonl(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file)


def _of_csv(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {name: _value(name, text) for name, text in row.items()}


def _of_parquet(path: Path) -> Iterator[Record]:
    return records_of([path])


def _of_folder(path: Path) -> Iterator[Record]:
    return records_of(PartFolder(path).finished()[0])


def _value(name: str, text: str) -> str | int | float | None:
    if not text:
        return None
    if name in _WHOLE:
        return int(text)
    return float(text) if name == "time_s" or name.endswith(("_p", "_i")) else text


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"These are no results that can be read. '{path}': {reason}. Give the jsonl, csv or parquet file, or the "
        "folder, that was --out of `python -m vlfau predict`."
    )
