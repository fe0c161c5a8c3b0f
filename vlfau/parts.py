"""Part files: results in pieces that are written whole or not at all, so that a run can be stopped and gone on with."""

import hashlib
import json
import math
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count, groupby
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from vlfau.baseline import VideoBaselines
from vlfau.errors import OutputError
from vlfau.records import Record, RecordWriter
from vlfau.sources import Source

PHOTOS_PER_PART = 256
"""At most; fewer where every process would otherwise not get several parts."""

PARTS_PER_WORKER = 4

LONGEST_WAIT_S = 600.0
"""For the process that begins the run."""

MANIFEST_NAME = "_manifest.json"
"""Programs that read a folder of Parquet files pass over names that begin like this."""

_PART_NAME = re.compile(r"part-(\d+)-(\d+)\.parquet")
_METADATA_KEY = b"vlfau"
_OPTIONS = {
    "words": "--words or --no-words",
    "every": "--every",
    "detect_every": "--detect-every",
    "baseline": "--baseline",
}
"""The option behind each of a run's settings."""


@dataclass(frozen=True)
class Part:
    """A piece of the work: some photos, or one video."""

    number: int
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Manifest:
    """What a run is about; the same run is gone on with only where all of this is the same."""

    model_version: str
    columns: tuple[str, ...]
    settings: dict[str, Any]
    """Those that change results."""
    sources: int
    """How many photos and videos there are."""
    digest: str
    """SHA-256 of their labels, in order."""
    photos_per_part: int
    parts: int

    @classmethod
    def of(
        cls,
        sources: Sequence[Source],
        photos_per_part: int,
        model_version: str,
        columns: Sequence[str],
        settings: Mapping[str, Any],
    ) -> "Manifest":
        digest = hashlib.sha256()
        for source in sources:
            digest.update(source.label.encode() + b"\0")
        parts = len(cut_into_parts(sources, photos_per_part))
        seen = (len(sources), digest.hexdigest(), photos_per_part, parts)
        return cls(model_version, tuple(columns), dict(settings), *seen)

    def differences(self, begun: "Manifest") -> list[str]:
        """What is not as in a run that was begun, in the words of the command line; empty for the same run."""
        found = []
        if self.sources != begun.sources:
            found.append(f"the paths ({begun.sources} photos and videos then, {self.sources} now)")
        elif (self.digest, self.parts) != (begun.digest, begun.parts):
            found.append("the paths (as many photos and videos, but others)")
        if self.model_version != begun.model_version:
            found.append(f"the checkpoint ('{begun.model_version}' then, '{self.model_version}' now)")
        for name in sorted(self.settings.keys() | begun.settings.keys()):
            then, now = begun.settings.get(name), self.settings.get(name)
            if then != now:
                found.append(f"{_OPTIONS.get(name, name)}{_then_and_now(then, now)}")
        if not found and self != begun:
            found.append("how this version of the program divides the work")
        return found


@dataclass(frozen=True)
class Progress:
    """How far one part is."""

    files: int = 0
    """Part files that it has so far."""
    finished: bool = False
    state: dict[str, Any] | None = None
    """See `vlfau.pipeline.Pause`."""
    unread: int = 0
    """Sources that could not be read, or not to their end."""


