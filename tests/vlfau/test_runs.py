"""A run can be stopped anywhere, killed or shared between processes: nothing is lost, nothing doubled."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.vlfau.clips import face_at, nothing, write_clip
from vlfau import pipeline as pipeline_module
from vlfau.pipeline import Pipeline, Settings
from vlfau.runs import Report, predict_in_parts, predict_to_stream
from vlfau.sharding import Worker
from vlfau.sources import find_sources
from vlfau.targets import Target

ROOT = Path(__file__).parents[2]
MANY = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clip of seven pictures, six photos without a face, which are quick, and a broken one."""
    folder = tmp_path_factory.mktemp("photos")
    write_clip(folder / "clip.mp4", [face_at(0.01 * i) for i in range(7)])
    for index in range(6):
        Image.fromarray(nothing(64, 48)).save(folder / f"{index}.png")
    (folder / "broken.jpg").write_bytes(b"broken")
    return folder


@pytest.fixture
def pipeline(tiny_predictor):
    return Pipeline(tiny_predictor, Settings(words=False))


@pytest.fixture
def sources(folder):
    return find_sources([folder])


def run(sources, pipeline, out, resume=False, worker=None):
    return predict_in_parts(sources, pipeline, Target.of(str(out), worker=worker), resume, worker)


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def straight(folder, tiny_predictor, tmp_path_factory):
    """What a run that nothing disturbs writes."""
    out = tmp_path_factory.mktemp("straight") / "out.jsonl"
    assert run(find_sources([folder]), Pipeline(tiny_predictor, Settings(words=False)), out) == 1
    return read(out)


def places(records):
    return [(Path(record["file"]).name, record["frame"]) for record in records]


def test_every_photo_and_picture_is_there_once(straight):
    photos = [(f"{index}.png", None) for index in range(6)]
    assert places(straight) == [*photos, ("broken.jpg", None), *(("clip.mp4", i) for i in range(7))]


def test_only_the_file_remains(sources, pipeline, tmp_path, straight):
    assert run(sources, pipeline, tmp_path / "out.csv") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    with (tmp_path / "out.csv").open() as file:
        assert [row["file"] for row in csv.DictReader(file)] == [record["file"] for record in straight]


def test_a_stream_has_the_same_records(sources, pipeline, straight, capsys):
    assert predict_to_stream(sources, pipeline, Target("jsonl")) == 1
    captured = capsys.readouterr()
    assert [json.loads(line) for line in captured.out.splitlines()] == straight
    assert "1 of 8 files could not be read" in captured.err


@pytest.mark.parametrize(("pictures", "kept"), [(1, 0), (5, 4), (10, 9), (13, 11)])
def test_an_interrupted_run_goes_on(
    sources, pipeline, tmp_path, straight, monkeypatch, capsys, pictures, kept
):
    monkeypatch.setattr(pipeline_module, "PAUSE_FRAMES", 2)
    seen, see = [], Report.see

    def interrupted(self, picture):
        seen.append(picture)
        if len(seen) == pictures:
            raise KeyboardInterrupt
        see(self, picture)

    monkeypatch.setattr(Report, "see", interrupted)
    assert run(sources, pipeline, tmp_path / "out.jsonl") == 130
    assert "--resume" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()
    assert run(sources, pipeline, tmp_path / "out.jsonl", resume=True) == 1
    assert read(tmp_path / "out.jsonl") == straight
    assert len(seen) == pictures + len(straight) - kept


