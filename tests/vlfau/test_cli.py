"""The command line in a process of its own: a folder, a broken file, a photo without a face, exit codes."""

import csv
import json
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlfau.cli import build_parser, photos_at

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "tests" / "data"


def run(*arguments):
    command = [sys.executable, "-m", "vlfau", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One face, none, a broken file one level down, and a file that is no photo."""
    folder = tmp_path_factory.mktemp("photos")
    shutil.copy(PHOTOS / "face.jpg", folder / "b-face.jpg")
    Image.fromarray(np.full((240, 320, 3), 128, np.uint8)).save(folder / "c-empty.png")
    (folder / "a").mkdir()
    (folder / "a" / "broken.JPG").write_bytes(b"\xff\xd8\xff broken")
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture(scope="module")
def whole_folder(folder):
    return run("predict", folder)


def test_a_folder_gives_a_record_for_every_photo_in_order(whole_folder, folder):
    records = [json.loads(line) for line in whole_folder.stdout.splitlines()]
    names = [Path(record["file"]).relative_to(folder).as_posix() for record in records]
    assert names == ["a/broken.JPG", "b-face.jpg", "c-empty.png"]
    assert [record["success"] for record in records] == [0, 1, 0]
    assert "damaged" in records[0]["error"] or "not a photo" in records[0]["error"]
    assert "No face was found" in records[2]["error"]
    assert 0 <= records[1]["AU12_p"] <= 1
    assert isinstance(records[1]["description"], str)


def test_a_photo_that_cannot_be_read_gives_exit_code_1(whole_folder):
    assert whole_folder.returncode == 1
    assert "1 of 3 photos could not be read" in whole_folder.stderr
    assert "Traceback" not in whole_folder.stderr


def test_a_photo_without_a_face_does_not(folder, tmp_path):
    out = tmp_path / "out.csv"
    result = run("predict", folder / "c-empty.png", folder / "b-face.jpg", "--no-words", "--out", out)
    rows = list(csv.DictReader(StringIO(out.read_text())))
    assert (result.returncode, result.stdout) == (0, "")
    assert [row["success"] for row in rows] == ["0", "1"]
    assert "description" not in rows[0]


def test_info_prints_the_card_without_what_only_the_hub_reads():
    card = (ROOT / "vlfau/checkpoints/small/README.md").read_text()
    metadata, text = card.removeprefix("---\n").split("\n---\n", 1)
    assert "license: apache-2.0" in metadata
    assert run("info").stdout.strip() == text.strip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", PHOTOS / "face.jpg", "--model", "no/such/folder/here"], "no/such/folder/here"),
        (["predict", PHOTOS / "face.jpg", "--out", "no-such-folder/out.csv"], "cannot be written"),
        (["predict", ROOT / "tests" / "vlfau"], "no photo to read"),
        (["predict"], "PATH"),
    ],
)
def test_when_nothing_can_start_it_says_why(arguments, message):
    result = run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there_is_one_that_cannot_be_read():
    result = run("predict", "nowhere.jpg", "--format", "openface")
    (row,) = csv.DictReader(StringIO(result.stdout))
    assert (result.returncode, row["file"], row["success"]) == (1, "nowhere.jpg", "0")
    assert {"frame", "face_id", "confidence", "AU12_r", "AU12_c"} <= set(row)


def test_each_photo_is_taken_once(folder):
    face = folder / "b-face.jpg"
    assert photos_at([face, folder, face]).count(face) == 1


def test_words_are_on_unless_switched_off():
    assert build_parser().parse_args(["predict", "x"]).words is True
    assert build_parser().parse_args(["predict", "x", "--no-words"]).words is False
