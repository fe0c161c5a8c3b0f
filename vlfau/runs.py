"""A run over many photos and videos: from sources to files of records, with progress and a way to go on later."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from vlfau.baseline import video_baselines
from vlfau.errors import OutputError
from vlfau.lookahead import ahead
from vlfau.parts import (
    Manifest,
    Part,
    PartFolder,
    Progress,
    cut_into_parts,
    join,
    open_output,
    photos_per_part,
    records_of,
    writing,
)
from vlfau.pipeline import Pause, Picture, Pipeline, Read
from vlfau.records import Record, RecordWriter, action_units_of
from vlfau.sharding import Worker
from vlfau.sources import Source, printable
from vlfau.targets import Target, leave_stdout

SOME_UNREAD, STOPPED, INTERRUPTED = 1, 3, 130
"""Exit codes beside 0: some files could not be read in full; stopped in the middle by an error, or by the user."""

STDOUT = Path("standard output")
"""How it is called where a place is named."""

UNKNOWN_WIDTH, UNKNOWN_HEIGHT = 80, 24
"""Of a terminal that does not say how large it is; 0 x 0 would leave no room for a bar."""

LONGEST_NAME = 32
"""Of a file, in characters beside the bar."""


def predict_to_stream(
    sources: Sequence[Source], pipeline: Pipeline, target: Target, quiet: bool = False
) -> int:
    """Write records as they come, to standard output or a device; gives the exit code."""
    among_records = target.file is None and sys.stdout.isatty()  # a bar would be torn by them
    report = Report(sources, len(sources), bar=not among_records, quiet=quiet)
    looked = (item for source in sources for item in pipeline.look(source))
    place = target.file or STDOUT
    try:
        with open_output(target.file) as out:
            with writing(place):
                writer = RecordWriter(out, target.form, pipeline.columns)
            for item in pipeline.read(ahead(looked)):
                if isinstance(item, Read):
                    report.see(item.picture)
                    with writing(place):
                        for record in item.records:
                            writer.write(record)
                        out.flush()
    except OutputError as error:
        if target.file is None:
            leave_stdout()
        report.stop(str(error))
        return STOPPED
    return report.end(place)


def predict_in_parts(
    sources: Sequence[Source],
    pipeline: Pipeline,
    target: Target,
    resume: bool,
    worker: Worker | None = None,
    baseline: bool = False,
    quiet: bool = False,
) -> int:
    """Write part files, and make one file of them where that is the target; gives the exit code.

    Of several processes each does its share of the parts. With `resume` parts that are finished are left as they are.
    For `baseline` see `join_parts`.
    """
    worker = worker or Worker()
    assert target.folder is not None
    if resume and target.file and target.file.exists() and not target.folder.exists():
        say(f"Nothing to do: '{target.file}' is finished. Delete it to start anew.")
        return 0
    folder = PartFolder(target.folder)
    parts = _begin(folder, sources, pipeline, resume, worker)
    work = [(part, folder.progress(part.number)) for part in parts if worker.owns(part.number)]
    report = Report(sources, sum(len(part.sources) for part, _ in work), worker.leads, quiet)
    for part, done in work:
        report.skip(part, done)
    try:
        _write_parts(pipeline, folder, [(part, done) for part, done in work if not done.finished], report)
        if target.file:
            join_parts(target.folder, target.file, target.form, baseline)
            folder.remove()
    except OutputError as error:
        report.stop(f"{error} What is finished is kept in '{folder.path}'; go on with --resume.")
        return STOPPED
    except KeyboardInterrupt:
        report.stop(f"Interrupted. What is finished is kept in '{folder.path}'; go on with --resume.")
        return INTERRUPTED
    return report.end(target.file or target.folder)


def join_parts(folder: Path, out: Path, form: str, baseline: bool = False) -> None:
    """One file of all part files in a folder; raises OutputError when parts are missing.

    With `baseline` each face of a video is also compared with its own calmest pictures.
    """
    files, names = PartFolder(folder).finished()
    numbers = action_units_of(names)
    join(files, names, out, form, video_baselines(records_of(files), numbers) if baseline else None)


class Report:
    """What a person sees of a run: a bar on a terminal, what could not be read, and a line on how it ended."""

    def __init__(self, sources: Sequence[Source], share: int, bar: bool = True, quiet: bool = False) -> None:
        """`share` of the `sources` are this process's; `quiet` leaves out the bar and the last line."""
        self._total = share
        self._noun = _noun(sources)
        self._quiet = quiet
        self._unread = self._before = 0
        self._photos = self._videos = self._pictures = self._faces = 0
        self._last: Source | None = None
        self._bar = _bar(share, shown=bar and not quiet)

    def skip(self, part: Part, done: Progress) -> None:
        """Count what an earlier run did."""
        self._unread += done.unread
        if done.finished:
            self._before += len(part.sources)
            self._bar.update(len(part.sources))

    def see(self, picture: Picture) -> None:
        """Count one picture, and say so if it could not be read."""
        if picture.source is not self._last:
            self._last = picture.source
            self._videos += picture.source.is_video and not picture.unread
            self._bar.total += max(0, picture.expected - 1)
        self._faces += len(picture.faces)
        if picture.unread:
            self._unread += 1
            say(f"{picture.source.label}: {picture.error}")
        elif picture.source.is_video:
            self._pictures += 1
        else:
            self._photos += 1
        self._bar.set_postfix_str(f"{_count(self._faces, 'face')}, {_short(picture.source)}", refresh=False)
        self._bar.update()

    def stop(self, reason: str) -> None:
        """The run ends before its end."""
        self._bar.close()
        say(reason)

    def end(self, place: Path) -> int:
        """The run is done and its results are at `place`; gives its exit code."""
        self._bar.close()
        if not self._quiet:
            where = place if place is STDOUT else f"'{place}'"
            say(f"{self._read()}, with {_count(self._faces, 'face')}. {self._trouble()} Written to {where}.")
        return SOME_UNREAD if self._unread else 0

    def _read(self) -> str:
        read = [_count(self._photos, "photo")] if self._photos or not self._videos else []
        if self._videos:
            read.append(f"{_count(self._pictures, 'picture')} of {_count(self._videos, 'video')}")
        before = f" ({self._before} of {_count(self._total, self._noun)} done before)" if self._before else ""
        return f"Read {' and '.join(read)}{before}"

    def _trouble(self) -> str:
        if not self._unread:
            return "All could be read." if self._total else "Nothing was left to read."
        return (
            f"{self._unread} of {_count(self._total, self._noun)} could not be read, or not to the end: success 0 in "
            "the output."
        )