@dataclass
class PartFolder:
    """A folder of Parquet part files with a manifest.

    A part is one file; of a long video it is several, and each holds in its metadata how to go on after it.
    """

    path: Path
    _columns: tuple[str, ...] = field(default=(), init=False)
    _progress: dict[int, Progress] = field(default_factory=dict, init=False)

    def begin(self, manifest: Manifest, resume: bool, leads: bool = True) -> None:
        """Start the run, or with `resume` go on with it; raises OutputError when that cannot be.

        Of several processes one `leads` and writes the manifest; the others wait for it.
        """
        with writing(self.path):
            self.path.mkdir(exist_ok=True)
            begun = self.manifest()
            if leads and begun is None:
                self._check_nothing_else()
                self._write(MANIFEST_NAME, json.dumps(asdict(manifest), indent=1).encode())
        if leads and begun is not None and not resume:
            raise OutputError(
                f"Results of a run are there already. '{self.path}' holds {len(self._names())} part files. "
                "Add --resume to go on with that run, name another --out, or delete the folder."
            )
        self._check_same(begun or self._awaited(), manifest)
        self._columns = manifest.columns
        self._progress = self._read_progress()

    def manifest(self) -> Manifest | None:
        """None where no run was begun."""
        try:
            known = json.loads((self.path / MANIFEST_NAME).read_text())
            return Manifest(**known | {"columns": tuple(known["columns"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise OutputError(
                f"The manifest of this run cannot be read. '{self.path / MANIFEST_NAME}': {error}. "
                "Delete the folder and start again."
            ) from error

    def progress(self, part: int) -> Progress:
        """How far a part was when the run was begun."""
        return self._progress.get(part, Progress())

    def write(
        self, part: int, number: int, records: Sequence[Record], state: dict[str, Any] | None, unread: int
    ) -> None:
        """Add file `number` of a part; with `state` None it is the last. Raises OutputError."""
        note = {"last": state is None, "state": state, "unread": unread}
        schema = arrow_schema(self._columns).with_metadata({_METADATA_KEY: json.dumps(note).encode()})
        buffer = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(list(records), schema), buffer, compression="zstd")
        with writing(self.path):
            self._write(self._file(part, number).name, buffer.getvalue().to_pybytes())

    def finished(self) -> tuple[list[Path], tuple[str, ...]]:
        """Part files in the order of their sources, and their columns; raises OutputError when parts are missing."""
        manifest = self.manifest()
        if manifest is None:
            raise OutputError(
                f"There is no run in this folder. '{self.path}' has no {MANIFEST_NAME}. "
                "Give the folder that was --out of `python -m vlfau predict`."
            )
        progress = self._read_progress()
        open_parts = [
            number for number in range(manifest.parts) if not progress.get(number, Progress()).finished
        ]
        if open_parts:
            raise OutputError(
                f"The run is not finished. {len(open_parts)} of {manifest.parts} parts in '{self.path}' are missing. "
                "Start the same command again with --resume."
            )
        files = [
            self._file(part, number)
            for part in range(manifest.parts)
            for number in range(progress[part].files)
        ]
        return files, manifest.columns

    def remove(self) -> None:
        """Delete the part files, the manifest and the folder; what else lies in it stays."""
        for path in [*(self.path / name for name in self._names()), self.path / MANIFEST_NAME]:
            path.unlink(missing_ok=True)
        try:
            self.path.rmdir()
        except OSError:  # not empty: not all in it is ours
            return

    def _file(self, part: int, number: int) -> Path:
        return self.path / f"part-{part:06d}-{number:05d}.parquet"

    def _names(self) -> list[str]:
        return sorted(path.name for path in self.path.iterdir() if _PART_NAME.fullmatch(path.name))

    def _read_progress(self) -> dict[int, Progress]:
        names = (_PART_NAME.fullmatch(name) for name in self._names())
        numbers = sorted((int(name[1]), int(name[2])) for name in names if name)
        return {
            part: self._progress_of(part, {number for _, number in found})
            for part, found in groupby(numbers, key=lambda place: place[0])
        }

    def _progress_of(self, part: int, there: set[int]) -> Progress:
        """Files count as far as none is missing or damaged."""
        progress = Progress()
        for number in count():
            note = self._note(part, number) if number in there else None
            if note is None:
                return progress
            progress = Progress(number + 1, note["last"], note["state"], progress.unread + note["unread"])
        return progress

    def _note(self, part: int, number: int) -> dict[str, Any] | None:
        try:
            schema = pq.read_schema(self._file(part, number))
            note: dict[str, Any] = json.loads(schema.metadata[_METADATA_KEY])
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
            return None
        return note

    def _write(self, name: str, content: bytes) -> None:
        """Under another name first: a process that is killed leaves nothing half written under this one."""
        part, temporary = self.path / name, self.path / f".{name}.tmp"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(part)

    def _check_nothing_else(self) -> None:
        others = [path.name for path in self.path.iterdir() if not path.name.startswith(".")]
        if others:
            raise OutputError(
                f"The folder for the results is not empty. '{self.path}' holds {others[0]!r}"
                f"{' and more' * (len(others) > 1)}. Name a new folder to --out."
            )

    def _awaited(self) -> Manifest:
        start = time.monotonic()
        while (manifest := self.manifest()) is None:
            if time.monotonic() - start > LONGEST_WAIT_S:
                raise OutputError(
                    f"The run was not begun. After {LONGEST_WAIT_S:.0f} s there is no {MANIFEST_NAME} in "
                    f"'{self.path}'. See what process 0 says, and that all machines see the same folder."
                )
            time.sleep(0.1)
        return manifest

    def _check_same(self, begun: Manifest, asked: Manifest) -> None:
        different = asked.differences(begun)
        if different:
            raise OutputError(
                f"This is not the run that was begun in '{self.path}'. Different are: {', '.join(different)}. "
                "Give the same paths, model and options, or another --out."
            )


def photos_per_part(sources: Sequence[Source], world_size: int) -> int:
    """So that every process gets several parts, and a part is no more than some minutes of work."""
    photos = sum(not source.is_video for source in sources)
    return min(PHOTOS_PER_PART, max(1, math.ceil(photos / (PARTS_PER_WORKER * world_size))))


def cut_into_parts(sources: Sequence[Source], photos: int) -> list[Part]:
    """Parts in the order of the sources: up to `photos` photos that follow each other, or one video."""
    parts: list[Part] = []
    for is_video, group in groupby(sources, key=lambda source: source.is_video):
        found, size = list(group), 1 if is_video else photos
        for start in range(0, len(found), size):
            parts.append(Part(len(parts), tuple(found[start : start + size])))
    return parts


def arrow_schema(columns: Sequence[str]) -> pa.Schema:
    """The types of a record's columns; every column may be null."""
    return pa.schema([(name, _arrow_type(name)) for name in columns])


def join(
    files: Sequence[Path],
    columns: Sequence[str],
    out: Path,
    form: str,
    baselines: VideoBaselines | None = None,
) -> None:
    """All records of part files as one file in a form of FORMATS, which appears whole or not at all.

    With `baselines` each record gets their columns as well.
    """
    temporary = out.with_name(f".{out.name}.tmp")
    names = (*columns, *(baselines.columns if baselines else ()))
    batches = _batches(files)
    if baselines:
        batches = ([baselines.added(record) for record in batch] for batch in batches)
    with writing(out):
        try:
            if form == "parquet":
                _join_parquet(batches, names, temporary)
            else:
                with temporary.open("w", encoding="utf-8", newline="") as file:
                    _join_text(batches, names, file, form)
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)


def records_of(files: Sequence[Path]) -> Iterator[Record]:
    """The records of part files, one after the other."""
    return (record for batch in _batches(files) for record in batch)


def _batches(files: Sequence[Path]) -> Iterator[list[Record]]:
    for path in files:
        with pq.ParquetFile(path) as part:
            for batch in part.iter_batches(1000):
                yield batch.to_pylist()


def _join_text(batches: Iterable[list[Record]], columns: Sequence[str], out: TextIO, form: str) -> None:
    writer = RecordWriter(out, form, columns)
    for batch in batches:
        for record in batch:
            writer.write(record)


def _join_parquet(batches: Iterable[list[Record]], columns: Sequence[str], out: Path) -> None:
    schema = arrow_schema(columns)
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_pylist(batch, schema))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system says against writing, as an OutputError."""
    try:
        yield
    except BrokenPipeError:  # not an error: who reads our output has seen enough
        raise
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
            raise OutputError(
                f"The results cannot be written. The folder '{path.parent}' of --out is not there. Create it, or give "
                "another place to --out."
            ) from error
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"The results cannot be written. Writing to '{path}' failed: {reason}. "
            "Make room or get the permission there, or give another place to --out."
        ) from error


@contextmanager
def open_output(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or the file, device or pipe at a path, to be written to."""
    if path is None:
        yield sys.stdout
        return
    with writing(path), path.open("w", encoding="utf-8", newline="") as file:
        yield file


def _then_and_now(then: Any, now: Any) -> str:
    """Two numbers, where that is what a setting is; yes and no, or a person's readings, need none."""
    numbers = all(isinstance(value, int) and not isinstance(value, bool) for value in (then, now))
    return f" ({then} then, {now} now)" if numbers else ""


def _arrow_type(column: str) -> pa.DataType:
    if column in ("frame", "face", "track"):
        return pa.int64()
    if column == "success" or column.endswith("_c"):
        return pa.int8()
    texts = ("file", "model_version", "description", "warnings", "error")
    return pa.string() if column in texts or column.endswith(("_text", "_letter")) else pa.float64()
