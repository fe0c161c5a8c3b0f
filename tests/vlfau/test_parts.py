"""Part files are whole or not there; a run is gone on with only when it is the same, and joined only when finished."""

import csv
import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from vlfau.errors import OutputError
from vlfau.parts import Manifest, PartFolder, cut_into_parts, join, photos_per_part
from vlfau.records import columns, failed_record
from vlfau.sources import Source

NUMBERS = [1, 12]
NAMES = columns(NUMBERS, words=False)
PHOTOS = [Source(f"{i}.jpg") for i in range(5)]
MIXED = [*PHOTOS[:3], Source("a.mp4"), Source("b.mp4"), *PHOTOS[3:]]


def manifest(sources=PHOTOS, per_part=2, settings=None, version="v1"):
    return Manifest.of(sources, per_part, version, NAMES, settings or {"every": 1})


def record(name):
    return failed_record(name, "No face.", "v1", NUMBERS, words=False)


@pytest.fixture
def folder(tmp_path):
    folder = PartFolder(tmp_path / "out")
    folder.begin(manifest(), resume=False)
    return folder


def again(folder, asked=None, **options):
    """The same folder as another process sees it."""
    other = PartFolder(folder.path)
    other.begin(asked or manifest(), **{"resume": True} | options)
    return other


def finish(folder, sources=PHOTOS, per_part=2):
    for part in cut_into_parts(sources, per_part):
        folder.write(part.number, 0, [record(source.label) for source in part.sources], None, 0)


def test_photos_go_together_and_videos_alone_in_order():
    parts = cut_into_parts(MIXED, 2)
    assert [[source.path for source in part.sources] for part in parts] == [
        ["0.jpg", "1.jpg"],
        ["2.jpg"],
        ["a.mp4"],
        ["b.mp4"],
        ["3.jpg", "4.jpg"],
    ]
    assert [part.number for part in parts] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("photos", "workers", "expected"), [(3, 1, 1), (100, 1, 25), (100, 5, 5), (10**6, 8, 256)]
)
def test_every_worker_gets_several_parts(photos, workers, expected):
    assert photos_per_part(PHOTOS[:1] * photos, workers) == expected


def test_a_part_that_is_written_is_finished_for_the_next_process(folder):
    folder.write(1, 0, [record("2.jpg"), record("3.jpg")], None, 2)
    other = again(folder)
    assert other.progress(1).finished
    assert other.progress(1).unread == 2
    assert not other.progress(0).finished


def test_a_part_in_the_middle_knows_how_to_go_on(folder):
    folder.write(0, 0, [record("a")], {"place": {"index": 9}}, 0)
    folder.write(0, 1, [record("a")], {"place": {"index": 19}}, 1)
    progress = again(folder).progress(0)
    assert (progress.files, progress.finished, progress.unread) == (2, False, 1)
    assert progress.state == {"place": {"index": 19}}


def test_files_after_one_that_is_missing_or_damaged_do_not_count(folder):
    for number in range(3):
        folder.write(0, number, [], {"number": number}, 0)
    folder.write(1, 0, [], None, 0)
    (folder.path / "part-000000-00001.parquet").write_bytes(b"PAR1 cut")
    (folder.path / "part-000001-00000.parquet").unlink()
    other = again(folder)
    assert other.progress(0).state == {"number": 0}
    assert other.progress(1).files == 0