def say(text: str) -> None:
    """On standard error, beside a bar."""
    tqdm.write(printable(text), file=sys.stderr)


def _bar(total: int, shown: bool) -> tqdm:
    """A bar on standard error where that is a terminal."""
    return tqdm(
        total=total,
        unit="picture",
        file=sys.stderr,
        disable=None if shown else True,
        **({} if _size_is_known() else {"ncols": UNKNOWN_WIDTH, "nrows": UNKNOWN_HEIGHT}),
    )


def _size_is_known() -> bool:
    """False for a terminal of 0 x 0, as `script`, `docker` and some builders make them."""
    try:
        return min(os.get_terminal_size(sys.stderr.fileno())) > 0
    except (OSError, ValueError):  # no terminal
        return True


def _short(source: Source) -> str:
    """The end of its name, for a line that holds more than that."""
    name = printable(source.label.rsplit("/", 1)[-1])
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _begin(
    folder: PartFolder, sources: Sequence[Source], pipeline: Pipeline, resume: bool, worker: Worker
) -> list[Part]:
    begun = folder.manifest() if resume else None
    size = begun.photos_per_part if begun else photos_per_part(sources, worker.world_size)
    settings = {name: getattr(pipeline.settings, name) for name in ("words", "every", "detect_every")}
    if pipeline.baseline:
        settings["baseline"] = [[number, *rest] for number, rest in pipeline.baseline.values.items()]
    version = pipeline.predictor.checkpoint.config.model_version
    folder.begin(Manifest.of(sources, size, version, pipeline.columns, settings), resume, worker.leads)
    return cut_into_parts(sources, size)


def _write_parts(
    pipeline: Pipeline, folder: PartFolder, work: Sequence[tuple[Part, Progress]], report: Report
) -> None:
    """One thread finds faces, part after part; this one reads them and writes what a pause closes."""
    items = pipeline.read(ahead(_looked(pipeline, work)))
    for part, done in work:
        number, records, unread = done.files, list[Record](), 0
        for item in items:
            if isinstance(item, Read):
                report.see(item.picture)
                records += item.records
                unread += item.picture.unread
                continue
            folder.write(part.number, number, records, item.state, unread)
            number, records, unread = number + 1, [], 0
            if item.state is None:
                break


def _looked(pipeline: Pipeline, work: Sequence[tuple[Part, Progress]]) -> Iterator[Picture | Pause]:
    for part, done in work:
        for source in part.sources:
            yield from pipeline.look(source, done.state)
        yield Pause()


def _noun(sources: Sequence[Source]) -> str:
    kinds = {"video" if source.is_video else "photo" for source in sources}
    return kinds.pop() if len(kinds) == 1 else "file"