def test_a_full_disk_stops_the_run_and_keeps_what_is_finished(
    sources, pipeline, tmp_path, monkeypatch, capsys, straight
):
    written, fsync = [], os.fsync

    def full(number):
        written.append(number)
        if len(written) > 4:
            raise OSError(28, "No space left on device")
        fsync(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert run(sources, pipeline, tmp_path / "out.jsonl") == 3
    error = capsys.readouterr().err
    assert "No space left on device" in error
    assert "go on with --resume" in error
    assert len(list((tmp_path / "out.jsonl.parts").glob("part-*.parquet"))) == 3
    assert run(sources, pipeline, tmp_path / "out.jsonl", resume=True) == 1
    assert read(tmp_path / "out.jsonl") == straight


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_device_stops_a_stream(sources, pipeline, capsys):
    assert predict_to_stream(sources, pipeline, Target.of("/dev/full")) == 3
    assert "No space left on device" in capsys.readouterr().err


def test_a_finished_file_is_left_as_it_is(sources, pipeline, tmp_path, capsys):
    (tmp_path / "out.csv").write_text("finished")
    assert run(sources, pipeline, tmp_path / "out.csv", resume=True) == 0
    assert "Nothing to do" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_text() == "finished"


def test_a_finished_folder_still_tells_what_could_not_be_read(sources, pipeline, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    assert [run(sources, pipeline, tmp_path / "out", resume=resume) for resume in (False, True)] == [1, 1]
    assert capsys.readouterr().err.count("1 of 8 files could not be read") == 2


def test_workers_share_the_parts(sources, pipeline, tmp_path, straight):
    (tmp_path / "out").mkdir()
    workers = [Worker(rank, 3, rank) for rank in range(3)]
    assert sorted(run(sources, pipeline, tmp_path / "out", worker=worker) for worker in workers) == [0, 0, 1]
    found = pq.read_table(tmp_path / "out").to_pylist()
    assert Counter(places(found)) == Counter(places(straight))
    assert found == straight


def test_what_was_read_is_told_at_the_end(sources, pipeline, tmp_path, capsys):
    run(sources, pipeline, tmp_path / "out.csv")
    said = capsys.readouterr()
    assert said.out == ""
    assert "%" not in said.err, "a bar is for terminals"
    last = "Read 6 photos and 7 pictures of 1 video, with 7 faces. 1 of 8 files could not be read, or not to the end: "
    assert said.err.splitlines()[-1] == f"{last}success 0 in the output. Written to '{tmp_path / 'out.csv'}'."


def test_quiet_leaves_out_the_last_line_alone(sources, pipeline, tmp_path, capsys):
    target = Target.of(str(tmp_path / "out.csv"))
    assert predict_in_parts(sources, pipeline, target, resume=False, quiet=True) == 1
    assert predict_to_stream(sources, pipeline, Target.of(os.devnull), quiet=True) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("broken.jpg: " in line for line in lines)


def test_a_run_that_goes_on_says_what_was_done_before(sources, pipeline, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    run(sources, pipeline, tmp_path / "out")
    next((tmp_path / "out").glob("part-000000-*")).unlink()
    capsys.readouterr()
    run(sources, pipeline, tmp_path / "out", resume=True)
    assert "done before), with " in capsys.readouterr().err


def test_names_cannot_steer_the_bar(pipeline, tmp_path, monkeypatch):
    """Of a photo with a name that holds commands to a terminal; the bar writes to one that is none."""
    terminal = StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    name = f"{'long' * 20}\x1b[31m\r\n.png"
    Image.fromarray(nothing(64, 48)).save(tmp_path / name)
    predict_to_stream(find_sources([tmp_path]), pipeline, Target.of(os.devnull))
    shown = terminal.getvalue()
    assert "0 faces, …" in shown
    assert "\N{REPLACEMENT CHARACTER}[31m" in shown
    assert "\x1b[31m" not in shown
    assert "\r\n" not in shown


def test_records_on_a_terminal_are_not_torn_by_a_bar(sources, pipeline, monkeypatch):
    out, err = StringIO(), StringIO()
    out.isatty = err.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    assert predict_to_stream(sources[:2], pipeline, Target("jsonl")) == 0
    assert err.getvalue() == "Read 2 photos, with 0 faces. All could be read. Written to standard output.\n"
    assert len(out.getvalue().splitlines()) == 2


def test_names_cannot_steer_the_terminal(pipeline, tmp_path, capsys):
    name = "\x1b[31m.jpg"
    for each in (name, "b.jpg"):
        (tmp_path / each).write_bytes(b"broken")
    predict_to_stream(find_sources([tmp_path / name, tmp_path / "b.jpg"]), pipeline, Target.of(os.devnull))
    assert "\x1b" not in capsys.readouterr().err


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Photos with a face, enough to be killed in the middle of."""
    folder = tmp_path_factory.mktemp("many")
    Image.fromarray(face_at()).save(folder / "00.jpg")
    for index in range(1, MANY):
        shutil.copy(folder / "00.jpg", folder / f"{index:02d}.jpg")
    return folder


def start(checkpoint, folder, out, *options, **environment):
    """What it says goes into a file beside `out`."""
    command = [
        sys.executable,
        "-m",
        "vlfau",
        "predict",
        str(folder),
        "--out",
        f"{out}/",
        "--model",
        str(checkpoint),
    ]
    known = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    with out.with_suffix(".log").open("a") as log:
        return subprocess.Popen([*command, "--no-words", *options], cwd=ROOT, env=known, stderr=log)


def parts_of(out, rank):
    numbers = {int(path.name.split("-")[1]) for path in out.glob("part-*.parquet")}
    return {number for number in numbers if number % 2 == rank}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_the_share_of_a_killed_worker_is_redone(tiny_checkpoint, many, tmp_path):
    out = tmp_path / "out"
    workers = [
        start(tiny_checkpoint, many, out, RANK=str(r), WORLD_SIZE="2", LOCAL_RANK=str(r)) for r in (0, 1)
    ]
    while not parts_of(out, 1):
        assert workers[1].poll() is None, out.with_suffix(".log").read_text()
        time.sleep(0.02)
    workers[1].send_signal(signal.SIGKILL)
    assert workers[0].wait(timeout=500) == 0
    assert workers[1].wait(timeout=60) == -signal.SIGKILL
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*.parquet")}
    assert len(parts_of(out, 0)) == 4
    assert 1 <= len(parts_of(out, 1)) < 4, "it was killed too late"

    assert start(tiny_checkpoint, many, out, "--resume").wait(timeout=500) == 0  # alone this time
    found = pq.read_table(out).to_pylist()
    assert [Path(record["file"]).name for record in found] == [f"{index:02d}.jpg" for index in range(MANY)]
    assert all((out / name).stat().st_mtime_ns == written for name, written in kept.items())


@pytest.mark.slow
def test_accelerate_launch_shards_the_input(tiny_checkpoint, folder, tmp_path):
    out = tmp_path / "out"
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += [
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
        "--main_process_port",
        "0",
    ]
    photos = [str(folder / f"{index}.png") for index in range(6)]
    command = [
        *launch,
        "-m",
        "vlfau",
        "predict",
        *photos,
        "--out",
        f"{out}/",
        "--model",
        str(tiny_checkpoint),
    ]
    result = subprocess.run([*command, "--no-words"], cwd=ROOT, capture_output=True, text=True, timeout=550)
    assert result.returncode == 0, result.stderr
    assert [Path(record["file"]).name for record in pq.read_table(out).to_pylist()] == [
        f"{i}.png" for i in range(6)
    ]

    joined = tmp_path / "out.csv"
    command = [sys.executable, "-m", "vlfau", "join", str(out), "--out", str(joined)]
    assert subprocess.run(command, cwd=ROOT, timeout=300).returncode == 0
    assert len(joined.read_text().splitlines()) == 1 + 6