def test_nothing_half_written_has_the_name_of_a_part(folder, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        folder.write(0, 0, [record("0.jpg")], None, 0)
    assert again(folder).progress(0).files == 0
    assert not list(folder.path.glob("part-*"))


def test_a_second_run_is_refused_unless_it_resumes(folder):
    finish(folder)
    with pytest.raises(OutputError, match=r"there already.*3 part files.*--resume"):
        again(folder, resume=False)
    assert again(folder).progress(2).finished


@pytest.mark.parametrize(
    ("asked", "different"),
    [
        (manifest(PHOTOS[:4]), r"the paths \(5 photos and videos then, 4 now\)\."),
        (manifest([*PHOTOS[:4], Source("x.jpg")]), r"the paths \(as many photos and videos, but others\)\."),
        (manifest(settings={"every": 2}), r"--every \(1 then, 2 now\)\."),
        (manifest(settings={"every": 1, "baseline": [[1, 0.5]]}), r"--baseline\."),
        (manifest(settings={"every": 1, "words": True}), r"--words or --no-words\."),
        (manifest(version="v2"), r"the checkpoint \('v1' then, 'v2' now\)\."),
        (manifest(PHOTOS[:4], version="v2"), "the paths .*, the checkpoint "),
        (replace(manifest(), columns=("file",)), "how this version of the program"),
    ],
)
def test_another_run_is_not_gone_on_with(folder, asked, different):
    with pytest.raises(OutputError, match=f"Different are: {different}"):
        again(folder, asked)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(OutputError, match=r"not empty.*holiday\.jpg"):
        PartFolder(tmp_path).begin(manifest(), resume=False)


def test_workers_that_do_not_lead_wait_for_the_manifest(tmp_path, monkeypatch):
    monkeypatch.setattr("vlfau.parts.LONGEST_WAIT_S", 0.0)
    with pytest.raises(OutputError, match="was not begun"):
        PartFolder(tmp_path / "out").begin(manifest(), resume=False, leads=False)
    PartFolder(tmp_path / "out").begin(manifest(), resume=False)
    again(PartFolder(tmp_path / "out"), resume=False, leads=False)


def test_a_damaged_manifest_is_told_of(folder):
    (folder.path / "_manifest.json").write_text("{")
    with pytest.raises(OutputError, match="manifest of this run cannot be read"):
        again(folder)


def test_a_place_that_cannot_be_written_is_told_of(tmp_path):
    with pytest.raises(OutputError, match=r"cannot be written.*folder '.*/no' of --out is not there"):
        PartFolder(tmp_path / "no" / "such").begin(manifest(), resume=False)


def test_joining_into_a_folder_that_is_missing_says_so(folder, tmp_path):
    finish(folder)
    with pytest.raises(OutputError, match=r"folder '.*/none' of --out is not there\. Create it"):
        join(*folder.finished(), tmp_path / "none" / "joined.csv", "csv")


@pytest.mark.parametrize("form", ["csv", "jsonl", "openface", "parquet"])
def test_joined_records_come_in_the_order_of_the_sources(folder, tmp_path, form):
    folder.write(2, 0, [record("4.jpg")], None, 0)
    folder.write(0, 0, [record("0.jpg"), record("1.jpg")], None, 0)
    folder.write(1, 0, [record("2.jpg")], {}, 0)
    folder.write(1, 1, [record("3.jpg")], None, 0)
    out = tmp_path / "joined"
    join(*folder.finished(), out, form)
    assert files_in(out, form) == [f"{i}.jpg" for i in range(5)]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["joined"]


def files_in(path, form):
    if form == "parquet":
        return pq.read_table(path)["file"].to_pylist()
    with path.open() as file:
        return [row["file"] for row in (map(json.loads, file) if form == "jsonl" else csv.DictReader(file))]


def test_records_come_back_from_part_files_as_they_were(folder, tmp_path):
    known = record("0.jpg") | {
        "frame": 3,
        "time_s": 0.12,
        "face": 0,
        "track": 7,
        "success": 1,
        "AU12_p": 0.3333,
    }
    known |= {"AU12_c": 1, "AU12_letter": "C", "error": None}
    folder.write(0, 0, [known], None, 0)
    for part in (1, 2):
        folder.write(part, 0, [], None, 0)
    join(*folder.finished(), tmp_path / "a.jsonl", "jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text()) == known


def test_an_unfinished_run_is_not_joined(folder):
    folder.write(0, 0, [], None, 0)
    with pytest.raises(OutputError, match="2 of 3 parts"):
        folder.finished()


def test_a_folder_without_a_run_is_not_joined(tmp_path):
    with pytest.raises(OutputError, match="There is no run in this folder"):
        PartFolder(tmp_path).finished()


def test_other_programs_read_the_folder_as_one_table(folder):
    finish(folder)
    table = pq.read_table(folder.path)
    assert table["file"].to_pylist() == [source.label for source in PHOTOS]
    assert table.schema.names == list(NAMES)


def test_what_is_removed_is_only_ours(folder):
    finish(folder)
    (folder.path / "notes.txt").touch()
    folder.remove()
    assert [path.name for path in folder.path.iterdir()] == ["notes.txt"]
