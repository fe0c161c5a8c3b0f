"""Events of videos from results on disk: the same from every form, and refused where they cannot be found."""

import csv
import io
import subprocess
import sys

import pytest

from vlfau.au_events import events_csv
from vlfau.checkpoint import load_checkpoint
from vlfau.cli import main
from vlfau.config import VLFAUConfig
from vlfau.errors import DataError, OutputError
from vlfau.parts import join
from vlfau.recorded import events_of, read_records
from vlfau.records import columns, to_text

CONFIG = VLFAUConfig(model_version="small-9")
NUMBERS = CONFIG.au_numbers


def record(file, frame, probability, version="small-9"):
    """A face in which only AU12 is seen, or a photo's (no frame)."""
    known = {"file": file, "frame": frame, "time_s": None if frame is None else frame / 10, "success": 1}
    known |= {"face": 0, "track": None if frame is None else 0, "model_version": version}
    known |= {f"{name[:-2]}_p": 0.01 for name in columns(NUMBERS, False) if name.endswith("_p")}
    known |= {"AU12_p": probability, "AU12_i": 2.5}
    return {column: known.get(column) for column in columns(NUMBERS, words=False)}


RECORDS = [
    *(record("a.mp4", frame, 0.99 if 2 <= frame < 7 else 0.01) for frame in range(10)),
    record("b.jpg", None, 0.99),
    *(record("c.mp4", frame, 0.01) for frame in range(4)),
]


@pytest.fixture(params=["jsonl", "csv", "parquet"])
def results(request, tmp_path):
    """RECORDS as a file."""
    path = tmp_path / f"faces.{request.param}"
    if request.param == "parquet":
        join_as_parquet(path)
    else:
        path.write_text(to_text(RECORDS, request.param))
    return path


def join_as_parquet(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from vlfau.parts import arrow_schema

    part = path.with_name("part.parquet")
    pq.write_table(pa.Table.from_pylist(RECORDS, arrow_schema(tuple(RECORDS[0]))), part)
    join([part], tuple(RECORDS[0]), path, "parquet")


def test_every_form_gives_the_same_events(results):
    (first, events), (last, none) = events_of(read_records(results), CONFIG)
    assert (first, last, none) == ("a.mp4", "c.mp4", [])
    (event,) = events
    assert (event.number, event.onset.frame, event.offset.frame, event.onset.time_s) == (12, 2, 6, 0.2)
    assert event.apex_intensity == 2.5


def test_another_models_records_are_refused(results):
    other = VLFAUConfig(model_version="small-8")
    with pytest.raises(DataError, match=r"of 'small-9'.*those of 'small-8'.*--model"):
        list(events_of(read_records(results), other))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("faces.txt", "", "its name ends in neither"),
        ("faces.jsonl", "{", "Expecting"),
        ("faces.jsonl", '{"file": "a"}', "columns are missing"),
        ("faces.csv", to_text(RECORDS, "openface"), "columns are missing"),
        ("faces.csv", "file,frame,track,success,model_version\na,x,0,1,v\n", "invalid literal"),
        ("faces.parquet", "no parquet", "arquet"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said):
        list(read_records(tmp_path / name))


def test_what_is_not_there_is_refused(tmp_path):
    for name in ("faces.csv", "nope"):
        with pytest.raises(DataError, match=rf"{name}': nothing of that name exists"):
            list(read_records(tmp_path / name))
    with pytest.raises(OutputError, match="no run in this folder"):
        list(read_records(tmp_path))


def test_the_command_writes_a_table(tmp_path):
    version = load_checkpoint().config.model_version
    records = [record("a.mp4", frame, 0.99 if frame > 2 else 0.01, version) for frame in range(9)]
    (tmp_path / "faces.jsonl").write_text(to_text(records))
    command = [sys.executable, "-m", "vlfau", "events", str(tmp_path / "faces.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["file"], row["au"], row["onset_s"], row["offset_seen"]) == ("a.mp4", "AU12", "0.3", "0")
    subprocess.run([*command, "--out", str(tmp_path / "events.csv")], check=True, timeout=120)
    assert (tmp_path / "events.csv").read_text() == done.stdout


def test_results_without_a_video_are_told_of(tmp_path, capsys):
    (tmp_path / "photos.jsonl").write_text(
        to_text([record("a.jpg", None, 0.99, load_checkpoint().config.model_version)])
    )
    assert main(["events", str(tmp_path / "photos.jsonl")]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [events_csv("", []).strip()]
    assert "There is no video in these results" in said.err
